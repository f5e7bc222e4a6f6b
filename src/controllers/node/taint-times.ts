/**
 * Since when each pod stands on a node with each taint that drives out, by the clock that only goes forward. What a
 * taint says of its time is somebody's wall clock, or missing. Memory of the controller; after a restart the time a pod
 * may stay begins anew, as upstream's does.
 */
import type { Node, Taint } from "#resources/core/node.ts";
import type { PodSeen } from "../pod-view.ts";

interface Times {
  readonly taints: Map<string, number>;
  readonly pods: Map<string, number>;
}

export class TaintTimes {
  private readonly byNode = new Map<string, Times>();

  get size(): number {
    return this.byNode.size;
  }

  /** @returns How long a pod has stood under a taint, in milliseconds. */
  note(
    node: Node,
    seen: { readonly taints: readonly Taint[]; readonly pods: readonly PodSeen[] },
    nowMs: number,
  ): (pod: PodSeen, taint: Taint) => number {
    const name = node.metadata.name ?? "";
    const before = this.byNode.get(name);
    const kept = (known: ReadonlyMap<string, number> | undefined, ids: readonly string[]): Map<string, number> =>
      new Map(ids.map((id) => [id, known?.get(id) ?? nowMs]));
    const times = {
      taints: kept(before?.taints, seen.taints.map(taintId)),
      pods: kept(before?.pods, seen.pods.map(podId)),
    };
    this.byNode.set(name, times);
    return (pod, taint) =>
      nowMs - Math.max(times.taints.get(taintId(taint)) ?? nowMs, times.pods.get(podId(pod)) ?? nowMs);
  }

  forget(name: string): void {
    this.byNode.delete(name);
  }
}

function taintId({ key, value = "" }: Taint): string {
  return `${key}=${value}`;
}

function podId(pod: PodSeen): string {
  return pod.metadata.uid ?? `${pod.metadata.namespace}/${pod.metadata.name}`;
}
