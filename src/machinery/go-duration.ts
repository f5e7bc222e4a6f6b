/** Lengths of time as Go writes them: "1h30m0s", "1.5s", "300ms". */

const unitNanos: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const form = /^([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/;

/** In nanoseconds; NaN when the text is no duration. */
export function goDurationNanos(text: string): number {
  const [, sign, body = ""] = form.exec(text) ?? [];
  if (sign === undefined) return Number.NaN;
  let nanos = 0;
  for (const [, count, unit = ""] of body.matchAll(/([\d.]+)([a-zµμ]+)/g))
    nanos += Number(count) * (unitNanos[unit] ?? 0);
  return Math.trunc(sign === "-" ? -nanos : nanos);
}

/** The shortest text that says it exactly, as Go's Duration.String does. */
export function goDurationText(nanos: number): string {
  if (nanos === 0) return "0s";
  const sign = nanos < 0 ? "-" : "";
  const size = Math.abs(nanos);
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${size / 1e3}µs`;
  if (size < 1e9) return `${sign}${size / 1e6}ms`;
  const hours = Math.floor(size / 3600e9);
  const minutes = Math.floor((size % 3600e9) / 60e9);
  const seconds = `${(size % 60e9) / 1e9}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : sign + seconds;
}
