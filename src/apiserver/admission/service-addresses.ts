/**
 * Gives Services their cluster IP and node ports: chooses what no Service has as far as is known here. That two writes at
 * the same time chose the same shows when they are stored, see service-claims.ts; one of them chooses anew.
 *
 * @see https://kubernetes.io/docs/reference/networking/virtual-ips/
 */
import { cidrContains, cidrSize, formatCidr, formatIpv4, parseIpv4, type Cidr } from "#base/cidr.ts";
import type { Random } from "#base/random.ts";
import type { Informer } from "#client/informer.ts";
import { invalid as invalidField, required, type FieldError } from "#machinery/field-error.ts";
import { keyOf, type Draft, type ObjectKey } from "#machinery/meta.ts";
import { internal, invalid } from "#machinery/status.ts";
import type { Service, ServicePort } from "#resources/core/service.ts";
import type { AdmissionPlugin, AdmissionRequest, Companion } from "../access.ts";
import type { Core } from "../call.ts";
import { claimChanges, claimsOf, type Claim } from "./service-claims.ts";

export interface PortRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

export interface ServiceAddressOptions {
  readonly core: Pick<Core, "store" | "registry" | "clock" | "random" | "log">;
  readonly informer: Informer<Service>;
  readonly random: Random;
  readonly cidr: Cidr;
  readonly nodePorts: PortRange;
  /** Addresses that only some Services may have, each with whose it is: the API's and the cluster DNS's. */
  readonly reserved: ReadonlyMap<string, ObjectKey>;
}

// Random tries before the pool is walked from end to end.
const randomTriesMax = 16;

type ServiceDraft = Draft<Service>;

export function serviceAddresses(options: ServiceAddressOptions): AdmissionPlugin {
  return new ServiceAddresses(options);
}

class ServiceAddresses implements AdmissionPlugin {
  readonly name = "ServiceAddresses";
  private readonly options: ServiceAddressOptions;

  constructor(options: ServiceAddressOptions) {
    this.options = options;
    options.informer.addIndex("address", (service) => claimsOf(service));
  }

  handles(request: AdmissionRequest): boolean {
    return request.resource.id === "services" && request.subresource === "" && request.operation !== "connect";
  }

  async mutate(request: AdmissionRequest, raw: Record<string, unknown>): Promise<void> {
    // Holds because handles() lets only services through.
    const service = raw as unknown as ServiceDraft;
    // Holds for the same reason.
    const old = request.old as Service | undefined;
    if (old) keepAllocated(service, old);
    const given = new Set<Claim>();
    const asked = { old, given };
    const errors = [...this.assignAddress(service, asked), ...this.assignPorts(service, asked)];
    if (errors.length > 0) throw invalid({ group: "", resource: "Service", name: service.metadata.name ?? "" }, errors);
  }

  companions(request: AdmissionRequest): Promise<readonly Companion[]> {
    // All three hold because handles() lets only services through.
    const [old, now] = [request.old as Service | undefined, request.object as Service | undefined];
    const { metadata } = (now ?? old) as Service;
    const owner = { namespace: metadata.namespace ?? "", name: metadata.name ?? "" };
    return claimChanges(this.options.core, { owner, old, now });
  }

  private assignAddress(service: ServiceDraft, asked: Asked): FieldError[] {
    const { spec } = service;
    if (spec.type === "ExternalName") {
      delete spec.clusterIP;
      delete spec.clusterIPs;
      delete spec.ipFamilies;
      delete spec.ipFamilyPolicy;
      return [];
    }
    const wanted = spec.clusterIP ?? spec.clusterIPs?.[0] ?? "";
    const [first = wanted] = spec.clusterIPs ?? [];
    if (!asked.old && first !== wanted)
      return [invalidField("spec.clusterIPs", spec.clusterIPs, "first value must match `clusterIP`")];
    spec.ipFamilyPolicy ??= "SingleStack";
    spec.ipFamilies ??= ["IPv4"];
    if (spec.ipFamilies.includes("IPv6") && spec.ipFamilyPolicy !== "PreferDualStack")
      return [invalidField("spec.ipFamilies[0]", "IPv6", "not configured on this cluster")];
    spec.ipFamilies = ["IPv4"];
    if (spec.ipFamilyPolicy === "RequireDualStack")
      return [
        invalidField(
          "spec.ipFamilyPolicy",
          "RequireDualStack",
          "this cluster is not configured for dual-stack services",
        ),
      ];
    const given = wanted === "" ? this.freeAddress() : wanted;
    const error = given === "None" ? undefined : this.take({ service, asked, address: given });
    spec.clusterIP = given;
    spec.clusterIPs = [given];
    return error ? [error] : [];
  }

