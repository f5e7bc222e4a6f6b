/** What a StatefulSet does about its pods, in the order of their ordinals. Pure. */
import { scaledValue } from "#machinery/int-or-string.ts";
import type { ControllerRevision } from "#resources/apps/controller-revision.ts";
import type { StatefulSet } from "#resources/apps/stateful-set.ts";
import { pods } from "#resources/core/pod.ts";
import type { PodSeen } from "../pod-view.ts";
import { create, normal, patch, ramp, remove, warning } from "../actions.ts";
import type { Action } from "../controller.ts";
import { isAvailable } from "../pod-state.ts";
import { templateOf } from "../revision-history.ts";
import { createClaims, hasStaleClaim, retainClaims, type ClaimNamed } from "./claims.ts";
import { isWanted, missingIdentity, ordinalOf, podOf, replicasOf, revisionOfPod, startOf } from "./identity.ts";
import { Slots } from "./slots.ts";

export interface Members {
  readonly set: StatefulSet;
  /** Pods of the set, by their names' ordinals. */
  readonly members: readonly PodSeen[];
  readonly currentRevision: ControllerRevision;
  readonly updateRevision: ControllerRevision;
  readonly claimNamed: ClaimNamed;
  readonly nowMs: number;
}

export function isTerminating(pod: PodSeen): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function isRunningAndAvailable({ set, nowMs }: Pick<Members, "set" | "nowMs">, pod: PodSeen): boolean {
  return pod.status.phase === "Running" && isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}

function isHealthy(seen: Members, pod: PodSeen | undefined): boolean {
  return pod !== undefined && !isTerminating(pod) && isRunningAndAvailable(seen, pod);
}

/** Ordinals without a pod that one look fills at most; the rest comes with the next. */
const gapsMax = 500;

/** The actions of one look: fill gaps, then shrink, then update; an ordered set does one thing at a time. */
export function progress(seen: Members): readonly Action[] {
  const { set } = seen;
  const ordered = set.spec.podManagementPolicy !== "Parallel";
  const slots = new Slots(set, seen.members);
  const condemned = seen.members
    .filter((pod) => !isWanted(set, ordinalOf(pod)))
    .toSorted((a, b) => ordinalOf(b) - ordinalOf(a));
  const kept = [...seen.members].flatMap((pod) => retainClaims(set, pod, seen.claimNamed));
  const filled = fill(seen, slots, ordered);
  if (filled.blocked) return [...kept, ...filled.actions];
  const firstUnhealthy =
    slots.first((pod) => !isHealthy(seen, pod)) ?? condemned.findLast((pod) => !isHealthy(seen, pod));
  const shrunk = shrink(seen, condemned, { ordered, firstUnhealthy });
  if (shrunk.blocked) return [...kept, ...filled.actions, ...shrunk.actions];
  const updated = set.spec.updateStrategy.type === "OnDelete" ? [] : updateOld(seen, slots);
  return [...kept, ...filled.actions, ...shrunk.actions, ...updated];
}

interface Outcome {
  readonly actions: readonly Action[];
  /** An ordered set waits for this before it goes on. */
  readonly blocked: boolean;
}

function fill(seen: Members, slots: Slots, ordered: boolean): Outcome {
  const claims: Action[] = [];
  const created: Action[] = [];
  const mended: Action[] = [];
  let gaps = 0;
  for (const { ordinal, pod } of slots.rising()) {
    if (!pod) {
      gaps += 1;
      if (gaps > gapsMax) break;
      if (!hasStaleClaim(seen.set, ordinal, seen.claimNamed)) {
        claims.push(...createClaims(seen.set, ordinal, seen.claimNamed));
        created.push(createPod(seen, ordinal));
      }
    } else {
      mended.push(...mend(seen, pod));
      if (pod.status.phase === "Pending") mended.push(...createClaims(seen.set, ordinal, seen.claimNamed));
    }
    if (ordered && !isHealthy(seen, pod)) return { actions: [...mended, ...claims, ...created], blocked: true };
  }
  const news = created.length > 0 ? [ramp(created)] : [];
  return { actions: [...mended, ...claims, ...news], blocked: false };
}

