/** The status of a Deployment: counts over its ReplicaSets and the story its conditions tell. Pure. */
import { rfc3339 } from "#base/clock.ts";
import type { Deployment, DeploymentCondition, DeploymentStatus } from "#resources/apps/deployment.ts";
import type { ReplicaSet } from "#resources/apps/replica-set.ts";
import { conditionOf, withCondition, without } from "../conditions.ts";
import { maxUnavailableOf, sizeOf, total } from "./replica-counts.ts";
import { allSets, unlimited, type Sets } from "./scale.ts";

export const progressing = "Progressing";
const doneReason = "NewReplicaSetAvailable";
const timedOutReason = "ProgressDeadlineExceeded";

interface Story {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export function deadlineMsOf(deployment: Deployment): number | undefined {
  const seconds = deployment.spec.progressDeadlineSeconds;
  return seconds === undefined || seconds === unlimited ? undefined : seconds * 1000;
}

/** Sets a condition; nothing changes, not even a time, when status and reason stay. */
export function tell(
  conditions: readonly DeploymentCondition[] | undefined,
  condition: DeploymentCondition,
  nowMs: number,
): readonly DeploymentCondition[] {
  const known = conditionOf(conditions, condition.type);
  if (known?.status === condition.status && known.reason === condition.reason) return conditions ?? [];
  return withCondition(conditions, { lastUpdateTime: rfc3339(nowMs), ...condition }, nowMs);
}

/** With the Progressing condition, if the Deployment has a deadline at all. */
export function tellProgress(deployment: Deployment, story: Story, nowMs: number): Deployment {
  if (deadlineMsOf(deployment) === undefined) return deployment;
  const conditions = tell(deployment.status.conditions, { type: progressing, ...story }, nowMs);
  return { ...deployment, status: { ...deployment.status, conditions } };
}

/** Pausing and resuming are told once; a deadline that was missed stays told. */
export function tellPause(deployment: Deployment, nowMs: number): Deployment {
  const paused = deployment.spec.paused === true;
  const known = conditionOf(deployment.status.conditions, progressing)?.reason;
  if (known === timedOutReason || paused === (known === "DeploymentPaused")) return deployment;
  const story: Story = paused
    ? { status: "Unknown", reason: "DeploymentPaused", message: "Deployment is paused" }
    : { status: "Unknown", reason: "DeploymentResumed", message: "Deployment is resumed" };
  return tellProgress(deployment, story, nowMs);
}

/** Counts and availability. */
export function countedStatus(sets: Sets, nowMs: number): DeploymentStatus {
  const { deployment, newSet } = sets;
  const all = allSets(sets);
  const available = total(all, (set) => set.status.availableReplicas);
  const enough = available >= sizeOf(deployment) - maxUnavailableOf(deployment);
  const condition: DeploymentCondition = enough
    ? {
        type: "Available",
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      }
    : {
        type: "Available",
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
  const { collisionCount } = deployment.status;
  const terminating = all.every((set) => set.status.terminatingReplicas !== undefined)
    ? total(all, (set) => set.status.terminatingReplicas)
    : undefined;
  return {
    observedGeneration: deployment.metadata.generation,
    replicas: total(all, (set) => set.status.replicas),
    updatedReplicas: newSet?.status.replicas ?? 0,
    readyReplicas: total(all, (set) => set.status.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, total(all, sizeOf) - available),
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: tell(deployment.status.conditions, condition, nowMs),
  };
}

/** Counts, and how the rollout goes. */
export function rolloutStatus(sets: Sets, nowMs: number): DeploymentStatus {
  const status = countedStatus(sets, nowMs);
  const conditions = failureConditions(sets, progressConditions(sets, status, nowMs), nowMs);
  return { ...status, conditions };
}

function progressConditions(sets: Sets, status: DeploymentStatus, nowMs: number): readonly DeploymentCondition[] {
  const { deployment, newSet } = sets;
  const { conditions } = status;
  if (deadlineMsOf(deployment) === undefined) return without(conditions, progressing);
  const known = conditionOf(deployment.status.conditions, progressing);
  if (status.replicas === status.updatedReplicas && known?.reason === doneReason) return conditions ?? [];
  const who = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const story = (status: Story["status"], reason: string, what: string): DeploymentCondition => ({
    type: progressing,
    status,
    reason,
    message: `${who} ${what}`,
  });
  if (isComplete(deployment, status))
    return tell(conditions, story("True", doneReason, "has successfully progressed."), nowMs);
  if (progressed(deployment.status, status)) {
    // The time of the last progress is what the deadline counts from, so it moves although the reason stays.
    const condition = { ...story("True", "ReplicaSetUpdated", "is progressing."), lastUpdateTime: rfc3339(nowMs) };
    return withCondition(conditions, condition, nowMs);
  }
  if (timedOut(deployment, known, nowMs))
    return tell(conditions, story("False", timedOutReason, "has timed out progressing."), nowMs);
  return conditions ?? [];
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = sizeOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function progressed(before: DeploymentStatus, now: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function timedOut(deployment: Deployment, known: DeploymentCondition | undefined, nowMs: number): boolean {
  const deadlineMs = deadlineMsOf(deployment);
  if (!known || deadlineMs === undefined || known.reason === doneReason) return false;
  if (known.reason === timedOutReason) return true;
  return Date.parse(known.lastUpdateTime ?? "") + deadlineMs < nowMs;
}

/** When a rollout that stands still has to be looked at for its deadline; undefined when there is none. */
export function deadlineInMs(deployment: Deployment, nowMs: number): number | undefined {
  const known = conditionOf(deployment.status.conditions, progressing);
  const deadlineMs = deadlineMsOf(deployment);
  if (!known || deadlineMs === undefined || deployment.spec.paused === true) return undefined;
  if (known.reason === timedOutReason || known.reason === doneReason || isComplete(deployment, deployment.status))
    return undefined;
  // One second more: the condition's time has no fractions.
  return Math.max(0, Date.parse(known.lastUpdateTime ?? "") + deadlineMs - nowMs) + 1000;
}

/** Why pods cannot be made, as the ReplicaSets say it, the new one first. */
function failureConditions(
  sets: Sets,
  conditions: readonly DeploymentCondition[],
  nowMs: number,
): readonly DeploymentCondition[] {
  const failureOf = (set: ReplicaSet | undefined) => conditionOf(set?.status.conditions, "ReplicaFailure");
  const failure = failureOf(sets.newSet) ?? sets.oldSets.map(failureOf).find((one) => one !== undefined);
  if (!failure) return without(conditions, "ReplicaFailure");
  const { type, status, reason, message, lastTransitionTime } = failure;
  return tell(conditions, { type, status, reason, message, lastUpdateTime: lastTransitionTime }, nowMs);
}
