/** What the CronJob and TTL controllers plan, as tables of what they see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCron } from "#machinery/cron.ts";
import type { CronJob, CronJobSpec, CronJobStatus } from "#resources/batch/cron-job.ts";
import type { Job } from "#resources/batch/job.ts";
import type { Action } from "./controller.ts";
import { planCronJob } from "./cron-job.ts";
import { dueTimes } from "./cron-job/schedule.ts";
import { planTtl } from "./ttl-after-finished.ts";

const created = "2026-01-01T00:00:00Z";

function cronJob(spec: Partial<CronJobSpec> = {}, status: CronJobStatus = {}): CronJob {
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { namespace: "default", name: "report", uid: "owner", creationTimestamp: created },
    spec: {
      schedule: "*/10 * * * *",
      concurrencyPolicy: "Allow",
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: {
        metadata: { labels: { app: "report" } },
        spec: { template: { metadata: {}, spec: { containers: [] } } },
      },
      ...spec,
    },
    status,
  };
}

function job(name: string, ended?: "Complete" | "Failed", at = created): Job {
  const owner = { apiVersion: "batch/v1", kind: "CronJob", name: "report", uid: "owner", controller: true };
  const condition = { type: ended ?? "", status: "True", lastTransitionTime: at };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { namespace: "default", name, uid: name, ownerReferences: [owner] },
    spec: { template: { metadata: {}, spec: { containers: [] } } },
    status: ended ? { startTime: at, completionTime: at, conditions: [condition] } : { startTime: at },
  };
}

function plan(owner: CronJob, now: string, owned: readonly Job[] = []) {
  const jobNamed = (name: string) => owned.find((one) => one.metadata.name === name);
  return planCronJob({ cronJob: owner, owned, jobNamed, nowMs: Date.parse(now) });
}

function shown(actions: readonly Action[]): string[] {
  return actions.map((action) => {
    switch (action.kind) {
      case "create":
        return `create ${action.object.metadata.name}`;
      case "delete":
        return `delete ${action.key.name}`;
      case "event":
        return `${action.event.reason}: ${action.event.message}`;
      case "update":
      case "patch":
      case "unless":
      case "sequence":
      case "each":
      case "ramp":
        return action.kind;
    }
  });
}

const running = (name: string) => ({ active: [{ name, uid: name }], lastScheduleTime: "2026-01-01T00:10:00Z" });
// 2026-01-01T00:10:00Z is this minute of the epoch.
const minute = Date.parse("2026-01-01T00:10:00Z") / 60_000;
const late = "2026-01-01T00:20:05Z";

const cases: readonly [name: string, owner: CronJob, now: string, owned: Job[], actions: string[]][] = [
  ["before its time nothing happens", cronJob(), "2026-01-01T00:09:59Z", [], []],
  ["at its time a Job is named after the minute", cronJob(), "2026-01-01T00:10:00Z", [], [`create report-${minute}`]],
  [
    "of several missed times only the last is made up for",
    cronJob(),
    "2026-01-01T00:35:00Z",
    [],
    [`create report-${minute + 20}`],
  ],
  ["a suspended one starts nothing", cronJob({ suspend: true }), "2026-01-01T00:10:00Z", [], []],
  [
    "a time that was started is not started again",
    cronJob({}, { lastScheduleTime: "2026-01-01T00:10:00Z" }),
    "2026-01-01T00:10:01Z",
    [],
    [],
  ],
  [
    "Forbid waits for the one before",
    cronJob({ concurrencyPolicy: "Forbid" }, running("a")),
    late,
    [job("a")],
    ["JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid"],
  ],
  [
    "Replace deletes the one before",
    cronJob({ concurrencyPolicy: "Replace" }, running("a")),
    late,
    [job("a")],
    ["delete a", "SuccessfulDelete: Deleted job a", `create report-${minute + 10}`],
  ],
  [
    "a finished Job leaves the list",
    cronJob({}, running("a")),
    "2026-01-01T00:12:00Z",
    [job("a", "Complete")],
    ["SawCompletedJob: Saw completed job: a, condition: Complete", "update"],
  ],
  [
    "a Job that is gone leaves the list",
    cronJob({}, running("a")),
    "2026-01-01T00:12:00Z",
    [],
    ["MissingJob: Active job went missing: a", "update"],
  ],
  [
    "the oldest finished Jobs go beyond the limit",
    cronJob({ successfulJobsHistoryLimit: 1 }, { lastSuccessfulTime: late }),
    "2026-01-01T00:09:00Z",
    [job("new", "Complete", "2026-01-01T00:08:00Z"), job("old", "Complete")],
    ["delete old", "SuccessfulDelete: Deleted job old"],
  ],
  [
    "a schedule that is not understood is told",
    cronJob({ schedule: "every day" }),
    late,
    [],
    ['UnparseableSchedule: unparseable schedule: "every day" : expected exactly 5 fields, found 2: [every day]'],
  ],
  [
    "many missed times are told",
    cronJob({ schedule: "* * * * *" }),
    "2026-01-02T00:00:30Z",
    [],
    [
      "TooManyMissedTimes: too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
      `create report-${minute + 1430}`,
    ],
  ],
];
for (const [name, owner, now, owned, expected] of cases)
  test(name, () => {
    assert.deepEqual(shown(plan(owner, now, owned).actions), expected);
  });

