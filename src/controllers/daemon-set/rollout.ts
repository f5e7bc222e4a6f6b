/** Moves the pods of a DaemonSet to its newest template, a few nodes at a time. Pure. */
import { scaledValue } from "#machinery/int-or-string.ts";
import type { DaemonSet } from "#resources/apps/daemon-set.ts";
import type { PodSeen } from "../pod-view.ts";
import { isAvailable } from "../pod-state.ts";
import { hashLabel } from "./pod.ts";

export interface Changes {
  readonly remove: readonly PodSeen[];
  /** Names of nodes that get a pod. */
  readonly add: readonly string[];
}

export interface Rollout {
  readonly set: DaemonSet;
  readonly hash: string;
  readonly podsByNode: ReadonlyMap<string, readonly PodSeen[]>;
  /** Nodes that should have a pod. */
  readonly desired: number;
  readonly nowMs: number;
}

export function maxSurgeOf(set: DaemonSet, desired: number): number {
  return scaledValue(set.spec.updateStrategy.rollingUpdate?.maxSurge ?? 0, desired, "up");
}

function maxUnavailableOf(set: DaemonSet, desired: number): number {
  const most = scaledValue(set.spec.updateStrategy.rollingUpdate?.maxUnavailable ?? 1, desired, "up");
  return most === 0 && maxSurgeOf(set, desired) === 0 ? 1 : most;
}

/** The pods of a node by age of their template; undefined while there are more than one of a kind. */
function pairOf(
  pods: readonly PodSeen[],
  hash: string,
): { readonly fresh?: PodSeen; readonly old?: PodSeen } | undefined {
  const live = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const [fresh, ...moreFresh] = live.filter((pod) => pod.metadata.labels?.[hashLabel] === hash);
  const [old, ...moreOld] = live.filter((pod) => pod.metadata.labels?.[hashLabel] !== hash);
  if (moreFresh.length > 0 || moreOld.length > 0) return undefined;
  return { ...(fresh ? { fresh } : {}), ...(old ? { old } : {}) };
}

export function rollOut(rollout: Rollout): Changes {
  return maxSurgeOf(rollout.set, rollout.desired) === 0 ? rollByLoss(rollout) : rollBySurge(rollout);
}

/** Old pods that are not available go at once, others as far as pods may be missing. */
function rollByLoss({ set, hash, podsByNode, desired, nowMs }: Rollout): Changes {
  const available = (pod: PodSeen): boolean => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  let unavailable = 0;
  const broken: PodSeen[] = [];
  const candidates: PodSeen[] = [];
  for (const pods of podsByNode.values()) {
    const pair = pairOf(pods, hash);
    const only = pair?.fresh ? (pair.old ? undefined : pair.fresh) : pair?.old;
    if (only && available(only)) {
      if (only === pair?.old) candidates.push(only);
      continue;
    }
    unavailable += 1;
    if (only && only === pair?.old) broken.push(only);
  }
  const room = Math.max(0, maxUnavailableOf(set, desired) - unavailable);
  return { remove: [...broken, ...candidates.slice(0, room)], add: [] };
}

/** New pods come beside the old, which go once the new ones are available. */
function rollBySurge({ set, hash, podsByNode, desired, nowMs }: Rollout): Changes {
  const available = (pod: PodSeen): boolean => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  let surging = 0;
  const remove: PodSeen[] = [];
  const replaced: string[] = [];
  const candidates: string[] = [];
  for (const [nodeName, pods] of podsByNode) {
    const pair = pairOf(pods, hash);
    if (!pair) surging += 1;
    else if (pair.old && !pair.fresh) (available(pair.old) ? candidates : replaced).push(nodeName);
    else if (pair.old && pair.fresh) {
      if (available(pair.fresh)) remove.push(pair.old);
      else surging += 1;
    }
  }
  const room = Math.max(0, maxSurgeOf(set, desired) - surging);
  return { remove, add: [...replaced, ...candidates.slice(0, room)] };
}
