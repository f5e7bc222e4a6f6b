/** The endpoints of a Service: pods it selects, and the ports they listen on. Shared by Endpoints and EndpointSlices. */
import type { PodSeen } from "../pod-view.ts";
import type { Service, ServicePort } from "#resources/core/service.ts";
import { isEnded, isReady } from "../pod-state.ts";

/** A port of a Service as one pod has it. */
export interface ResolvedPort {
  readonly name: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly port: number;
  readonly appProtocol: string | undefined;
}

/** A pod with its address, as a Service sees it. */
export interface Backend {
  readonly pod: PodSeen;
  readonly address: string;
  /** The same list for pods that name their ports alike. */
  readonly ports: readonly ResolvedPort[];
  readonly ready: boolean;
  /** Able to take traffic, also while it ends, and whatever the Service publishes. */
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** Pods that have an address and have not ended. */
export function backendsOf(service: Service, candidates: readonly PodSeen[]): Backend[] {
  const notReadyToo = service.spec.publishNotReadyAddresses === true;
  const portsOf = portResolver(service);
  return candidates
    .filter((pod) => (pod.status.podIP ?? "") !== "" && !isEnded(pod))
    .map((pod) => {
      const terminating = pod.metadata.deletionTimestamp !== undefined;
      const serving = isReady(pod);
      return {
        pod,
        address: pod.status.podIP ?? "",
        ports: portsOf(pod),
        ready: notReadyToo || (serving && !terminating),
        serving,
        terminating,
      };
    });
}

/** A Service may have thousands of ports, and thousands of pods: what is the same for all of them is found once. */
function portResolver(service: Service): (pod: PodSeen) => readonly ResolvedPort[] {
  const ports = service.spec.ports ?? [];
  const wanted = new Set(ports.map(({ targetPort }) => targetPort).filter((target) => typeof target === "string"));
  const resolved = new Map<string, readonly ResolvedPort[]>();
  return (pod) => {
    const named = namedPorts(pod, wanted);
    const id = JSON.stringify([...named]);
    const known = resolved.get(id) ?? ports.flatMap((port) => resolve(port, named));
    resolved.set(id, known);
    return known;
  };
}

function resolve(port: ServicePort, named: ReadonlyMap<string, number>): ResolvedPort[] {
  const number = targetPort(port, named);
  if (number === undefined) return [];
  return [{ name: port.name ?? "", protocol: port.protocol ?? "TCP", port: number, appProtocol: port.appProtocol }];
}

const nameOf = (name: string, protocol = "TCP"): string => `${protocol}/${name}`;

/** The pod's ports that are wanted by their names; the first of a name counts. */
function namedPorts(pod: PodSeen, wanted: ReadonlySet<string>): ReadonlyMap<string, number> {
  const named = new Map<string, number>();
  if (wanted.size === 0) return named;
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === "Always");
  for (const container of [...pod.spec.containers, ...sidecars])
    for (const { name, protocol, containerPort } of container.ports ?? []) {
      if (name === undefined || !wanted.has(name)) continue;
      const id = nameOf(name, protocol);
      if (!named.has(id)) named.set(id, containerPort);
    }
  return named;
}

function targetPort(port: ServicePort, named: ReadonlyMap<string, number>): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target === 0 ? port.port : target;
  return target === "" ? port.port : named.get(nameOf(target, port.protocol));
}

/** The name DNS gives the pod, when its hostname and subdomain make it part of this headless Service. */
export function hostnameIn(service: Service, pod: PodSeen): string | undefined {
  const { hostname = "", subdomain = "" } = pod.spec;
  const belongs = hostname !== "" && subdomain === service.metadata.name;
  return belongs && pod.metadata.namespace === service.metadata.namespace ? hostname : undefined;
}
