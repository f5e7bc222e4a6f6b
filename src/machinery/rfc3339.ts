/**
 * Points in time as Go reads them: `2026-01-31T12:00:00Z`. Days that a month does not have and hours that a day does not
 * have are refused, where JavaScript would go on to the next.
 *
 * @see https://pkg.go.dev/time#RFC3339
 */

/** A text that is no point in time. The sentences are Go's. */
export class TimeError extends Error {
  override readonly name = "TimeError";
}

export interface ParsedTime {
  /** Milliseconds since the epoch, of whole seconds. */
  readonly ms: number;
  /** The digits after the point. */
  readonly fraction: string;
}

const form = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** @param layout For the sentence: how Go would write it. @throws TimeError */
export function parseTime(text: string, layout = "2006-01-02T15:04:05Z07:00"): ParsedTime {
  const shown = JSON.stringify(text);
  const match = form.exec(text);
  if (!match) throw new TimeError(`parsing time ${shown} as "${layout}": cannot parse ${shown} as "2006"`);
  const [, year = "", month = "", day = "", hour = "", minute = "", second = "", fraction = ""] = match;
  const [sign, offsetHour = "0", offsetMinute = "0"] = match.slice(8);
  const parts: readonly (readonly [string, boolean])[] = [
    ["month", Number(month) >= 1 && Number(month) <= 12],
    ["day", isDate(Number(year), Number(month), Number(day))],
    ["hour", Number(hour) < 24],
    ["minute", Number(minute) < 60],
    ["second", Number(second) < 60],
    ["time zone offset hour", Number(offsetHour) <= 24],
    ["time zone offset minute", Number(offsetMinute) < 60],
  ];
  const wrong = parts.find(([, fits]) => !fits);
  if (wrong) throw new TimeError(`parsing time ${shown}: ${wrong[0]} out of range`);
  const offsetMs = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const utcMs = sign === "-" ? ms + offsetMs : ms - offsetMs;
  if (!isWritable(utcMs)) throw new TimeError(`parsing time ${shown}: year out of range`);
  return { ms: utcMs, fraction };
}

/** True when the time, in UTC, has a year of four digits: another one is written in a form that nobody reads. */
export function isWritable(ms: number): boolean {
  return ms >= firstMs && ms <= lastMs;
}

const firstMs = Date.parse("0000-01-01T00:00:00Z");
const lastMs = Date.parse("9999-12-31T23:59:59.999Z");

/** True for a day that its month has. */
export function isDate(year: number, month: number, day: number): boolean {
  // Day 0 is the day before the first. Years below 100 would mean 1900 and on; every 400 years are alike.
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}
