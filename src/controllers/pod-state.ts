/** What controllers ask of a pod. */
import type { PodSeen } from "./pod-view.ts";

export function isEnded(pod: PodSeen): boolean {
  return pod.status.phase === "Succeeded" || pod.status.phase === "Failed";
}

/** Neither ended nor on its way out. */
export function isActive(pod: PodSeen): boolean {
  return !isEnded(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Deleted, and still there. */
export function isEnding(pod: PodSeen): boolean {
  return !isEnded(pod) && pod.metadata.deletionTimestamp !== undefined;
}

export function isReady(pod: PodSeen): boolean {
  return readySinceMs(pod) !== undefined;
}

/** When the pod became ready; undefined while it is not. */
export function readySinceMs(pod: PodSeen): number | undefined {
  const condition = pod.status.conditions?.find(({ type }) => type === "Ready");
  if (condition?.status !== "True") return undefined;
  return timeOf(condition.lastTransitionTime ?? "");
}

// Pods of one workload become ready in the same few seconds.
let lastText = "";
let lastMs = 0;

function timeOf(text: string): number {
  if (text === lastText) return lastMs;
  const ms = Date.parse(text);
  lastText = text;
  lastMs = Number.isNaN(ms) ? 0 : ms;
  return lastMs;
}

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: PodSeen, minReadySeconds: number, nowMs: number): boolean {
  const since = readySinceMs(pod);
  return since !== undefined && since + minReadySeconds * 1000 <= nowMs;
}

/** Milliseconds until a ready pod counts as available; undefined when it does already, or is not ready. */
export function availableInMs(pod: PodSeen, minReadySeconds: number, nowMs: number): number | undefined {
  const since = readySinceMs(pod);
  if (since === undefined) return undefined;
  const left = since + minReadySeconds * 1000 - nowMs;
  return left > 0 ? left : undefined;
}

export interface Readiness {
  readonly ready: number;
  /** Ready for long enough. */
  readonly available: number;
  /** Until the next of the ready ones is; undefined when all of them are. */
  readonly nextInMs: number | undefined;
}

/** Of thousands of pods, each looked at once. */
export function readinessOf(pods: readonly PodSeen[], minReadySeconds: number, nowMs: number): Readiness {
  let [ready, available] = [0, 0];
  let nextInMs: number | undefined;
  for (const pod of pods) {
    const since = readySinceMs(pod);
    if (since === undefined) continue;
    ready += 1;
    const left = since + minReadySeconds * 1000 - nowMs;
    if (left <= 0) available += 1;
    else nextInMs = Math.min(nextInMs ?? left, left);
  }
  return { ready, available, nextInMs };
}

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** Orders pods so that the first is the one whose loss matters least. */
export function compareForDeletion(a: PodSeen, b: PodSeen): number {
  return compareRanked(noRank, a, b);
}

/**
 * The same for pods of owners that share an owner: of pods that are otherwise alike, one goes first that shares its node
 * with more of them.
 *
 * @param related Active pods of all these owners.
 */
export function byDeletion(related: readonly PodSeen[]): (a: PodSeen, b: PodSeen) => number {
  const onNode = new Map<string, number>();
  for (const { spec } of related.filter(isActive))
    if (spec.nodeName !== undefined) onNode.set(spec.nodeName, (onNode.get(spec.nodeName) ?? 0) + 1);
  return (a, b) => compareRanked((pod) => onNode.get(pod.spec.nodeName ?? "") ?? 0, a, b);
}

const noRank = (): number => 0;

function compareRanked(rank: (pod: PodSeen) => number, a: PodSeen, b: PodSeen): number {
  const cost = (pod: PodSeen): number =>
    Number(pod.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"] ?? 0) || 0;
  const restarts = (pod: PodSeen): number =>
    Math.max(0, ...(pod.status.containerStatuses ?? []).map((container) => container.restartCount));
  const readyOrder = (readySinceMs(b) ?? 0) - (readySinceMs(a) ?? 0);
  return (
    Number(a.spec.nodeName !== undefined) - Number(b.spec.nodeName !== undefined) ||
    (phaseRank[a.status.phase ?? "Pending"] ?? 0) - (phaseRank[b.status.phase ?? "Pending"] ?? 0) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    cost(a) - cost(b) ||
    rank(b) - rank(a) ||
    readyOrder ||
    restarts(b) - restarts(a) ||
    (b.metadata.creationTimestamp ?? "").localeCompare(a.metadata.creationTimestamp ?? "")
  );
}
