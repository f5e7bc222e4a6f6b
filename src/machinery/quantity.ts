/**
 * Amounts of resources: `100m`, `1.5Gi`, `12e6`. Read, compared, added and written exactly, never as a floating number.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
import { own } from "#base/own.ts";

export type QuantityFormat = "DecimalSI" | "BinarySI" | "DecimalExponent";

/** A text that is no quantity. The sentences are upstream's. */
export class QuantityError extends Error {
  override readonly name = "QuantityError";
}

const formSentence = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const decimalSuffixes = new Map(Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

const scaleMin = -9;
const binaryMax = 2n ** 63n - 1n;
// Differs from upstream: a larger exponent is refused, because comparing such numbers exactly takes their whole length.
const exponentMax = 1_000;
// Differs from upstream: more digits are refused, for the same reason.
const digitsMax = 1_000;
// As many digits as upstream's fast reader takes; what it reads in canonical form it writes back as it stood.
const fastDigitsMax = 18;

export class Quantity {
  /** The amount is unscaled * 10^scale. */
  readonly unscaled: bigint;
  readonly scale: number;
  readonly format: QuantityFormat;
  private text: string | undefined;

  private constructor(unscaled: bigint, scale: number, format: QuantityFormat) {
    this.unscaled = unscaled;
    this.scale = scale;
    this.format = format;
  }

  static readonly zero = new Quantity(0n, 0, "DecimalSI");

  /** @throws QuantityError when `text` is no quantity. */
  static parse(text: string): Quantity {
    const { sign, whole, fraction, suffix } = partsOf(text);
    const digits = `${whole === "" ? "0" : whole}${fraction}`;
    if (digits.length > digitsMax) throw new QuantityError("unable to parse numeric part of quantity");
    const unit = unitOf(suffix);
    const magnitude = readMagnitude(BigInt(digits), unit, fraction.length);
    const smallBinary = unit.format === "BinarySI" && magnitude.unscaled !== 0n && isBelowOne(magnitude);
    const quantity = new Quantity(
      sign === "-" ? -magnitude.unscaled : magnitude.unscaled,
      magnitude.scale,
      smallBinary ? "DecimalSI" : unit.format,
    );
    if (isKept(digits, fraction.length, unit)) quantity.text = text;
    return quantity;
  }

  /** `value * 10^scale`, e.g. `of(1500n, "DecimalSI", -3)` for 1500m. */
  static of(value: bigint | number, format: QuantityFormat = "DecimalSI", scale = 0): Quantity {
    return new Quantity(BigInt(value), scale, format);
  }

  get isZero(): boolean {
    return this.unscaled === 0n;
  }

  get isNegative(): boolean {
    return this.unscaled < 0n;
  }

  add(other: Quantity): Quantity {
    const scale = Math.min(this.scale, other.scale);
    const sum = scaleTo(this, scale) + scaleTo(other, scale);
    return new Quantity(sum, scale, this.isZero ? other.format : this.format);
  }

  sub(other: Quantity): Quantity {
    return this.add(new Quantity(-other.unscaled, other.scale, other.format));
  }

  /** The least multiple of 10^scale that is not nearer to zero: resource lists hold thousandths, `roundUp(-3)`. */
  roundUp(scale: number): Quantity {
    return this.scale >= scale ? this : new Quantity(scaleTo(this, scale), scale, this.format);
  }

  /** Negative, zero or positive, as for sorting. */
  compare(other: Quantity): number {
    const scale = Math.min(this.scale, other.scale);
    const difference = scaleTo(this, scale) - scaleTo(other, scale);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  /** The amount in whole units, rounded away from zero. Exact up to 2^53. */
  value(): number {
    return Number(scaleTo(this, 0));
  }

  /** The amount in thousandths, rounded away from zero. Exact up to 2^53. */
  milliValue(): number {
    return Number(scaleTo(this, -3));
  }

  /** The nearest floating number. */
  approximate(): number {
    return Number(`${this.unscaled}e${this.scale}`);
  }

  /** Canonical: no fraction, the largest suffix that loses nothing. */
  toString(): string {
    this.text ??= this.canonical();
    return this.text;
  }

  private canonical(): string {
    if (this.unscaled === 0n) return "0";
    if (this.format === "BinarySI") {
      const value = scaleTo(this, 0);
      const exact = this.scale >= 0 || value * 10n ** BigInt(-this.scale) === this.unscaled;
      if (exact && (value >= 1024n || value <= -1024n)) return binaryText(value);
    }
    return this.decimalText(this.format === "DecimalExponent");
  }

  private decimalText(asExponent: boolean): string {
    const digits = this.unscaled.toString();
    let end = digits.length;
    while (digits[end - 1] === "0") end -= 1;
    let mantissa = BigInt(digits.slice(0, end));
    const exponent = this.scale + digits.length - end;
    // Differs from upstream: beyond E the digits stay, because dropping the suffix would change the amount.
    const largest = asExponent ? exponent : Math.min(exponent, 18);
    const target = Math.floor(largest / 3) * 3;
    mantissa *= 10n ** BigInt(exponent - target);
    if (asExponent) return target === 0 ? `${mantissa}` : `${mantissa}e${target}`;
    return `${mantissa}${decimalSuffixes.get(target) ?? ""}`;
  }
}

// What upstream takes as canonical without a second look: no suffix can follow, and the text is short.
const surelyCanonical = /^(?:0|[1-9]\d{0,15}(?<!000)[numkMGTPE]?)$/;

/** The canonical form of a text. @throws QuantityError when it is no quantity. */
export function canonicalQuantity(text: string): string {
  return surelyCanonical.test(text) ? text : Quantity.parse(text).toString();
}

/** The parts of a text. Zeros in front are no part. */
interface Parts {
  readonly sign: string;
  readonly whole: string;
  readonly fraction: string;
  readonly suffix: string;
}

/** One walk from left to right, where no character is looked at twice. @throws QuantityError */
function partsOf(text: string): Parts {
  const signEnd = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
  let start = signEnd;
  while (text[start] === "0") start += 1;
  const wholeEnd = digitsEnd(text, start);
  const hasPoint = text[wholeEnd] === ".";
  const fractionEnd = hasPoint ? digitsEnd(text, wholeEnd + 1) : wholeEnd;
  let lettersEnd = fractionEnd;
  while (lettersEnd < text.length && suffixLetters.includes(text[lettersEnd] ?? "")) lettersEnd += 1;
  const exponentStart = text[lettersEnd] === "-" || text[lettersEnd] === "+" ? lettersEnd + 1 : lettersEnd;
  if (text === "" || digitsEnd(text, exponentStart) !== text.length) throw new QuantityError(formSentence);
  return {
    sign: text.slice(0, signEnd),
    whole: text.slice(start, wholeEnd),
    fraction: hasPoint ? text.slice(wholeEnd + 1, fractionEnd) : "",
    suffix: text.slice(fractionEnd),
  };
}

const suffixLetters = "eEinumkKMGTP";

/** Where the digits that start at `start` end. */
function digitsEnd(text: string, start: number): number {
  let at = start;
  for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(at)) at += 1;
  return at;
}

interface Unit {
  readonly format: QuantityFormat;
  /** Of ten, or of two for BinarySI. */
  readonly exponent: number;
}

function unitOf(suffix: string): Unit {
  const decimal = own(decimalExponents, suffix);
  if (decimal !== undefined) return { format: "DecimalSI", exponent: decimal };
  const binary = binarySuffixes.indexOf(suffix);
  if (binary > 0) return { format: "BinarySI", exponent: binary * 10 };
  const exponent = /^[eE]([-+]?\d+)$/.exec(suffix)?.[1];
  if (exponent === undefined || Math.abs(Number(exponent)) > exponentMax)
    throw new QuantityError("unable to parse quantity's suffix");
  return { format: "DecimalExponent", exponent: Number(exponent) };
}

interface Magnitude {
  readonly unscaled: bigint;
  readonly scale: number;
}

/** Amounts below a billionth are rounded up to it: who asks for something gets something. */
function readMagnitude(digits: bigint, unit: Unit, fractionDigits: number): Magnitude {
  const binary = unit.format === "BinarySI";
  const unscaled = binary ? digits << BigInt(unit.exponent) : digits;
  const scale = (binary ? 0 : unit.exponent) - fractionDigits;
  const read =
    scale < scaleMin ? { unscaled: scaleTo({ unscaled, scale }, scaleMin), scale: scaleMin } : { unscaled, scale };
  return binary && scaleTo(read, 0) > binaryMax ? { unscaled: binaryMax, scale: 0 } : read;
}

function isBelowOne(magnitude: Magnitude): boolean {
  return magnitude.scale < 0 && magnitude.unscaled < 10n ** BigInt(-magnitude.scale);
}

/** True when the text is written back as it was read, which upstream decides by looking at the digits alone. */
function isKept(digits: string, fractionDigits: number, unit: Unit): boolean {
  if (unit.format === "BinarySI") {
    const short = digits.length + Math.trunc((unit.exponent * 3) / 10) <= 14;
    return fractionDigits === 0 && short && (BigInt(digits) & 7n) !== 0n;
  }
  const scale = unit.exponent - fractionDigits;
  if (digits.length > fastDigitsMax || scale < scaleMin || scale % 3 !== 0) return false;
  return !digits.endsWith("000") && !digits.startsWith("0");
}

/** The amount as a multiple of 10^scale, rounded away from zero. */
function scaleTo({ unscaled, scale: from }: Magnitude, scale: number): bigint {
  if (from >= scale) return unscaled * 10n ** BigInt(from - scale);
  const divisor = 10n ** BigInt(scale - from);
  const quotient = unscaled / divisor;
  if (quotient * divisor === unscaled) return quotient;
  return unscaled < 0n ? quotient - 1n : quotient + 1n;
}

function binaryText(value: bigint): string {
  let mantissa = value;
  let power = 0;
  while (power < binarySuffixes.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    power += 1;
  }
  return `${mantissa}${binarySuffixes[power]}`;
}
