/**
 * The text of a quantity as the API answers it: no fraction, the largest suffix that keeps it exact, the family of
 * suffixes (decimal, binary, exponent) that was given.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */

/** The message is upstream's sentence. */
export class QuantityError extends Error {
  override readonly name = "QuantityError";
}

const binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const decimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

const nano = 1_000_000_000n;
// The largest value upstream holds; more is cut to it.
const nanosMax = (2n ** 63n - 1n) * nano;

interface Parts {
  readonly negative: boolean;
  readonly whole: string;
  readonly fraction: string;
  readonly suffix: string;
}

const form = /^([+-]?)(\d*)(?:\.(\d*))?([A-Za-z].*)?$/;
const exponentForm = /^[eE]([+-]?\d+)$/;
// More digits than this change nothing that is kept: values end at 2^63 and at a billionth.
const exponentMax = 40;

function partsOf(text: string): Parts {
  const [, sign = "", whole = "", fraction = "", suffix = ""] = form.exec(text) ?? [];
  if (whole === "" && fraction === "")
    throw new QuantityError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  return { negative: sign === "-", whole, fraction, suffix };
}

interface Scaled {
  readonly nanos: bigint;
  readonly family: "decimal" | "binary" | "exponent";
}

/** Rounded up, away from zero, to whole billionths. */
function scaled(parts: Parts): Scaled {
  const digits = BigInt(parts.whole + parts.fraction);
  const places = parts.fraction.length;
  const binary = binarySuffixes.indexOf(parts.suffix);
  const decimal = decimalSuffixes.indexOf(parts.suffix);
  const exponent = exponentForm.exec(parts.suffix)?.[1];
  const times = (factor: bigint, power: number): bigint => {
    const shift = power - places;
    if (shift >= 0) return digits * factor * 10n ** BigInt(shift);
    const divisor = 10n ** BigInt(-shift);
    return (digits * factor + divisor - 1n) / divisor;
  };
  if (binary > 0) return { nanos: times(1024n ** BigInt(binary), 9), family: "binary" };
  if (decimal >= 0) return { nanos: times(1n, decimal * 3), family: "decimal" };
  if (exponent === undefined) throw new QuantityError("unable to parse quantity's suffix");
  const power = Math.max(-exponentMax, Math.min(exponentMax, Number(exponent)));
  return { nanos: times(1n, 9 + power), family: "exponent" };
}

function reduced(value: bigint, base: bigint): { readonly value: bigint; readonly steps: number } {
  let rest = value;
  let steps = 0;
  while (rest !== 0n && rest % base === 0n) {
    rest /= base;
    steps++;
  }
  return { value: rest, steps };
}

// Quantities repeat: the same few of them are in every pod.
const known = new Map<string, string>();
const knownMax = 1000;

/**
 * The canonical text.
 *
 * @throws QuantityError when the text is no quantity.
 */
export function canonicalQuantity(text: string): string {
  const remembered = known.get(text);
  if (remembered !== undefined) return remembered;
  const parts = partsOf(text);
  const { nanos, family } = scaled(parts);
  const canonical = written(nanos > nanosMax ? nanosMax : nanos, family);
  const signed = parts.negative && nanos !== 0n ? `-${canonical}` : canonical;
  if (known.size < knownMax) known.set(text, signed);
  return signed;
}

function written(nanos: bigint, family: Scaled["family"]): string {
  if (nanos === 0n) return "0";
  if (family === "binary" && nanos >= 1024n * nano) {
    const { value, steps } = reduced((nanos + nano - 1n) / nano, 1024n);
    const kept = Math.min(steps, binarySuffixes.length - 1);
    return `${value * 1024n ** BigInt(steps - kept)}${binarySuffixes[kept]}`;
  }
  const { value, steps } = reduced(nanos, 1000n);
  if (family === "exponent") return steps === 3 ? String(value) : `${value}e${steps * 3 - 9}`;
  const kept = Math.min(steps, decimalSuffixes.length - 1);
  return `${value * 1000n ** BigInt(steps - kept)}${decimalSuffixes[kept]}`;
}
