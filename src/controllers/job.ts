/**
 * Jobs: pods that run to their end, counted exactly.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/job/
 */
import { rfc3339 } from "#base/clock.ts";
import { deepEqual } from "#machinery/equal.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import { controllerOf, keyOf, type ObjectKey } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { jobs, type Job, type JobCondition, type JobStatus } from "#resources/batch/job.ts";
import { pods } from "#resources/core/pod.ts";
import { create, each, normal, ramp, remove, sequence, updateStatus, warning } from "./actions.ts";
import { conditionOf, withCondition } from "./conditions.ts";
import { nothing, type Action, type Caches, type Controller, type Plan } from "./controller.ts";
import { account, type Accounts } from "./job/accounts.ts";
import { completionsReached, deadlineInMs, isFinished, outcomeOf, type Outcome } from "./job/outcome.ts";
import { isTracked, trackingFinalizer } from "./job/pod-outcome.ts";
import { staff, type Staffing } from "./job/pods.ts";
import { tally, type Tally } from "./job/tally.ts";
import { claim } from "./ownership.ts";
import { isReady } from "./pod-state.ts";
import { byOwner, ownKind, ownedBy, lookedAt } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface JobObservation {
  /** Undefined when it is gone and pods of it are left. */
  readonly job: Job | undefined;
  /** Owned pods and orphans of the namespace. */
  readonly pods: readonly PodSeen[];
  /** Tracked pods of an earlier Job of this name. */
  readonly leftBehind: readonly PodSeen[];
  readonly nowMs: number;
}

const ownName = "kubernetes.io/job-controller";
const byJob = "job";

export const jobController: Controller<JobObservation> = {
  name: "job-controller",
  watches: [ownKind(jobs), ownedBy(podView, "Job", adopters), lookedAt(podView, { [byJob]: trackedJob })],
  observe: (key, caches) => {
    const job = caches.get(jobs, key);
    const uid = job?.metadata.uid;
    const tracked = caches.byIndex(podView, { name: byJob, value: `${key.namespace}/${key.name}` });
    const leftBehind = tracked.filter((pod) => controllerOf(pod)?.uid !== uid);
    const owners = job ? [uid ?? "", `orphan/${key.namespace}`] : [];
    if (!job && leftBehind.length === 0) return undefined;
    const found = owners.flatMap((value) => caches.byIndex(podView, { name: byOwner, value }));
    return { job, pods: found, leftBehind, nowMs: caches.nowMs };
  },
  plan: planJob,
};

function adopters(orphan: PodSeen, caches: Caches): readonly ObjectKey[] {
  return caches
    .list(jobs, orphan.metadata.namespace ?? "")
    .filter((job) => job.spec.selector && selectorOf(job.spec.selector).matches(orphan.metadata.labels ?? {}))
    .map(keyOf);
}

/** The Job that a tracked pod names, whether it is there or not. */
function trackedJob(pod: PodSeen): readonly string[] {
  const owner = controllerOf(pod);
  const tracked = pod.metadata.finalizers?.includes(trackingFinalizer) === true;
  return tracked && owner?.kind === "Job" ? [`${pod.metadata.namespace}/${owner.name}`] : [];
}

/** Pure. */
export function planJob({ job, pods: candidates, leftBehind, nowMs }: JobObservation): Plan {
  const freed = untracked(leftBehind);
  if (!job || (job.spec.managedBy !== undefined && job.spec.managedBy !== ownName)) return { actions: freed };
  const selector = selectorOf(job.spec.selector);
  const claimed = claim({ owner: job, selector, candidates, resource: pods, finalizer: trackingFinalizer });
  if (isFinished(job)) return { actions: [...freed, ...untracked(claimed.owned.filter(isTracked))] };
  const seen = tally(job, claimed.owned, nowMs);
  const before = [...freed, ...claimed.actions];
  const plan = step(seen);
  const actions = [...before, ...plan.actions];
  if (actions.length === 0 && plan.againAfterMs === undefined) return nothing;
  return { ...plan, actions };
}

function step(seen: Tally): Plan {
  const { job, active, nowMs } = seen;
  const decided = outcomeOf(seen);
  const staffing = decided ? { start: [], stop: active, waitMs: 0 } : staffOf(seen);
  const activeAfter = active.length + staffing.start.length - staffing.stop.length;
  const outcome = decided ?? (isComplete(seen, activeAfter) ? completionsReached : undefined);
  const accounts = account(seen, outcome);
  const stays = statusOf(seen, {
    outcome,
    accounts,
    active: active.length - staffing.stop.length,
    stopped: staffing.stop,
  });
  const over = outcome && isOver(seen, accounts, staffing) ? outcome : undefined;
  const told = over ? finish(stays, over, nowMs) : stays;
  const next = {
    ...told,
    active: told.active === undefined ? staffing.start.length : told.active + staffing.start.length,
  };
  const write = (status: JobStatus): Action[] =>
    deepEqual(withoutZeros(job.status), withoutZeros(status)) ? [] : [updateStatus(jobs, { ...job, status })];
  const suspending = suspendEvents(job, next);
  const waits = [staffing.waitMs, decided ? 0 : (deadlineInMs(seen) ?? 0)].filter((ms) => ms > 0);
  const actions = [
    ...podActions(job, staffing, () => [...write(stays), ...untracked(accounts.release)]),
    ...write(next),
    ...suspending,
    ...(over ? finishEvents(job, over) : []),
    ...untracked(accounts.release),
  ];
  return waits.length === 0 ? { actions } : { actions, againAfterMs: Math.min(...waits) };
}

