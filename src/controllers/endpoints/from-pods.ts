/** The endpoints of a Service: pods it selects, and the ports they listen on. Shared by Endpoints and EndpointSlices. */
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
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
  readonly pod: Pod;
  readonly address: string;
  readonly ports: readonly ResolvedPort[];
  readonly ready: boolean;
  /** Able to take traffic, also while it ends, and whatever the Service publishes. */
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** Pods that have an address and have not ended. */
export function backendsOf(service: Service, candidates: readonly Pod[]): Backend[] {
  const notReadyToo = service.spec.publishNotReadyAddresses === true;
  return candidates
    .filter((pod) => (pod.status.podIP ?? "") !== "" && !isEnded(pod))
    .map((pod) => {
      const terminating = pod.metadata.deletionTimestamp !== undefined;
      const serving = isReady(pod);
      return {
        pod,
        address: pod.status.podIP ?? "",
        ports: portsOf(service, pod),
        ready: notReadyToo || (serving && !terminating),
        serving,
        terminating,
      };
    });
}

function portsOf(service: Service, pod: Pod): ResolvedPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPort(port, pod);
    if (number === undefined) return [];
    return [{ name: port.name ?? "", protocol: port.protocol ?? "TCP", port: number, appProtocol: port.appProtocol }];
  });
}

function targetPort(port: ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target === 0 ? port.port : target;
  if (target === "") return port.port;
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === "Always");
  const containers: readonly Container[] = [...pod.spec.containers, ...sidecars];
  const named = containers
    .flatMap((container) => container.ports ?? [])
    .find((one) => one.name === target && (one.protocol ?? "TCP") === (port.protocol ?? "TCP"));
  return named?.containerPort;
}

/** The name DNS gives the pod, when its hostname and subdomain make it part of this headless Service. */
export function hostnameIn(service: Service, pod: Pod): string | undefined {
  const { hostname = "", subdomain = "" } = pod.spec;
  const belongs = hostname !== "" && subdomain === service.metadata.name;
  return belongs && pod.metadata.namespace === service.metadata.namespace ? hostname : undefined;
}