test("a Job carries the time it was meant for, and is listed once it has a uid", () => {
  const [action] = plan(cronJob({ timeZone: "Europe/Berlin" }), "2026-01-01T00:10:00Z").actions;
  assert.ok(action?.kind === "create");
  const { metadata } = action.object;
  assert.deepEqual(metadata.labels, { app: "report" });
  assert.deepEqual(metadata.annotations, {
    "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-01T01:10:00+01:00",
  });
  const made = { ...action.object, metadata: { ...metadata, uid: "u", resourceVersion: "7" } };
  const [event, update] = action.created?.(made) ?? [];
  assert.ok(event?.kind === "event" && update?.kind === "update");
  assert.equal(event.event.message, `Created job report-${minute}`);
  assert.deepEqual((update.object as CronJob).status, {
    active: [
      {
        apiVersion: "batch/v1",
        kind: "Job",
        namespace: "default",
        name: `report-${minute}`,
        uid: "u",
        resourceVersion: "7",
      },
    ],
    lastScheduleTime: "2026-01-01T00:10:00Z",
  });
});

test("it comes back at the next time", () => {
  assert.equal(plan(cronJob(), "2026-01-01T00:04:00Z").againAfterMs, 360_100);
});

test("a finished Job is deleted with its pods when its time to live is over", () => {
  const finished = job("a", "Complete");
  const mortal = { ...finished, spec: { ...finished.spec, ttlSecondsAfterFinished: 60 } };
  assert.deepEqual(planTtl({ job: mortal, nowMs: Date.parse(created) + 10_000 }), {
    actions: [],
    againAfterMs: 50_000,
  });
  const [action] = planTtl({ job: mortal, nowMs: Date.parse(created) + 60_000 }).actions;
  assert.ok(action?.kind === "delete" && action.request?.propagationPolicy === "Foreground");
  assert.deepEqual(planTtl({ job: finished, nowMs: Date.parse(created) + 1e9 }).actions, []);
});

test("a schedule that was idle for years is looked up in few steps, and finds the last time that has come", () => {
  const cases: readonly [schedule: string, now: string, last: string][] = [
    ["* * * * 1", "2028-01-07T12:00:00Z", "2028-01-03T23:59:00Z"],
    ["*/5 3 * * *", "2028-01-07T12:00:00Z", "2028-01-07T03:55:00Z"],
    ["* * * * *", "2028-01-07T12:00:30Z", "2028-01-07T12:00:00Z"],
    ["0 0 29 2 *", "2031-01-01T00:00:00Z", "2028-02-29T00:00:00Z"],
    ["@every 90s", "2028-01-07T12:00:20Z", "2028-01-07T12:00:00Z"],
  ];
  for (const [text, now, last] of cases) {
    let asked = 0;
    const schedule = parseCron(text);
    const counted = { nextMs: (ms: number) => ((asked += 1), schedule.nextMs(ms)) };
    const due = dueTimes(cronJob({ schedule: text }), counted, Date.parse(now));
    assert.equal(new Date(due.missedMs ?? 0).toISOString(), last.replace("Z", ".000Z"), text);
    assert.ok(asked < 50, `${text}: ${asked}`);
  }
  // The first two times are a week apart, and those after them a minute.
  let asked = 0;
  const mondays = parseCron("* * * * 1");
  const counted = { nextMs: (ms: number) => ((asked += 1), mondays.nextMs(ms)) };
  const late = { ...cronJob(), status: { lastScheduleTime: "2026-01-05T23:58:00Z" } };
  const due = dueTimes(late, counted, Date.parse("2026-12-31T00:00:00Z"));
  assert.equal(new Date(due.missedMs ?? 0).toISOString(), "2026-12-28T23:59:00.000Z");
  assert.ok(asked < 200, String(asked));
});
