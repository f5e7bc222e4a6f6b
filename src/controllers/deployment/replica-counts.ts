/** Arithmetic of a Deployment: how many pods may be there, may be missing, and are there. */
import { own } from "#base/own.ts";
import { scaledValue } from "#machinery/int-or-string.ts";
import type { Deployment } from "#resources/apps/deployment.ts";
import type { ReplicaSet } from "#resources/apps/replica-set.ts";

export const desiredAnnotation = "deployment.kubernetes.io/desired-replicas";
export const maxAnnotation = "deployment.kubernetes.io/max-replicas";

export function sizeOf(object: Deployment | ReplicaSet): number {
  return object.spec.replicas ?? 1;
}

export function total(sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number | undefined): number {
  return sets.reduce((sum, set) => sum + (count(set) ?? 0), 0);
}

export function isRolling(deployment: Deployment): boolean {
  return deployment.spec.strategy.type !== "Recreate";
}

/** Both limits in pods. They are never both zero, since nothing could move then. */
function fences(deployment: Deployment): { readonly surge: number; readonly unavailable: number } {
  const { maxSurge = "25%", maxUnavailable = "25%" } = deployment.spec.strategy.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, sizeOf(deployment), "up");
  const unavailable = scaledValue(maxUnavailable, sizeOf(deployment), "down");
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export function maxSurgeOf(deployment: Deployment): number {
  return isRolling(deployment) ? fences(deployment).surge : 0;
}

export function maxUnavailableOf(deployment: Deployment): number {
  if (!isRolling(deployment) || sizeOf(deployment) === 0) return 0;
  return Math.min(fences(deployment).unavailable, sizeOf(deployment));
}

/** Pods a rolling update may have at once. */
export function maxPodsOf(deployment: Deployment): number {
  return sizeOf(deployment) + maxSurgeOf(deployment);
}

/** The size the new ReplicaSet should have now: as far as the surge allows. */
export function newSetSize(deployment: Deployment, newSize: number, allSize: number): number {
  if (!isRolling(deployment)) return sizeOf(deployment);
  const room = maxPodsOf(deployment) - allSize;
  return room <= 0 ? newSize : newSize + Math.min(room, sizeOf(deployment) - newSize);
}

/** What a ReplicaSet remembers of the Deployment it was sized for, as numbers. */
export function annotatedNumber(set: ReplicaSet, annotation: string): number | undefined {
  const text = own(set.metadata.annotations, annotation);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  return { [desiredAnnotation]: String(sizeOf(deployment)), [maxAnnotation]: String(maxPodsOf(deployment)) };
}

export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
}
