/**
 * CronJobs: a Job whenever the schedule says so.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
 */
import { rfc3339 } from "#base/clock.ts";
import { deepEqual } from "#machinery/equal.ts";
import { controllerOf, type KubeObject } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { isTimeZone } from "#machinery/cron.ts";
import { cronJobs, type CronJob, type CronJobStatus } from "#resources/batch/cron-job.ts";
import { jobs, type Job } from "#resources/batch/job.ts";
import { create, normal, updateStatus, warning } from "./actions.ts";
import { isTrue } from "./conditions.ts";
import { nothing, type Action, type Controller, type Plan } from "./controller.ts";
import { dueTimes, rfc1123, scheduleOf, zonedTime } from "./cron-job/schedule.ts";
import { isFinished } from "./job/outcome.ts";
import { ownerReferenceTo } from "./ownership.ts";
import { byOwner, ownKind, ownedBy } from "./watches.ts";

export interface CronJobObservation {
  readonly cronJob: CronJob;
  readonly owned: readonly Job[];
  readonly jobNamed: (name: string) => Job | undefined;
  readonly nowMs: number;
}

// So that the time has surely come when the key is looked at again.
const marginMs = 100;
const scheduledAnnotation = "batch.kubernetes.io/cronjob-scheduled-timestamp";

export const cronJobController: Controller<CronJobObservation> = {
  name: "cronjob-controller",
  watches: [ownKind(cronJobs), ownedBy(jobs, "CronJob")],
  observe: (key, caches) => {
    const cronJob = caches.get(cronJobs, key);
    if (!cronJob) return undefined;
    return {
      cronJob,
      owned: caches.byIndex(jobs, { name: byOwner, value: cronJob.metadata.uid ?? "" }),
      jobNamed: (name) => caches.get(jobs, { namespace: key.namespace, name }),
      nowMs: caches.nowMs,
    };
  },
  plan: planCronJob,
};

/** Pure. */
export function planCronJob(seen: CronJobObservation): Plan {
  const { cronJob } = seen;
  const noted = note(seen);
  const cleaned = cleanUp(seen);
  const before = [...noted.events, ...cleaned];
  const quiet = (): Plan => withStatus(cronJob, before, noted.status);
  if (cronJob.metadata.deletionTimestamp !== undefined) return quiet();
  const { timeZone, suspend } = cronJob.spec;
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    const message = `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`;
    return withStatus(cronJob, [...before, warning(cronJob, "UnknownTimeZone", message)], noted.status);
  }
  if (suspend === true) return quiet();
  const parsed = scheduleOf(cronJob);
  if (parsed.kind === "refused")
    return withStatus(cronJob, [...before, warning(cronJob, parsed.reason, parsed.message)], noted.status);
  const due = dueTimes(cronJob, parsed.schedule, seen.nowMs);
  const started = due.missedMs === undefined ? [] : start(seen, noted.status, due.missedMs);
  const tooMany = due.tooMany ? [warning(cronJob, "TooManyMissedTimes", tooManyMessage)] : [];
  const plan = withStatus(cronJob, [...before, ...tooMany], noted.status);
  // Starting writes the status itself, once the Job has a uid to be listed with.
  const starts = started.some(({ kind }) => kind === "create");
  const actions = starts ? [...before, ...tooMany, ...started] : [...plan.actions, ...started];
  if (due.nextMs === undefined) return actions.length === 0 ? nothing : { actions };
  return { actions, againAfterMs: due.nextMs - seen.nowMs + marginMs };
}

const tooManyMessage = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";

function withStatus(cronJob: CronJob, actions: readonly Action[], status: CronJobStatus): Plan {
  const same = deepEqual(plain(cronJob.status), plain(status));
  return { actions: same ? actions : [...actions, updateStatus(cronJobs, { ...cronJob, status })] };
}

function plain({ active = [], ...times }: CronJobStatus): object {
  return { ...times, ...(active.length > 0 ? { active } : {}) };
}

interface Noted {
  readonly status: CronJobStatus;
  readonly events: readonly Action[];
}

