/**
 * Quality of service: how a pod ranks when memory runs out, and the limits of its control groups.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
 */
import { own } from "#base/own.ts";
import type { LinuxContainerResources } from "#host/cri.ts";
import type { Container, EphemeralContainer } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import { amountOf, cpuPeriodMicros, millisOf, quotaOf, requestOf, sharesOf, wholeOf } from "./amounts.ts";
import { containersOf, isSidecar } from "./observation.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

const counted = ["cpu", "memory"] as const;

// Asked for each container of a pod, at each look. Invariant: a specification does not change; it is made anew.
const known = new WeakMap<Pod["spec"], QosClass>();

export function qosClassOf(pod: Pod): QosClass {
  const before = known.get(pod.spec);
  if (before !== undefined) return before;
  const qosClass = classify(pod);
  known.set(pod.spec, qosClass);
  return qosClass;
}

function classify(pod: Pod): QosClass {
  const parts = pod.spec.resources ? [{ resources: pod.spec.resources }] : containersOf(pod);
  let any = false;
  let guaranteed = true;
  for (const part of parts)
    for (const name of counted) {
      const limit = amountOf(part.resources?.limits?.[name]);
      const request = amountOf(requestOf(part, name));
      if (limit > 0 || request > 0) any = true;
      if (limit === 0 || limit !== request) guaranteed = false;
    }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

/** What the pod asks of a resource altogether, with the largest init container and the overhead. */
export function podTotal(pod: Pod, of: (container: Pick<Container, "resources">) => number, overhead = 0): number {
  const whole = pod.spec.resources ? of({ resources: pod.spec.resources }) : 0;
  if (whole > 0) return whole + overhead;
  let sidecars = 0;
  let peak = 0;
  for (const container of pod.spec.initContainers ?? []) {
    if (isSidecar(container)) sidecars += of(container);
    peak = Math.max(peak, sidecars + (isSidecar(container) ? 0 : of(container)));
  }
  const running = pod.spec.containers.reduce((sum, container) => sum + of(container), sidecars);
  return Math.max(running, peak) + overhead;
}

export const podRequestMillis = (pod: Pod): number =>
  podTotal(pod, (one) => millisOf(requestOf(one, "cpu")), millisOf(pod.spec.overhead?.["cpu"]));

export function podRequest(pod: Pod, name: string): number {
  return podTotal(pod, (one) => wholeOf(requestOf(one, name)), wholeOf(own(pod.spec.overhead, name)));
}

/** Limits of the pod's own control group. Absent where a container has no limit. */
export interface PodLimits {
  readonly cpuShares: number;
  readonly cpuLimitMillis?: number;
  readonly memoryBytesMax?: number;
}

export function podLimits(pod: Pod): PodLimits {
  const all = pod.spec.resources?.limits ? [{ resources: pod.spec.resources }] : containersOf(pod);
  const bounded = (name: string): boolean => all.every((one) => amountOf(own(one.resources?.limits, name)) > 0);
  const cpu = podTotal(pod, (one) => millisOf(one.resources?.limits?.["cpu"]), millisOf(pod.spec.overhead?.["cpu"]));
  const memory = podTotal(
    pod,
    (one) => wholeOf(one.resources?.limits?.["memory"]),
    wholeOf(pod.spec.overhead?.["memory"]),
  );
  return {
    cpuShares: sharesOf(podRequestMillis(pod)),
    ...(bounded("cpu") && { cpuLimitMillis: cpu }),
    ...(bounded("memory") && { memoryBytesMax: memory }),
  };
}

/** The pod's group below the node's: Guaranteed pods stand beside the groups of the other two classes. */
export function podCgroup(root: string, pod: Pod): string {
  const group: Readonly<Record<QosClass, string>> = {
    Guaranteed: "",
    Burstable: "/burstable",
    BestEffort: "/besteffort",
  };
  return `${root}/kubepods${group[qosClassOf(pod)]}/pod${pod.metadata.uid}`;
}

const guaranteedOomScore = -997;
const bestEffortOomScore = 1000;
const nodeCriticalPriority = 2_000_001_000;

/** How soon the kernel kills the container when memory runs out. */
export function oomScoreOf(pod: Pod, container: Container | EphemeralContainer, nodeMemoryBytes: number): number {
  if ((pod.spec.priority ?? 0) >= nodeCriticalPriority) return guaranteedOomScore;
  const qos = qosClassOf(pod);
  if (qos === "Guaranteed") return guaranteedOomScore;
  if (qos === "BestEffort") return bestEffortOomScore;
  const request = wholeOf(requestOf(container, "memory"));
  const score = 1000 - Math.floor((1000 * request) / nodeMemoryBytes);
  return Math.min(Math.max(score, 1000 + guaranteedOomScore), bestEffortOomScore - 1);
}

/** What the runtime is told for one container. */
export function containerResources(
  pod: Pod,
  container: Container | EphemeralContainer,
  nodeMemoryBytes: number,
): LinuxContainerResources {
  const { limits } = container.resources ?? {};
  const cpuLimit = millisOf(limits?.["cpu"] ?? pod.spec.resources?.limits?.["cpu"]);
  return {
    cpuPeriod: cpuPeriodMicros,
    cpuQuota: quotaOf(cpuLimit),
    cpuShares: sharesOf(millisOf(requestOf(container, "cpu"))),
    memoryLimitInBytes: wholeOf(limits?.["memory"] ?? pod.spec.resources?.limits?.["memory"]),
    oomScoreAdj: oomScoreOf(pod, container, nodeMemoryBytes),
  };
}
