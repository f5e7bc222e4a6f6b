/** The way from the API server to the kubelets: TLS to the address and port that each Node says. */
import { must } from "#base/assert.ts";
import { unavailable } from "#machinery/status.ts";
import type { Node } from "#resources/core/node.ts";
import { HttpClient } from "#wire/http-client.ts";
import type { ServerCertificates } from "../certificates.ts";
import type { Renewed } from "../certificates/renewal.ts";

export class KubeletClients {
  private readonly certificates: Renewed<ServerCertificates>;
  // By URL. One a node; a node that changes its address leaves its old one behind until the end, which is rare.
  private readonly clients = new Map<string, HttpClient>();

  constructor(certificates: Renewed<ServerCertificates>) {
    this.certificates = certificates;
  }

  /** @throws StatusError 503 when the node has no address yet. */
  of(node: Node): HttpClient {
    const address = node.status.addresses?.find(({ type }) => type === "InternalIP")?.address;
    if (address === undefined) throw unavailable(`node ${JSON.stringify(node.metadata.name)} has no address yet`);
    const port = node.status.daemonEndpoints.kubeletEndpoint.Port;
    const url = `https://${address}:${port}`;
    if (!this.clients.has(url)) this.clients.set(url, this.dial(url));
    return must(this.clients.get(url), "it was put there a line above");
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }

  private dial(url: string): HttpClient {
    const { certificates } = this;
    const ca = certificates.now.kubeletCa.certificate;
    return new HttpClient({ url, protocol: "h1", ca, credentials: () => certificates.now.clients.apiServer });
  }
}