  private take({ service, asked, address }: AddressClaim): FieldError | undefined {
    const number = parseIpv4(address);
    const { cidr, reserved } = this.options;
    if (asked.old?.spec.clusterIP === address) return undefined;
    if (number === undefined || !cidrContains(cidr, number))
      return invalidField(
        "spec.clusterIPs",
        [address],
        `failed to allocate IP ${address}: the provided IP (${address}) is not in the valid range. The range of valid IPs is ${formatCidr(cidr)}`,
      );
    // The first and the last address are the network's and everybody's.
    if (number === cidr.base || number === cidr.base + cidrSize(cidr) - 1)
      return invalidField(
        "spec.clusterIPs",
        [address],
        `failed to allocate IP ${address}: the provided network does not match the current range`,
      );
    const owner = reserved.get(address);
    if (owner ? !isOf(owner, service) : this.isAnothers(address, service))
      return invalidField(
        "spec.clusterIPs",
        [address],
        `failed to allocate IP ${address}: provided IP is already allocated`,
      );
    return undefined;
  }

  /** One of the same name is told that the name is taken. */
  private isAnothers(address: string, { metadata }: ServiceDraft): boolean {
    const holders = this.options.informer.byIndex("address", address);
    return holders.some((holder) => !isOf(keyOf(holder), { metadata }));
  }

  /** As far as is known here: who comes first is decided when the Service is stored. */
  private isTaken(claim: Claim): boolean {
    return this.options.informer.byIndex("address", claim).length > 0;
  }

  // The lower part of the range is left for addresses that are asked for by name, as upstream divides it.
  private freeAddress(): string {
    const { cidr, random } = this.options;
    const size = cidrSize(cidr);
    const reserved = Math.min(Math.max(16, Math.floor(size / 16)), 256);
    const first = size > 2 * reserved ? reserved : 1;
    const count = size - 1 - first;
    for (let tries = 0; tries < randomTriesMax; tries++) {
      const address = formatIpv4(cidr.base + first + Math.floor(random.fraction() * count));
      if (!this.isTaken(address) && !this.options.reserved.has(address)) return address;
    }
    for (let offset = size - 2; offset > 0; offset--) {
      const address = formatIpv4(cidr.base + offset);
      if (!this.isTaken(address) && !this.options.reserved.has(address)) return address;
    }
    throw internal(`failed to allocate a serviceIP: range ${formatCidr(cidr)} is full`);
  }

  private assignPorts(service: ServiceDraft, asked: Asked): FieldError[] {
    const { spec } = service;
    const wanted =
      spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
    const ports = spec.ports ?? [];
    if (!wanted && spec.type !== "LoadBalancer") {
      delete spec.healthCheckNodePort;
      return [];
    }
    const errors = ports.flatMap((port, index) => {
      const error = this.assignPort({ port, ports, asked, wanted });
      return error === undefined ? [] : [invalidField(`spec.ports[${index}].nodePort`, port.nodePort, error)];
    });
    return [...errors, ...this.assignHealthPort(service, asked)];
  }

  private assignPort({ port, ports, asked, wanted }: PortClaim): string | undefined {
    const { old, given } = asked;
    const protocol = port.protocol ?? "TCP";
    if ((port.nodePort ?? 0) === 0) {
      if (!wanted) return undefined;
      // The same port number serves two protocols when the service port is the same.
      const twin = ports.find(
        (other) =>
          other !== port &&
          other.port === port.port &&
          (other.nodePort ?? 0) !== 0 &&
          (other.protocol ?? "TCP") !== protocol &&
          !this.isTaken(`${protocol}/${other.nodePort}`),
      );
      port.nodePort = twin?.nodePort ?? this.freePort(protocol, given);
      given.add(`${protocol}/${port.nodePort}`);
      return undefined;
    }
    const number = port.nodePort ?? 0;
    const kept = (old?.spec.ports ?? []).some((was) => was.nodePort === number && (was.protocol ?? "TCP") === protocol);
    if (kept) return undefined;
    const error = this.unavailable({ protocol, port: number, given });
    if (error === undefined) given.add(`${protocol}/${number}`);
    return error;
  }

