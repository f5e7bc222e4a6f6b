/**
 * Which pod goes when the node runs short: first those that use more than they asked for, then by priority, then by
 * how much more they use.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
import type { Pod } from "#resources/core/pod.ts";
import { wholeOf } from "./amounts.ts";
import { containersOf } from "./observation.ts";
import { podTotal } from "./qos.ts";

export interface EvictionCandidate {
  readonly pod: Pod;
  readonly usedBytes: number;
  readonly requestedBytes: number;
}

const nodeCriticalPriority = 2_000_000_000;

/** Static pods and those that the node cannot do without stay. */
export function mayBeEvicted(pod: Pod): boolean {
  const isStatic = pod.metadata.annotations?.["kubernetes.io/config.source"] === "file";
  return !isStatic && (pod.spec.priority ?? 0) < nodeCriticalPriority;
}

/** The pod to evict; undefined when there is none. */
export function victimOf(candidates: readonly EvictionCandidate[]): EvictionCandidate | undefined {
  const excess = (one: EvictionCandidate): number => one.usedBytes - one.requestedBytes;
  return candidates
    .filter(({ pod }) => mayBeEvicted(pod))
    .sort(
      (a, b) =>
        Number(excess(b) > 0) - Number(excess(a) > 0) ||
        (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0) ||
        excess(b) - excess(a),
    )[0];
}

/** What the pod's status and events say. */
export function evictionMessage(resource: string, victim: EvictionCandidate): string {
  const { usedBytes, requestedBytes } = victim;
  const using =
    usedBytes > requestedBytes
      ? ` Pod was using ${usedBytes} bytes, request is ${requestedBytes} bytes, has larger consumption of ${resource}.`
      : "";
  return `The node was low on resource: ${resource}.${using}`;
}

/** What a pod has on the node's disk. */
export interface PodDiskUsage {
  /** All of it. */
  readonly bytes: number;
  /** Writable layer and logs, by container. */
  readonly containers: ReadonlyMap<string, number>;
  /** By volume; those in memory are not in it. */
  readonly volumes: ReadonlyMap<string, number>;
}

const storage = "ephemeral-storage";

/** Whether the pod has a limit that what it has on disk can exceed. */
export function limitsStorage(pod: Pod): boolean {
  return (
    containersOf(pod).some((one) => one.resources?.limits?.[storage] !== undefined) ||
    (pod.spec.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined && emptyDir.medium !== "Memory")
  );
}

/** Which of its own limits the pod exceeds, in upstream's words; undefined when none. */
export function exceededLimit(pod: Pod, used: PodDiskUsage): string | undefined {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    // The size of a volume in memory is bounded by its mount.
    if (emptyDir?.sizeLimit === undefined || emptyDir.medium === "Memory") continue;
    const limit = wholeOf(emptyDir.sizeLimit);
    if (limit > 0 && (used.volumes.get(name) ?? 0) > limit)
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir.sizeLimit}". `;
  }
  const total = podTotal(pod, (one) => wholeOf(one.resources?.limits?.[storage]));
  if (total > 0 && used.bytes > total)
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${total}. `;
  for (const { name, resources } of containersOf(pod)) {
    const text = resources?.limits?.[storage];
    if (text !== undefined && (used.containers.get(name) ?? 0) > wholeOf(text))
      return `Container ${name} exceeded its local ephemeral storage limit "${text}". `;
  }
  return undefined;
}
