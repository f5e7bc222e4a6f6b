/**
 * Cron schedules: five fields, names of months and days, `@daily` and its like, `@every 1h30m`, in a time zone.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
 */
import { own } from "#base/own.ts";
import { GoDurationError, goDurationNanos } from "./go-duration.ts";

export interface CronSchedule {
  /** The first time after `afterMs`, in milliseconds since the epoch; undefined when there is none in five years. */
  nextMs(afterMs: number): number | undefined;
}

/** A text that is no schedule. The sentences are upstream's. */
export class CronError extends Error {
  override readonly name = "CronError";
}

/**
 * @param timeZone A name of the IANA database; a `TZ=` or `CRON_TZ=` in front of the schedule wins.
 * @throws CronError when either is not understood.
 */
export function parseCron(text: string, timeZone = "UTC"): CronSchedule {
  if (text === "") throw new CronError("empty spec string");
  const zoned = /^(?:CRON_)?TZ=/.exec(text)?.[0].length;
  const zoneEnd = zoned === undefined ? 0 : text.search(/\s/);
  if (zoneEnd < 0) throw new CronError(`expected a schedule after the time zone: ${text}`);
  const zone = zoned === undefined ? timeZone : text.slice(zoned, zoneEnd);
  if (!isTimeZone(zone)) throw new CronError(`provided bad location ${zone}: unknown time zone ${zone}`);
  const spec = text.slice(zoneEnd).trim();
  if (spec.startsWith(every)) return everyMs(durationMs(spec));
  return new FieldSchedule(fieldsOf(spec), zone);
}

const every = "@every ";

/** True for a time zone that this machine knows. */
export function isTimeZone(name: string): boolean {
  // Offsets such as "+02:00" are no names of zones.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    epoch.toZonedDateTimeISO(name);
    return true;
  } catch {
    // A RangeError: there is no way to ask without it.
    return false;
  }
}

const epoch = Temporal.Instant.fromEpochMilliseconds(0);

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const bounds: readonly Bounds[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

interface TimeField {
  readonly values: ReadonlySet<number>;
  /** Written with a star: then a day must match both day fields, else one of them is enough. */
  readonly starred: boolean;
}

const descriptors: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

function fieldsOf(spec: string): readonly TimeField[] {
  const expanded = spec.startsWith("@") ? own(descriptors, spec) : spec;
  if (expanded === undefined) throw new CronError(`unrecognized descriptor: ${spec}`);
  const parts = expanded.split(/\s+/);
  if (parts.length !== bounds.length)
    throw new CronError(`expected exactly 5 fields, found ${parts.length}: [${parts.join(" ")}]`);
  return bounds.map((bound, index) => parseField(parts[index] ?? "", bound));
}

function parseField(text: string, bound: Bounds): TimeField {
  const values = new Set<number>();
  let starred = false;
  for (const range of text.split(",").filter((part) => part !== "")) {
    const { start, end, step, star } = parseRange(range, bound);
    for (let value = start; value <= end; value += step) values.add(value);
    starred ||= star;
  }
  return { values, starred };
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly step: number;
  readonly star: boolean;
}

function parseRange(text: string, bound: Bounds): Range {
  const [span = "", stepText, ...moreSteps] = text.split("/");
  const [low = "", high, ...moreHyphens] = span.split("-");
  const star = low === "*" || low === "?";
  if (!star && moreHyphens.length > 0) throw new CronError(`too many hyphens: ${text}`);
  if (moreSteps.length > 0) throw new CronError(`too many slashes: ${text}`);
  const start = star ? bound.min : numberOf(low, bound.names, bound.min);
  const step = stepText === undefined ? 1 : numberOf(stepText, [], 0);
  const open = star || (stepText !== undefined && high === undefined);
  const end = open ? bound.max : high === undefined ? start : numberOf(high, bound.names, bound.min);
  if (start < bound.min) throw new CronError(`beginning of range (${start}) below minimum (${bound.min}): ${text}`);
  if (end > bound.max) throw new CronError(`end of range (${end}) above maximum (${bound.max}): ${text}`);
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`);
  return { start, end, step, star: star && step === 1 };
}

function numberOf(text: string, names: readonly string[], first: number): number {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + first;
  if (/^-\d+$/.test(text)) throw new CronError(`negative number (${Number(text)}) not allowed: ${text}`);
  if (!/^\+?\d{1,9}$/.test(text))
    throw new CronError(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

const minuteMs = 60_000;
const yearsMax = 5;

class FieldSchedule implements CronSchedule {
  private readonly fields: readonly TimeField[];
  private readonly zone: string;

  constructor(fields: readonly TimeField[], zone: string) {
    this.fields = fields;
    this.zone = zone;
  }

  /** From the next minute on, skips to the next month, day, hour or minute until all fields match. */
  nextMs(afterMs: number): number | undefined {
    const startMs = (Math.floor(afterMs / minuteMs) + 1) * minuteMs;
    let time = Temporal.Instant.fromEpochMilliseconds(startMs).toZonedDateTimeISO(this.zone);
    const yearMax = time.year + yearsMax;
    while (time.year <= yearMax) {
      if (!this.has(3, time.month)) time = startOf(time.toPlainDate().with({ day: 1 }).add({ months: 1 }), this.zone);
      else if (!this.dayMatches(time)) time = startOf(time.toPlainDate().add({ days: 1 }), this.zone);
      else if (!this.has(1, time.hour)) time = time.add({ minutes: 60 - time.minute });
      else if (!this.has(0, time.minute)) time = time.add({ minutes: 1 });
      else return time.epochMilliseconds;
    }
    return undefined;
  }

  private has(field: number, value: number): boolean {
    return this.fields[field]?.values.has(value) ?? false;
  }

  private dayMatches(time: Temporal.ZonedDateTime): boolean {
    const [ofMonth, ofWeek] = [this.has(2, time.day), this.has(4, time.dayOfWeek % 7)];
    const both = this.fields[2]?.starred === true || this.fields[4]?.starred === true;
    return both ? ofMonth && ofWeek : ofMonth || ofWeek;
  }
}

function startOf(date: Temporal.PlainDate, zone: string): Temporal.ZonedDateTime {
  return date.toZonedDateTime(zone);
}

function durationMs(descriptor: string): number {
  try {
    return Number(goDurationNanos(descriptor.slice(every.length)) / 1_000_000n);
  } catch (error) {
    if (!(error instanceof GoDurationError)) throw error;
    throw new CronError(`failed to parse duration ${descriptor}: ${error.message}`);
  }
}

/** Whole seconds, at least one. */
function everyMs(intervalMs: number): CronSchedule {
  const wholeMs = Math.max(Math.floor(intervalMs / 1_000), 1) * 1_000;
  return { nextMs: (afterMs) => Math.floor(afterMs / 1_000) * 1_000 + wholeMs };
}