  /** Why nobody can have a port of the nodes. */
  private unavailable({ protocol, port, given }: PortWish): string | undefined {
    const { first, last } = this.options.nodePorts;
    if (port < first || port > last)
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    const claim = `${protocol}/${port}`;
    return given.has(claim) || this.isTaken(claim) ? "provided port is already allocated" : undefined;
  }

  private assignHealthPort(service: ServiceDraft, { old, given: taken }: Asked): FieldError[] {
    const { spec } = service;
    if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") return [];
    const given = spec.healthCheckNodePort ?? 0;
    if (given === 0) spec.healthCheckNodePort = this.freePort("TCP", taken);
    else if (given !== old?.spec.healthCheckNodePort) {
      const error = this.unavailable({ protocol: "TCP", port: given, given: taken });
      if (error !== undefined) return [invalidField("spec.healthCheckNodePort", given, error)];
    }
    return spec.healthCheckNodePort === undefined ? [required("spec.healthCheckNodePort")] : [];
  }

  private freePort(protocol: string, given: ReadonlySet<Claim>): number {
    const { first, last } = this.options.nodePorts;
    const isFree = (port: number): boolean => !given.has(`${protocol}/${port}`) && !this.isTaken(`${protocol}/${port}`);
    for (let tries = 0; tries < randomTriesMax; tries++) {
      const port = first + Math.floor(this.options.random.fraction() * (last - first + 1));
      if (isFree(port)) return port;
    }
    for (let port = first; port <= last; port++) if (isFree(port)) return port;
    throw internal(`failed to allocate a nodePort: range ${first}-${last} is full`);
  }
}

interface Asked {
  readonly old: Service | undefined;
  /** Ports that this Service gets already. */
  readonly given: Set<Claim>;
}

interface PortWish {
  readonly protocol: string;
  readonly port: number;
  readonly given: ReadonlySet<Claim>;
}

interface AddressClaim {
  readonly service: ServiceDraft;
  readonly asked: Asked;
  readonly address: string;
}

interface PortClaim {
  readonly port: Draft<ServicePort>;
  readonly ports: readonly Draft<ServicePort>[];
  readonly asked: Asked;
  readonly wanted: boolean;
}

function isOf(owner: ObjectKey, { metadata }: Pick<ServiceDraft, "metadata">): boolean {
  return metadata.namespace === owner.namespace && metadata.name === owner.name;
}

/** A client that sends a Service without what was allocated means to keep it. */
function keepAllocated(service: ServiceDraft, old: Service): void {
  const { spec } = service;
  if (spec.type === "ExternalName") return;
  if ((spec.clusterIP ?? "") === "" && (spec.clusterIPs ?? []).length === 0 && old.spec.clusterIP !== undefined) {
    spec.clusterIP = old.spec.clusterIP;
    spec.clusterIPs = [...(old.spec.clusterIPs ?? [old.spec.clusterIP])];
  }
  spec.ipFamilyPolicy ??= old.spec.ipFamilyPolicy;
  spec.ipFamilies ??= old.spec.ipFamilies ? [...old.spec.ipFamilies] : undefined;
  if (spec.type !== "NodePort" && spec.type !== "LoadBalancer") {
    // Turning a NodePort into a ClusterIP gives its ports back, unless they are named anew.
    for (const port of spec.ports ?? [])
      if ((old.spec.ports ?? []).some((was) => was.nodePort === port.nodePort)) delete port.nodePort;
    return;
  }
  for (const port of spec.ports ?? []) {
    if ((port.nodePort ?? 0) !== 0) continue;
    const was = (old.spec.ports ?? []).find((one) => one.port === port.port && one.protocol === port.protocol);
    if (was?.nodePort !== undefined) port.nodePort = was.nodePort;
  }
}
