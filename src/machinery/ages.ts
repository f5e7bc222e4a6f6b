/** How long ago things were, in the words of `kubectl get`. */

const minuteSeconds = 60;
const hourSeconds = 60 * minuteSeconds;
const daySeconds = 24 * hourSeconds;

/** Tells how long ago things were, at one moment, and remembers until when what it told holds. */
export class Ages {
  readonly nowMs: number;
  private untilMs = Infinity;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  /** From then on something that was asked for has another text. */
  get holdUntilMs(): number {
    return this.untilMs;
  }

  /** How long ago an RFC 3339 time was; "<unknown>" when there is none. */
  since(time: string | undefined): string {
    return time === undefined || time === "" ? "<unknown>" : this.sinceMs(Date.parse(time));
  }

  sinceMs(startMs: number): string {
    const lengthMs = this.nowMs - startMs;
    const unitMs = 1_000 * unitSeconds(lengthMs / 1_000);
    this.untilMs = Math.min(this.untilMs, startMs + (Math.floor(lengthMs / unitMs) + 1) * unitMs);
    return humanDuration(lengthMs);
  }
}

/** What a length of time is told in: its text stays for so long, from one whole number of them to the next. */
function unitSeconds(seconds: number): number {
  if (seconds < 10 * minuteSeconds) return 1;
  if (seconds < 8 * hourSeconds) return minuteSeconds;
  return seconds < 8 * daySeconds ? hourSeconds : daySeconds;
}

/** A length of time in two or three significant figures: "45s", "3m20s", "5h", "2d4h", "3y12d". */
export function humanDuration(lengthMs: number): string {
  const seconds = Math.trunc(lengthMs / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 2 * minuteSeconds) return `${seconds}s`;
  const minutes = Math.floor(seconds / minuteSeconds);
  if (minutes < 10) return `${minutes}m${rest(seconds % 60, "s")}`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(seconds / hourSeconds);
  if (hours < 8) return `${hours}h${rest(minutes % 60, "m")}`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(seconds / daySeconds);
  if (days < 8) return `${days}d${rest(hours % 24, "h")}`;
  if (days < 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? `${years}y${rest(days % 365, "d")}` : `${years}y`;
}

function rest(count: number, unit: string): string {
  return count === 0 ? "" : `${count}${unit}`;
}
