/**
 * Gives Services their cluster IP and node ports. What is in use is read off the Services themselves, so there is no
 * second record that could disagree with them; only what was promised a moment ago is kept beside it.
 *
 * Differs from upstream: no IPAddress object is made for a cluster IP, because the Service already says it.
 *
 * @see https://kubernetes.io/docs/reference/networking/virtual-ips/
 */
import { cidrContains, cidrSize, formatCidr, formatIpv4, parseIpv4, type Cidr } from "#base/cidr.ts";
import type { Random } from "#base/random.ts";
import type { Informer } from "#client/informer.ts";
import { invalid as invalidField, required, type FieldError } from "#machinery/field-error.ts";
import type { Draft } from "#machinery/meta.ts";
import { internal, invalid } from "#machinery/status.ts";
import type { Service, ServicePort } from "#resources/core/service.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";

export interface PortRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

export interface ServiceAddressOptions {
  readonly informer: Informer<Service>;
  readonly random: Random;
  readonly cidr: Cidr;
  readonly nodePorts: PortRange;
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
  // Promised to a write that the informer has not shown yet. Keys: an address, or "TCP/30080".
  private readonly promised = new Map<string, string>();

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

  async mutate(request: AdmissionRequest, raw: Record<string, unknown>): Promise<void> {
    // Holds because handles() lets only services through.
    const service = raw as unknown as ServiceDraft;
    const old = request.old as Service | undefined;
    this.forgetSeen();
    if (old) keepAllocated(service, old);
    const errors = [...this.assignAddress(service, request), ...this.assignPorts(service, request)];
    if (errors.length > 0) {
      this.rollback(request);
      throw invalid({ group: "", resource: "Service", name: service.metadata.name ?? "" }, errors);
    }
    if (request.dryRun) this.rollback(request);
  }

  rollback(request: AdmissionRequest): void {
    const holder = holderOf(request);
    for (const [what, by] of this.promised) if (by === holder) this.promised.delete(what);
  }

  private forgetSeen(): void {
    for (const what of this.promised.keys())
      if (this.options.informer.byIndex("address", what).length > 0) this.promised.delete(what);
  }

  private assignAddress(service: ServiceDraft, request: AdmissionRequest): FieldError[] {
    const { spec } = service;
    if (spec.type === "ExternalName") {
      delete spec.clusterIP;
      delete spec.clusterIPs;
      delete spec.ipFamilies;
      delete spec.ipFamilyPolicy;
      return [];
    }
    const asked = spec.clusterIP ?? spec.clusterIPs?.[0] ?? "";
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
    const given = asked === "" ? this.freeAddress() : asked;
    const error = given === "None" ? undefined : this.take({ service, request, address: given });
    spec.clusterIP = given;
    spec.clusterIPs = [given];
    return error ? [error] : [];
  }

  private take({ service, request, address }: AddressClaim): FieldError | undefined {
    const number = parseIpv4(address);
    const { cidr } = this.options;
    const old = request.old as Service | undefined;
    if (old?.spec.clusterIP === address) return undefined;
    if (number === undefined || !cidrContains(cidr, number))
      return invalidField(
        "spec.clusterIPs",
        [address],
        `failed to allocate IP ${address}: the provided IP (${address}) is not in the valid range. The range of valid IPs is ${formatCidr(cidr)}`,
      );
    if (this.isTaken(address) && !isKubernetesService(service))
      return invalidField(
        "spec.clusterIPs",
        [address],
        `failed to allocate IP ${address}: provided IP is already allocated`,
      );
    this.promised.set(address, holderOf(request));
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
      if (!this.isTaken(address)) return address;
    }
    for (let offset = size - 2; offset > 0; offset--) {
      const address = formatIpv4(cidr.base + offset);
      if (!this.isTaken(address)) return address;
    }
    throw internal(`failed to allocate a serviceIP: range ${formatCidr(cidr)} is full`);
  }

  private assignPorts(service: ServiceDraft, request: AdmissionRequest): FieldError[] {
    const { spec } = service;
    const wanted =
      spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
    const ports = spec.ports ?? [];
    if (!wanted && spec.type !== "LoadBalancer") {
      delete spec.healthCheckNodePort;
      return [];
    }
    const errors = ports.flatMap((port, index) => {
      const error = this.assignPort({ port, ports, request, wanted });
      return error === undefined ? [] : [invalidField(`spec.ports[${index}].nodePort`, port.nodePort, error)];
    });
    return [...errors, ...this.assignHealthPort(service, request)];
  }

  private assignPort({ port, ports, request, wanted }: PortClaim): string | undefined {
    const old = request.old as Service | undefined;
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
      this.promised.set(`${protocol}/${port.nodePort}`, holderOf(request));
      return undefined;
    }
    const number = port.nodePort ?? 0;
    const kept = (old?.spec.ports ?? []).some((was) => was.nodePort === number && (was.protocol ?? "TCP") === protocol);
    if (kept) return undefined;
    const { first, last } = this.options.nodePorts;
    if (number < first || number > last)
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    if (this.isTaken(`${protocol}/${number}`)) return "provided port is already allocated";
    this.promised.set(`${protocol}/${number}`, holderOf(request));
    return undefined;
  }

  private assignHealthPort(service: ServiceDraft, request: AdmissionRequest): FieldError[] {
    const { spec } = service;
    if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") return [];
    if ((spec.healthCheckNodePort ?? 0) === 0) {
      spec.healthCheckNodePort = this.freePort("TCP");
      this.promised.set(`TCP/${spec.healthCheckNodePort}`, holderOf(request));
    }
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

interface AddressClaim {
  readonly service: ServiceDraft;
  readonly request: AdmissionRequest;
  readonly address: string;
}

interface PortClaim {
  readonly port: Draft<ServicePort>;
  readonly ports: readonly Draft<ServicePort>[];
  readonly request: AdmissionRequest;
  readonly wanted: boolean;
}

function holderOf(request: AdmissionRequest): string {
  return `${request.key.namespace}/${request.key.name === "" ? (request.object?.metadata.name ?? "") : request.key.name}`;
}

function isKubernetesService(service: ServiceDraft): boolean {
  return service.metadata.namespace === "default" && service.metadata.name === "kubernetes";
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