/** Ended pods go, so that they are made anew; lost labels come back. */
function mend(seen: Members, pod: PodSeen): Action[] {
  const { set } = seen;
  const { namespace, name } = set.metadata;
  if (pod.status.phase === "Failed" || pod.status.phase === "Succeeded") {
    if (isTerminating(pod)) return [];
    const failed = pod.status.phase === "Failed";
    const kind = failed ? "failed" : "terminated";
    const message = `StatefulSet ${namespace}/${name} is recreating ${kind} Pod ${pod.metadata.name}`;
    const event = failed
      ? warning(set, "RecreatingFailedPod", message)
      : normal(set, "RecreatingTerminatedPod", message);
    return [event, ...deletePod(set, pod)];
  }
  const labels = missingIdentity(pod);
  if (!labels || isTerminating(pod)) return [];
  return [
    patch({ resource: pods, object: pod }, { metadata: { uid: pod.metadata.uid, labels } }),
    normal(set, "SuccessfulUpdate", `update Pod ${pod.metadata.name} in StatefulSet ${name} successful`),
  ];
}

function createPod(seen: Members, ordinal: number): Action {
  const { set, currentRevision, updateRevision } = seen;
  const revision = isHeldBack(set, ordinal) ? currentRevision : updateRevision;
  const pod = podOf(set, templateOf(revision), { ordinal, revision: revision.metadata.name ?? "" });
  const what = `create Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
  return create(pods, pod, {
    created: () => [normal(set, "SuccessfulCreate", `${what} successful`)],
    refused: (error) => [warning(set, "FailedCreate", `${what} failed error: ${error.message}`)],
  });
}

/** Ordinals below the partition stay at the revision that was complete last. */
function isHeldBack(set: StatefulSet, ordinal: number): boolean {
  const { type, rollingUpdate } = set.spec.updateStrategy;
  if (type === "OnDelete") return false;
  return ordinal < startOf(set) + (rollingUpdate?.partition ?? set.status.currentReplicas ?? 0);
}

function deletePod(set: StatefulSet, pod: PodSeen): Action[] {
  const what = `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
  const refused = (error: Error): readonly Action[] => [
    warning(set, "FailedDelete", `${what} failed error: ${error.message}`),
  ];
  return [remove(pods, pod, refused), normal(set, "SuccessfulDelete", `${what} successful`)];
}

interface Shrinking {
  readonly ordered: boolean;
  readonly firstUnhealthy: PodSeen | "a gap" | undefined;
}

/** Pods beyond the replicas go, the highest ordinal first; an ordered set waits for every pod below to be well. */
function shrink(seen: Members, condemned: readonly PodSeen[], { ordered, firstUnhealthy }: Shrinking): Outcome {
  const actions: Action[] = [];
  for (const pod of condemned) {
    const waits = isTerminating(pod) || (!isRunningAndAvailable(seen, pod) && pod !== firstUnhealthy);
    if (ordered && waits) return { actions, blocked: true };
    if (!isTerminating(pod)) actions.push(...deletePod(seen.set, pod));
    if (ordered) return { actions, blocked: true };
  }
  return { actions, blocked: false };
}

/** Pods of another revision go, the highest ordinal first, so that they are made anew. */
function updateOld(seen: Members, slots: Slots): Action[] {
  const { set, updateRevision } = seen;
  const { partition = 0, maxUnavailable } = set.spec.updateStrategy.rollingUpdate ?? {};
  const isOld = (pod: PodSeen): boolean => revisionOfPod(pod) !== updateRevision.metadata.name && !isTerminating(pod);
  if (maxUnavailable === undefined) {
    const next = slots.last(partition, (pod) => !pod || isOld(pod) || !isHealthy(seen, pod));
    return next && isOld(next) ? deletePod(set, next) : [];
  }
  const allowed = Math.max(1, scaledValue(maxUnavailable, replicasOf(set), "down"));
  const unavailable = replicasOf(set) - slots.pods.filter((pod) => isHealthy(seen, pod)).length;
  return slots.pods
    .filter((pod) => ordinalOf(pod) >= startOf(set) + partition && isOld(pod))
    .toReversed()
    .slice(0, Math.max(0, allowed - unavailable))
    .flatMap((pod) => deletePod(set, pod));
}
