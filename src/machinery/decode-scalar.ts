/**
 * One scalar of a JSON body as its shape has it: checked, and in the canonical form that upstream would answer with.
 * A wrong value is said in the words of upstream's decoder.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import { base64, fromBase64 } from "#base/bytes.ts";
import { GoDurationError, goDurationNanos, goDurationText } from "./go-duration.ts";
import { canonicalQuantity, QuantityError } from "./quantity.ts";
import { parseTime, TimeError, type ParsedTime } from "./rfc3339.ts";
import type { JsonValue, ScalarType } from "./shape.ts";

/** What the decoder was given where `goType` was expected. Becomes a sentence with the place in it. */
export class WrongTypeError extends Error {
  override readonly name = "WrongTypeError";
  readonly found: string;
  readonly goType: string;

  constructor(value: JsonValue, goType: string, detail = "") {
    super(`expected ${goType}`);
    this.found = detail === "" ? jsonTypeOf(value) : `${jsonTypeOf(value)} ${detail}`;
    this.goType = goType;
  }
}

/** A value of the right type that says nothing: the message is the whole sentence, as upstream has it. */
export class UnreadableError extends Error {
  override readonly name = "UnreadableError";
}

/** "string", "number", "bool", "array" or "object". */
function jsonTypeOf(value: JsonValue): string {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "number";
  return Array.isArray(value) ? "array" : typeof value;
}

const int32Min = -(2 ** 31);
const int32Max = 2 ** 31 - 1;

function text(value: JsonValue, goType = "string"): string {
  if (typeof value !== "string") throw new WrongTypeError(value, goType);
  return value;
}

/** Go reads an integer from digits alone: `1.0` and `1e3` are none, whatever their value. */
function integer(value: JsonValue, goType: "int32" | "int64", given: string | undefined): number {
  if (typeof value === "bigint") {
    if (goType === "int32") throw new WrongTypeError(value, goType, value.toString());
    // Differs from upstream: a built-in field holds what a number holds exactly. Larger is refused, never rounded.
    throw new UnreadableError(
      `expected an integer between -${Number.MAX_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}, found ${value}`,
    );
  }
  if (typeof value !== "number") throw new WrongTypeError(value, goType);
  const literal = given ?? String(value);
  const isDigits = Number.isSafeInteger(value) && integerText.test(literal);
  if (!isDigits || (goType === "int32" && (value < int32Min || value > int32Max)))
    throw new WrongTypeError(value, goType, literal);
  return value;
}

const integerText = /^-?\d+$/;

function intOrString(value: JsonValue, literal?: string): string | number {
  return typeof value === "string" ? value : integer(value, "int32", literal);
}

function base64Text(value: JsonValue): string {
  const given = text(value, "[]uint8");
  if (base64(fromBase64(given)) === given) return given;
  const joined = given.replaceAll("\n", "").replaceAll("\r", "");
  if (base64(fromBase64(joined)) === joined) return joined;
  const wrongAt = given.search(/[^A-Za-z0-9+/=\r\n]/);
  throw new UnreadableError(`illegal base64 data at input byte ${wrongAt < 0 ? given.length & ~3 : wrongAt}`);
}

function quantity(value: JsonValue, literal: string | undefined): string {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "bigint")
    throw new WrongTypeError(value, "resource.Quantity");
  try {
    return canonicalQuantity((literal ?? String(value)).trim());
  } catch (thrown) {
    throw thrown instanceof QuantityError ? new UnreadableError(thrown.message) : thrown;
  }
}

function time(value: JsonValue, layout: "time" | "microTime"): string {
  const given = text(value, layout === "time" ? "v1.Time" : "v1.MicroTime");
  const { ms, fraction } = parsedTime(given, layout);
  if (layout === "time" && given.length === 20) return given;
  const seconds = new Date(ms).toISOString().slice(0, 19);
  return layout === "time" ? `${seconds}Z` : `${seconds}.${fraction.padEnd(6, "0").slice(0, 6)}Z`;
}

function parsedTime(given: string, layout: "time" | "microTime"): ParsedTime {
  try {
    return parseTime(given, layout === "time" ? undefined : "2006-01-02T15:04:05.000000Z07:00");
  } catch (error) {
    throw error instanceof TimeError ? new UnreadableError(error.message) : error;
  }
}

function duration(value: JsonValue): string {
  const given = text(value, "v1.Duration");
  try {
    return goDurationText(goDurationNanos(given));
  } catch (error) {
    throw error instanceof GoDurationError ? new UnreadableError(error.message) : error;
  }
}

function jsonObject(value: JsonValue, goType: string): JsonValue {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new WrongTypeError(value, goType);
  return value;
}

function bool(value: JsonValue): boolean {
  if (typeof value !== "boolean") throw new WrongTypeError(value, "bool");
  return value;
}

function double(value: JsonValue): number {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "number") throw new WrongTypeError(value, "float64");
  return value;
}

const decoders: Readonly<Record<ScalarType, (value: JsonValue, literal: string | undefined) => JsonValue>> = {
  string: (value) => text(value),
  bool,
  int32: (value, literal) => integer(value, "int32", literal),
  int64: (value, literal) => integer(value, "int64", literal),
  double,
  intOrString,
  bytes: base64Text,
  time: (value) => time(value, "time"),
  microTime: (value) => time(value, "microTime"),
  duration,
  quantity,
  fieldsV1: (value) => jsonObject(value, "v1.FieldsV1"),
  rawExtension: (value) => jsonObject(value, "runtime.RawExtension"),
  any: (value) => value,
};

/**
 * The value in canonical form: the same for JSON text that says the same.
 *
 * @param value Not null: null is absence, which the caller decides about.
 * @param literal How a number was written, when not as JavaScript writes it.
 * @throws WrongTypeError or UnreadableError.
 */
export function decodeScalar(type: ScalarType, value: JsonValue, literal?: string): JsonValue {
  return decoders[type](value, literal);
}

const zeros: Readonly<Record<ScalarType, JsonValue | undefined>> = {
  string: "",
  bytes: "",
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  intOrString: 0,
  quantity: "0",
  duration: "0s",
  time: undefined,
  microTime: undefined,
  fieldsV1: undefined,
  rawExtension: undefined,
  any: undefined,
};

/** What a scalar is when nobody said anything; undefined for those that are then absent. */
export function zeroScalar(type: ScalarType): JsonValue | undefined {
  return zeros[type];
}
