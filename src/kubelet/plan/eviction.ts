/**
 * Which pod goes when the node runs short: first those that use more than they asked for, then by priority, then by
 * how much more they use.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
import type { Pod } from "#resources/core/pod.ts";

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
