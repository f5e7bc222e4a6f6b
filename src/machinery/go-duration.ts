/**
 * Lengths of time as Go writes them: "1h30m0s", "1.5s", "300ms".
 *
 * @see https://pkg.go.dev/time#ParseDuration
 */
import { own } from "#base/own.ts";

const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** A text that is no duration. The sentences are Go's. */
export class GoDurationError extends Error {
  override readonly name = "GoDurationError";
}

// As many nanoseconds as Go's 64 bits hold: 292 years.
const nanosMax = 2n ** 63n - 1n;
const digitsMax = 19;

/** In nanoseconds. @throws GoDurationError */
export function goDurationNanos(text: string): bigint {
  const negative = text.startsWith("-");
  const invalid = (): GoDurationError => new GoDurationError(`time: invalid duration ${JSON.stringify(text)}`);
  let at = negative || text.startsWith("+") ? 1 : 0;
  if (text.slice(at, at + 2) === "0") return 0n;
  if (at === text.length) throw invalid();
  let sum = 0n;
  while (at < text.length) {
    const wholeEnd = digitsEnd(text, at);
    const fractionEnd = text[wholeEnd] === "." ? digitsEnd(text, wholeEnd + 1) : wholeEnd;
    const [whole, fraction] = [text.slice(at, wholeEnd), text.slice(wholeEnd + 1, fractionEnd)];
    if (whole === "" && fraction === "") throw invalid();
    at = unitEnd(text, fractionEnd);
    const unit = text.slice(fractionEnd, at);
    if (unit === "") throw new GoDurationError(`time: missing unit in duration ${JSON.stringify(text)}`);
    const nanos = own(unitNanos, unit);
    if (nanos === undefined)
      throw new GoDurationError(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    if (significantDigits(whole) > digitsMax) throw invalid();
    sum += BigInt(whole) * nanos + fractionOf(fraction, nanos);
    if (sum > nanosMax + (negative ? 1n : 0n)) throw invalid();
  }
  return negative ? -sum : sum;
}

function digitsEnd(text: string, start: number): number {
  let at = start;
  for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(at)) at += 1;
  return at;
}

function unitEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text[at] !== "." && !(text.charCodeAt(at) >= 0x30 && text.charCodeAt(at) <= 0x39)) at += 1;
  return at;
}

function significantDigits(digits: string): number {
  let start = 0;
  while (digits[start] === "0") start += 1;
  return digits.length - start;
}

/** What is below a nanosecond is dropped. */
function fractionOf(digits: string, unit: bigint): bigint {
  const kept = digits.slice(0, digitsMax);
  return kept === "" ? 0n : (BigInt(kept) * unit) / 10n ** BigInt(kept.length);
}

/** The shortest text that says it exactly, as Go's Duration.String does. */
export function goDurationText(nanos: bigint): string {
  if (nanos === 0n) return "0s";
  const sign = nanos < 0n ? "-" : "";
  const size = nanos < 0n ? -nanos : nanos;
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 3)}µs`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 6)}ms`;
  const hours = size / 3_600_000_000_000n;
  const minutes = (size / 60_000_000_000n) % 60n;
  const seconds = `${decimal(size % 60_000_000_000n, 9)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : sign + seconds;
}

/** The number with its point `places` digits from the right, without zeros at its end. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, "0");
  let end = digits.length;
  while (end > digits.length - places && digits[end - 1] === "0") end -= 1;
  const point = digits.length - places;
  return end === point ? digits.slice(0, point) : `${digits.slice(0, point)}.${digits.slice(point, end)}`;
}
