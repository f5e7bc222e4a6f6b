/**
 * The way from the API server to the kubelets: TLS to the address and port that each Node says, and for the node in
 * this process to where it listens, whatever its Node says.
 */
import { forbidden, unavailable } from "#machinery/status.ts";
import type { Node } from "#resources/core/node.ts";
import { HttpClient } from "#wire/http-client.ts";
import type { ServerCertificates } from "../certificates.ts";
import type { Renewed } from "../certificates/renewal.ts";
import type { Destinations } from "./destinations.ts";

export interface OwnKubelet {
  readonly nodeName: string;
  readonly address: string;
  readonly port: number;
}

interface Known {
  readonly url: string;
  readonly client: HttpClient;
}

// Above the nodes of any cluster that one server holds; who is asked again is dialled again.
const clientsMax = 2_000;
// Kubelets answer at once; what takes longer is a body. A node that says nothing costs its caller no more than this.
const headMs = 60_000;

export class KubeletClients {
  private readonly certificates: Renewed<ServerCertificates>;
  private readonly destinations: Destinations;
  // By node, the one that was asked longest ago first. Invariant: at most clientsMax.
  private readonly clients = new Map<string, Known>();
  private own: OwnKubelet | undefined;

  constructor(certificates: Renewed<ServerCertificates>, destinations: Destinations) {
    this.certificates = certificates;
    this.destinations = destinations;
  }

  /** Says where the kubelet of this process listens. */
  knowOwn(own: OwnKubelet): void {
    this.own = own;
  }

  /** @throws StatusError 503 when the node has no address yet, 403 when it says one that is not its own. */
  of(node: Node): HttpClient {
    const name = node.metadata.name ?? "";
    const url = this.urlOf(name, node);
    const known = this.clients.get(name);
    this.clients.delete(name);
    if (known && known.url !== url) known.client.close();
    const kept = known?.url === url ? known : { url, client: this.dial(url) };
    this.clients.set(name, kept);
    this.bound();
    return kept.client;
  }

  close(): void {
    for (const { client } of this.clients.values()) client.close();
  }

  private urlOf(name: string, node: Node): string {
    if (this.own?.nodeName === name) return `https://${shown(this.own.address)}:${this.own.port}`;
    const address = node.status.addresses?.find(({ type }) => type === "InternalIP")?.address;
    if (address === undefined) throw unavailable(`node ${JSON.stringify(name)} has no address yet`);
    const port = node.status.daemonEndpoints.kubeletEndpoint.Port;
    const refusal = this.destinations.refusal({ address, port, nodeName: "" });
    if (refusal !== undefined)
      throw forbidden(
        { group: "", resource: "nodes", name },
        `expected its kubelet at an address that other machines have, ${refusal}`,
      );
    return `https://${shown(address)}:${port}`;
  }

  private bound(): void {
    const [oldest] = this.clients;
    if (!oldest || this.clients.size <= clientsMax) return;
    oldest[1].client.close();
    this.clients.delete(oldest[0]);
  }

  private dial(url: string): HttpClient {
    const { certificates } = this;
    const ca = certificates.now.kubeletCa.certificate;
    return new HttpClient({ url, protocol: "h1", headMs, ca, credentials: () => certificates.now.clients.apiServer });
  }
}

function shown(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