/** What became of the Jobs that were started. */
function note({ cronJob, owned }: CronJobObservation): Noted {
  const { active = [], lastSuccessfulTime } = cronJob.status;
  const events: Action[] = [];
  const byUid = new Map(owned.map((job) => [job.metadata.uid, job]));
  const running = active.filter(({ uid, name }) => {
    const job = byUid.get(uid);
    if (!job) {
      events.push(normal(cronJob, "MissingJob", `Active job went missing: ${name}`));
      return false;
    }
    if (!isFinished(job)) return true;
    const condition = isTrue(job.status.conditions, "Complete") ? "Complete" : "Failed";
    events.push(normal(cronJob, "SawCompletedJob", `Saw completed job: ${name}, condition: ${condition}`));
    return false;
  });
  const listed = new Set(active.map(({ uid }) => uid));
  for (const job of owned)
    if (!isFinished(job) && !listed.has(job.metadata.uid)) {
      const message = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`;
      events.push(warning(cronJob, "UnexpectedJob", message));
    }
  const successes = owned.flatMap((job) =>
    isTrue(job.status.conditions, "Complete") ? (job.status.completionTime ?? []) : [],
  );
  const last = [lastSuccessfulTime ?? "", ...successes].toSorted().at(-1) ?? "";
  const status = {
    ...cronJob.status,
    active: running,
    ...(last === "" ? {} : { lastSuccessfulTime: last }),
  };
  return { status, events };
}

/** Deletes the oldest finished Jobs beyond the limits. */
function cleanUp({ cronJob, owned }: CronJobObservation): Action[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  const finished = (type: string): readonly Job[] => owned.filter((job) => isTrue(job.status.conditions, type));
  return [
    ...oldest(finished("Failed"), failedJobsHistoryLimit),
    ...oldest(finished("Complete"), successfulJobsHistoryLimit),
  ].flatMap((job) => deleteJob(cronJob, job));
}

function oldest(finished: readonly Job[], limit: number | undefined): readonly Job[] {
  if (limit === undefined || finished.length <= limit) return [];
  const since = (job: Job): string => `${job.status.startTime ?? "9"}/${job.metadata.name}`;
  return finished.toSorted((a, b) => (since(a) < since(b) ? -1 : 1)).slice(0, finished.length - limit);
}

function deleteJob(cronJob: CronJob, job: Job): Action[] {
  const { uid, namespace = "", name = "" } = job.metadata;
  return [
    {
      kind: "delete",
      resource: untyped(jobs),
      key: { namespace, name },
      request: { propagationPolicy: "Background", ...(uid === undefined ? {} : { uid }) },
      refused: (error) => [warning(cronJob, "FailedDelete", `Deleted job: ${error.message}`)],
    },
    normal(cronJob, "SuccessfulDelete", `Deleted job ${name}`),
  ];
}

function start(seen: CronJobObservation, status: CronJobStatus, atMs: number): Action[] {
  const { cronJob, nowMs } = seen;
  const { startingDeadlineSeconds, concurrencyPolicy } = cronJob.spec;
  const active = status.active ?? [];
  if (startingDeadlineSeconds !== undefined && atMs + startingDeadlineSeconds * 1000 < nowMs)
    return [warning(cronJob, "MissSchedule", `Missed scheduled time to start a job: ${rfc1123(atMs)}`)];
  const name = jobName(cronJob, atMs);
  if (active.some((one) => one.name === name) || status.lastScheduleTime === rfc3339(atMs)) return [];
  if (concurrencyPolicy === "Forbid" && active.length > 0) {
    const message = "Not starting job because prior execution is running and concurrency policy is Forbid";
    return [normal(cronJob, "JobAlreadyActive", message)];
  }
  const replaced = concurrencyPolicy === "Replace" ? active.map((one) => seen.jobNamed(one.name ?? "")) : [];
  const kept = concurrencyPolicy === "Replace" ? [] : active;
  const listed = (job: KubeObject): Action => {
    const next = { ...status, active: [...kept, referenceTo(job)], lastScheduleTime: rfc3339(atMs) };
    return updateStatus(cronJobs, { ...cronJob, status: next });
  };
  return [
    ...replaced.flatMap((job) => (job ? deleteJob(cronJob, job) : [])),
    create(jobs, jobFor(cronJob, atMs), {
      created: (job) => [normal(cronJob, "SuccessfulCreate", `Created job ${job.metadata.name}`), listed(job)],
      refused: (error) => {
        if (error.reason !== "AlreadyExists")
          return [warning(cronJob, "FailedCreate", `Error creating job: ${error.message}`)];
        const job = seen.jobNamed(name);
        return job && controllerOf(job)?.uid === cronJob.metadata.uid ? [listed(job)] : [];
      },
    }),
  ];
}

/** The minute of the schedule is in the name, so that no minute gets two Jobs. */
function jobName(cronJob: CronJob, atMs: number): string {
  return `${cronJob.metadata.name}-${Math.floor(atMs / 60_000)}`;
}

function jobFor(cronJob: CronJob, atMs: number): Job {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      namespace: cronJob.metadata.namespace,
      name: jobName(cronJob, atMs),
      ...(metadata.labels ? { labels: metadata.labels } : {}),
      annotations: { ...metadata.annotations, [scheduledAnnotation]: zonedTime(atMs, cronJob.spec.timeZone) },
      ownerReferences: [ownerReferenceTo(cronJob)],
    },
    spec,
    status: {},
  };
}

function referenceTo({ apiVersion, kind, metadata }: KubeObject) {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}
