/**
 * Gives Services their cluster IP and node ports. What is in use is read off the Services themselves, so there is no
 * second record that could disagree with them; what is promised to a write is kept beside it for as long as that write
 * is under way, whatever becomes of it.
 *
 * Differs from upstream: no IPAddress object is made for a cluster IP, because the Service already says it.
 *
 * @see https://kubernetes.io/docs/reference/networking/virtual-ips/
 */
import { cidrContains, cidrSize, formatCidr, formatIpv4, parseIpv4, type Cidr } from "#base/cidr.ts";
import type { Random } from "#base/random.ts";
import type { Informer } from "#client/informer.ts";
import { invalid as invalidField, required, type FieldError } from "#machinery/field-error.ts";
import type { Draft, ObjectKey } from "#machinery/meta.ts";
import { internal, invalid } from "#machinery/status.ts";
import type { Service, ServicePort } from "#resources/core/service.ts";
import type { AdmissionPlugin, AdmissionRequest, WriteAttempt } from "../access.ts";

export interface PortRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

export interface ServiceAddressOptions {
  readonly informer: Informer<Service>;
  readonly random: Random;
  /** Ends the waits for the informer. */
  readonly signal: AbortSignal;
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
  // Promised to a write that is under way, or that the informer has not shown yet. Keys: an address, or "TCP/30080".
  private readonly promised = new Map<string, WriteAttempt>();

  constructor(options: ServiceAddressOptions) {
    this.options = options;
    options.informer.addIndex("address", (service) => takenBy(service));
  }

  handles(request: AdmissionRequest): boolean {
    return (
      request.resource.id === "services" &&
      request.subresource === "" &&
      (request.operation === "create" || request.operation === "update")
    );
  }

  async mutate(request: AdmissionRequest, raw: Record<string, unknown>, attempt: WriteAttempt): Promise<void> {
    // Holds because handles() lets only services through.
    const service = raw as unknown as ServiceDraft;
    // Holds for the same reason.
    const old = request.old as Service | undefined;
    if (old) keepAllocated(service, old);
    const asked = { old, attempt };
    const errors = [...this.assignAddress(service, asked), ...this.assignPorts(service, asked)];
    if (errors.length > 0) throw invalid({ group: "", resource: "Service", name: service.metadata.name ?? "" }, errors);
  }

  ended(attempt: WriteAttempt, writtenAt: string | undefined): void {
    const release = (): void => {
      for (const [what, by] of this.promised) if (by === attempt) this.promised.delete(what);
    };
    if (writtenAt === undefined) return release();
    // What was written is read off the Services once the informer has seen it; until then nobody else may have it.
    this.options.informer.whenSeen(writtenAt, this.options.signal).then(release, release);
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
    if (owner ? !isOf(owner, service) : this.isTaken(address))
      return invalidField(
        "spec.clusterIPs",
        [address],
        `failed to allocate IP ${address}: provided IP is already allocated`,
      );
    this.promised.set(address, asked.attempt);
    return undefined;
  }

  private isTaken(what: string): boolean {
    return this.promised.has(what) || this.options.informer.byIndex("address", what).length > 0;
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
    const { old, attempt } = asked;
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
      port.nodePort = twin?.nodePort ?? this.freePort(protocol);
      this.promised.set(`${protocol}/${port.nodePort}`, attempt);
      return undefined;
    }
    const number = port.nodePort ?? 0;
    const kept = (old?.spec.ports ?? []).some((was) => was.nodePort === number && (was.protocol ?? "TCP") === protocol);
    if (kept) return undefined;
    const error = this.unavailable(protocol, number);
    if (error === undefined) this.promised.set(`${protocol}/${number}`, attempt);
    return error;
  }

  /** Why nobody can have a port of the nodes. */
  private unavailable(protocol: string, port: number): string | undefined {
    const { first, last } = this.options.nodePorts;
    if (port < first || port > last)
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    return this.isTaken(`${protocol}/${port}`) ? "provided port is already allocated" : undefined;
  }

  private assignHealthPort(service: ServiceDraft, { old, attempt }: Asked): FieldError[] {
    const { spec } = service;
    if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") return [];
    const given = spec.healthCheckNodePort ?? 0;
    if (given === 0) spec.healthCheckNodePort = this.freePort("TCP");
    else if (given !== old?.spec.healthCheckNodePort) {
      const error = this.unavailable("TCP", given);
      if (error !== undefined) return [invalidField("spec.healthCheckNodePort", given, error)];
    }
    this.promised.set(`TCP/${spec.healthCheckNodePort}`, attempt);
    return spec.healthCheckNodePort === undefined ? [required("spec.healthCheckNodePort")] : [];
  }

  private freePort(protocol: string): number {
    const { first, last } = this.options.nodePorts;
    for (let tries = 0; tries < randomTriesMax; tries++) {
      const port = first + Math.floor(this.options.random.fraction() * (last - first + 1));
      if (!this.isTaken(`${protocol}/${port}`)) return port;
    }
    for (let port = first; port <= last; port++) if (!this.isTaken(`${protocol}/${port}`)) return port;
    throw internal(`failed to allocate a nodePort: range ${first}-${last} is full`);
  }
}

interface Asked {
  readonly old: Service | undefined;
  readonly attempt: WriteAttempt;
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

function isOf(owner: ObjectKey, { metadata }: ServiceDraft): boolean {
  return metadata.namespace === owner.namespace && metadata.name === owner.name;
}

function takenBy(service: Service): string[] {
  const { spec } = service;
  const address = spec.clusterIP ?? "";
  const ports = (spec.ports ?? []).flatMap((port) =>
    (port.nodePort ?? 0) === 0 ? [] : [`${port.protocol ?? "TCP"}/${port.nodePort}`],
  );
  const health = (spec.healthCheckNodePort ?? 0) === 0 ? [] : [`TCP/${spec.healthCheckNodePort}`];
  return [...(address === "" || address === "None" ? [] : [address]), ...ports, ...health];
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
