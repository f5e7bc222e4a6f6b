/** The sizes a Deployment wants its ReplicaSets to have. Pure: each way of sizing gives the sets that change. */
import { own } from "#base/own.ts";
import type { Deployment } from "#resources/apps/deployment.ts";
import { replicaSets, type ReplicaSet } from "#resources/apps/replica-set.ts";
import { normal, update } from "../actions.ts";
import type { Action } from "../controller.ts";
import {
  annotatedNumber,
  byCreation,
  desiredAnnotation,
  maxAnnotation,
  maxPodsOf,
  maxUnavailableOf,
  newSetSize,
  sizeAnnotations,
  sizeOf,
  total,
} from "./replica-counts.ts";
import { revisionOf } from "./revision.ts";

export interface Sets {
  readonly deployment: Deployment;
  readonly newSet: ReplicaSet | undefined;
  readonly oldSets: readonly ReplicaSet[];
}

const isActiveSet = (set: ReplicaSet): boolean => sizeOf(set) > 0;

export function allSets({ newSet, oldSets }: Pick<Sets, "newSet" | "oldSets">): readonly ReplicaSet[] {
  return newSet ? [...oldSets, newSet] : oldSets;
}

/** True when a set was sized for another number of replicas than the Deployment has now. */
export function isScaling(sets: Sets): boolean {
  return allSets(sets)
    .filter(isActiveSet)
    .some((set) => (annotatedNumber(set, desiredAnnotation) ?? sizeOf(sets.deployment)) !== sizeOf(sets.deployment));
}

/** Sets one ReplicaSet to `size`, and lets it remember what for. Nothing when it is so. */
export function resize(deployment: Deployment, set: ReplicaSet, size: number): Action[] {
  const annotations = { ...set.metadata.annotations, ...sizeAnnotations(deployment) };
  const before = sizeOf(set);
  const remembers = Object.entries(annotations).every(([name, value]) => own(set.metadata.annotations, name) === value);
  if (before === size && remembers) return [];
  const resized = { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas: size } };
  if (before === size) return [update(replicaSets, resized)];
  const direction = before < size ? "up" : "down";
  const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${size}`;
  return [update(replicaSets, resized), normal(deployment, "ScalingReplicaSet", message)];
}

/** The Deployment's number changed, perhaps in the middle of a rollout: every set changes in proportion. */
export function scaleInProportion(sets: Sets): Action[] {
  const { deployment, newSet, oldSets } = sets;
  const active = allSets(sets).filter(isActiveSet);
  if (active.length <= 1) {
    const only = active[0] ?? newSet ?? oldSets.toSorted(byCreation).at(-1);
    return only ? resize(deployment, only, sizeOf(deployment)) : [];
  }
  if (newSet && isSaturated(deployment, newSet))
    return oldSets.filter(isActiveSet).flatMap((set) => resize(deployment, set, 0));
  if (deployment.spec.strategy.type === "Recreate") return [];
  const allowed = sizeOf(deployment) > 0 ? maxPodsOf(deployment) : 0;
  const toAdd = allowed - total(active, sizeOf);
  const ordered = active.toSorted((a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? byCreation(b, a) : byCreation(a, b)));
  let added = 0;
  const sizes = ordered.map((set) => {
    const share = shareOf(deployment, set, { toAdd, added });
    added += share;
    return sizeOf(set) + share;
  });
  // What rounding left over goes to the largest set.
  return ordered.flatMap((set, at) =>
    resize(deployment, set, at === 0 ? Math.max(0, (sizes[at] ?? 0) + toAdd - added) : (sizes[at] ?? 0)),
  );
}

function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const wanted = sizeOf(deployment);
  return (
    sizeOf(set) === wanted &&
    annotatedNumber(set, desiredAnnotation) === wanted &&
    (set.status.availableReplicas ?? 0) === wanted
  );
}

function shareOf(
  deployment: Deployment,
  set: ReplicaSet,
  { toAdd, added }: { readonly toAdd: number; readonly added: number },
): number {
  if (toAdd === 0 || toAdd === added) return 0;
  const share = fractionOf(deployment, set);
  return toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
}

function fractionOf(deployment: Deployment, set: ReplicaSet): number {
  if (sizeOf(deployment) === 0) return -sizeOf(set);
  const before = annotatedNumber(set, maxAnnotation) ?? 0;
  const base = before === 0 ? (deployment.status.replicas ?? 0) : before;
  if (base === 0) return 0;
  return Math.round((sizeOf(set) * maxPodsOf(deployment)) / base) - sizeOf(set);
}

/** One step up of the new set in a rolling update. */
export function growNewSet(sets: Sets, newSet: ReplicaSet): Action[] {
  const { deployment } = sets;
  const wanted = sizeOf(deployment);
  if (sizeOf(newSet) === wanted) return [];
  const size = sizeOf(newSet) > wanted ? wanted : newSetSize(deployment, sizeOf(newSet), total(allSets(sets), sizeOf));
  return size === sizeOf(newSet) ? [] : resize(deployment, newSet, size);
}

/** One step down of the old sets: first pods that are not available, then as many as may be missing. */
export function shrinkOldSets(sets: Sets, newSet: ReplicaSet): Action[] {
  const { deployment } = sets;
  const old = sets.oldSets.filter(isActiveSet).toSorted(byCreation);
  const minAvailable = sizeOf(deployment) - maxUnavailableOf(deployment);
  const newUnavailable = sizeOf(newSet) - (newSet.status.availableReplicas ?? 0);
  const removable = total([...old, newSet], sizeOf) - minAvailable - newUnavailable;
  if (old.length === 0 || removable <= 0) return [];
  const sizes = new Map(old.map((set) => [set, sizeOf(set)]));
  let unhealthy = removable;
  for (const set of old) {
    const step = Math.min(unhealthy, Math.max(0, sizeOf(set) - (set.status.availableReplicas ?? 0)));
    sizes.set(set, sizeOf(set) - step);
    unhealthy -= step;
  }
  let spare = total([...old, newSet], (set) => set.status.availableReplicas) - minAvailable;
  for (const set of old) {
    const size = sizes.get(set) ?? 0;
    const step = Math.min(size, Math.max(0, spare));
    sizes.set(set, size - step);
    spare -= step;
  }
  return old.flatMap((set) => {
    const size = sizes.get(set) ?? 0;
    return size === sizeOf(set) ? [] : resize(deployment, set, size);
  });
}

export function emptyOldSets({ deployment, oldSets }: Sets): Action[] {
  return oldSets.filter(isActiveSet).flatMap((set) => resize(deployment, set, 0));
}

/** Old empty sets beyond the history limit, the oldest revision first. */
export function surplusHistory({ deployment, oldSets }: Sets): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined || limit === unlimited) return [];
  const alive = oldSets.filter((set) => set.metadata.deletionTimestamp === undefined);
  return alive
    .toSorted((a, b) => Number(revisionOf(a) - revisionOf(b)) || byCreation(a, b))
    .slice(0, Math.max(0, alive.length - limit))
    .filter(
      (set) =>
        set.status.replicas === 0 &&
        sizeOf(set) === 0 &&
        (set.metadata.generation ?? 0) <= (set.status.observedGeneration ?? 0),
    );
}

/** The largest int32 means "no limit" where upstream has no other word for it. */
export const unlimited = 2_147_483_647;