function staffOf(seen: Tally): Staffing {
  return seen.job.metadata.deletionTimestamp === undefined ? staff(seen) : { start: [], stop: [], waitMs: 0 };
}

function isComplete({ job, succeeded }: Tally, active: number): boolean {
  if (active > 0) return false;
  return job.spec.completions === undefined ? succeeded > 0 : succeeded >= job.spec.completions;
}

/** The Job may say that it is over: nothing runs, nothing ends, and everything is counted. */
function isOver({ terminating, active }: Tally, accounts: Accounts, staffing: Staffing): boolean {
  return accounts.settled && terminating.length === 0 && active.length === 0 && staffing.start.length === 0;
}

interface Next {
  readonly outcome: Outcome | undefined;
  readonly accounts: Accounts;
  readonly active: number;
  readonly stopped: readonly PodSeen[];
}

function statusOf({ job, active, terminating, nowMs }: Tally, next: Next): JobStatus {
  const { outcome, accounts, stopped } = next;
  const { startTime, completionTime } = job.status;
  const suspended = job.spec.suspend === true;
  const resumed = !suspended && conditionOf(job.status.conditions, "Suspended")?.status === "True";
  const started = resumed || (startTime === undefined && !suspended) ? rfc3339(nowMs) : startTime;
  const conditions = conditionsOf(job, outcome, nowMs);
  return {
    ...(conditions.length > 0 ? { conditions } : {}),
    ...(started === undefined ? {} : { startTime: started }),
    ...(completionTime === undefined ? {} : { completionTime }),
    active: next.active,
    ...accounts.counts,
    terminating: terminating.length + stopped.length,
    ready: active.filter((pod) => isReady(pod) && !stopped.includes(pod)).length,
  };
}

function conditionsOf(job: Job, outcome: Outcome | undefined, nowMs: number): readonly JobCondition[] {
  const { conditions = [] } = job.status;
  if (outcome) return tell(conditions, { type: outcome.interim, ...withReason(outcome) }, nowMs);
  const known = conditionOf(conditions, "Suspended");
  if (job.spec.suspend === true) {
    const condition = { type: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" };
    return tell(conditions, condition, nowMs);
  }
  const resumed = { type: "Suspended", status: "False", reason: "JobResumed", message: "Job resumed" };
  return known ? tell(conditions, resumed, nowMs) : conditions;
}

function withReason({ reason, message }: Outcome): { status: string; reason: string; message: string } {
  return { status: "True", reason, message };
}

/** Changes nothing when the condition says the same already. */
function tell(conditions: readonly JobCondition[], condition: JobCondition, nowMs: number): readonly JobCondition[] {
  const known = conditionOf(conditions, condition.type);
  const same =
    known?.status === condition.status && known.reason === condition.reason && known.message === condition.message;
  return same ? conditions : withCondition(conditions, { ...condition, lastProbeTime: rfc3339(nowMs) }, nowMs);
}

function finish(status: JobStatus, outcome: Outcome, nowMs: number): JobStatus {
  const success = outcome.interim === "SuccessCriteriaMet";
  const condition = { type: success ? "Complete" : "Failed", ...withReason(outcome) };
  const conditions = tell(status.conditions ?? [], condition, nowMs);
  return { ...status, conditions, ...(success ? { completionTime: rfc3339(nowMs) } : {}) };
}

function finishEvents(job: Job, { interim, reason, message }: Outcome): Action[] {
  return interim === "SuccessCriteriaMet"
    ? [normal(job, "Completed", "Job completed")]
    : [warning(job, reason, message)];
}

function suspendEvents(job: Job, next: JobStatus): Action[] {
  const now = conditionOf(next.conditions, "Suspended")?.status;
  if (now === undefined || now === conditionOf(job.status.conditions, "Suspended")?.status) return [];
  return [now === "True" ? normal(job, "Suspended", "Job suspended") : normal(job, "Resumed", "Job resumed")];
}

/** @param unstarted What is to be done when some pods cannot be made: those that ended count all the same. */
function podActions(job: Job, { start, stop }: Staffing, unstarted: () => readonly Action[]): Action[] {
  const started = start.map((pod) =>
    create(pods, pod, {
      created: (made) => [normal(job, "SuccessfulCreate", `Created pod: ${made.metadata.name}`)],
      refused: (error) => [warning(job, "FailedCreate", `Error creating: ${error.message}`)],
    }),
  );
  const stopped = stop.map((pod) =>
    sequence([remove(pods, pod), normal(job, "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`)]),
  );
  return [...(stopped.length > 0 ? [each(stopped)] : []), ...(started.length > 0 ? [ramp(started, unstarted)] : [])];
}

function untracked(released: readonly PodSeen[]): Action[] {
  return released.length === 0 ? [] : [each(released.map(untrack))];
}

/** Lets a pod go that is counted, or that nobody will count. */
function untrack(pod: PodSeen): Action {
  const metadata = { uid: pod.metadata.uid, "$deleteFromPrimitiveList/finalizers": [trackingFinalizer] };
  return { kind: "patch", resource: untyped(pods), key: keyOf(pod), patch: { type: "strategic", body: { metadata } } };
}

/** Absent and zero mean the same in the older counts. */
function withoutZeros({ active, succeeded, failed, ...status }: JobStatus): object {
  return { ...status, active: active ?? 0, succeeded: succeeded ?? 0, failed: failed ?? 0 };
}
