/** When a CronJob is due: the last time it should have started and has not, and the next one. Pure. */
import { messageOf } from "#base/assert.ts";
import { parseCron, type CronSchedule } from "#machinery/cron.ts";
import type { CronJob } from "#resources/batch/cron-job.ts";

/** The schedule, or why there is none. */
export type Parsed =
  | { readonly kind: "schedule"; readonly schedule: CronSchedule }
  | { readonly kind: "refused"; readonly reason: string; readonly message: string };

export function scheduleOf(cronJob: CronJob): Parsed {
  const { schedule: text, timeZone } = cronJob.spec;
  try {
    return { kind: "schedule", schedule: parseCron(text, timeZone) };
  } catch (error) {
    const message = `unparseable schedule: ${JSON.stringify(text)} : ${messageOf(error)}`;
    return { kind: "refused", reason: "UnparseableSchedule", message };
  }
}

export interface Due {
  /** The last time that has come and was not started; undefined when there is none. */
  readonly missedMs: number | undefined;
  readonly tooMany: boolean;
  readonly nextMs: number | undefined;
}

// More missed times than this are a sign of a clock that is wrong or a controller that was off for long.
const missedMax = 100;
const secondMs = 1_000;

export function dueTimes(cronJob: CronJob, schedule: CronSchedule, nowMs: number): Due {
  const first = schedule.nextMs(earliestMs(cronJob, nowMs));
  if (first === undefined) return { missedMs: undefined, tooMany: false, nextMs: undefined };
  if (nowMs < first) return { missedMs: undefined, tooMany: false, nextMs: first };
  const second = schedule.nextMs(first);
  if (second === undefined || nowMs < second) return { missedMs: first, tooMany: false, nextMs: second };
  const missed = estimate(second - first, nowMs - first);
  const last = lastBefore(schedule, { first, second, missed }, nowMs);
  return { missedMs: last, tooMany: missed > missedMax, nextMs: schedule.nextMs(last) };
}

function estimate(periodMs: number, sinceMs: number): number {
  return Math.floor(sinceMs / periodMs) + 1;
}

/** The last time that has come. Few are walked; many are jumped over, so that years of idleness cost as little as a day. */
function lastBefore(
  schedule: CronSchedule,
  { first, second, missed }: { readonly first: number; readonly second: number; readonly missed: number },
  nowMs: number,
): number {
  const walked = missed <= missedMax ? walk(schedule, second, nowMs) : undefined;
  if (walked !== undefined) return walked;
  const periodMs = second - first;
  const near = first + (missed - 2) * periodMs;
  // One period for all: counted from the first time, which for "@every" is the only one that fits.
  const grid = schedule.nextMs(near) === near + periodMs ? walk(schedule, near + periodMs, nowMs) : undefined;
  if (grid !== undefined) return grid;
  let [last, end] = [second, nowMs];
  while (end - last > secondMs) {
    const middle = Math.floor((last + end) / 2);
    const next = schedule.nextMs(middle);
    if (next !== undefined && next <= nowMs) last = next;
    else end = middle;
  }
  return last;
}

/** From a time of the schedule to the last that is not after now; undefined when there are too many between them. */
function walk(schedule: CronSchedule, from: number, nowMs: number): number | undefined {
  let last = from;
  for (let steps = 0; steps < missedMax; steps += 1) {
    const next = schedule.nextMs(last);
    if (next === undefined || next > nowMs) return last;
    last = next;
  }
  return undefined;
}

/** Times before this are not made up for. */
function earliestMs({ metadata, spec, status }: CronJob, nowMs: number): number {
  const since = Date.parse(status.lastScheduleTime ?? metadata.creationTimestamp ?? "") || nowMs;
  const deadline = spec.startingDeadlineSeconds;
  return deadline === undefined ? since : Math.max(since, nowMs - deadline * 1000);
}

/** "Mon, 02 Jan 2006 15:04:05 +0000". */
export function rfc1123(ms: number): string {
  return new Date(ms).toUTCString().replace("GMT", "+0000");
}

/** RFC 3339 with the offset of a zone. */
export function zonedTime(ms: number, timeZone: string | undefined): string {
  const time = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone ?? "UTC");
  const offset = time.offset === "+00:00" ? "Z" : time.offset;
  return `${time.toPlainDateTime().toString({ smallestUnit: "second" })}${offset}`;
}
