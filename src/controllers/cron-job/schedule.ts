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

export function dueTimes(cronJob: CronJob, schedule: CronSchedule, nowMs: number): Due {
  const first = schedule.nextMs(earliestMs(cronJob, nowMs));
  if (first === undefined) return { missedMs: undefined, tooMany: false, nextMs: undefined };
  if (nowMs < first) return { missedMs: undefined, tooMany: false, nextMs: first };
  const second = schedule.nextMs(first);
  if (second === undefined || nowMs < second) return { missedMs: first, tooMany: false, nextMs: second };
  const periodMs = second - first;
  const missed = Math.floor((nowMs - first) / periodMs) + 1;
  // Near the end of the times that were missed, as far as the first period tells; the rest is walked.
  let last = missed > missedMax ? (schedule.nextMs(first + (missed - 2) * periodMs - 1) ?? first) : second;
  if (last > nowMs) last = second;
  for (;;) {
    const next = schedule.nextMs(last);
    if (next === undefined || next > nowMs) return { missedMs: last, tooMany: missed > missedMax, nextMs: next };
    last = next;
  }
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
