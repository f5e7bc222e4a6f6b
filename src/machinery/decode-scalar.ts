/**
 * One scalar of a JSON body as its shape has it: checked, and in the canonical form that upstream would answer with.
 * A wrong value is said in the words of upstream's decoder.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import { base64, fromBase64 } from "#base/bytes.ts";
import { canonicalQuantity, QuantityError } from "./quantity.ts";
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
  return Array.isArray(value) ? "array" : typeof value;
}

const int32Min = -(2 ** 31);
const int32Max = 2 ** 31 - 1;

function text(value: JsonValue, goType = "string"): string {
  if (typeof value !== "string") throw new WrongTypeError(value, goType);
  return value;
}

function integer(value: JsonValue, goType: "int32" | "int64"): number {
  if (typeof value !== "number") throw new WrongTypeError(value, goType);
  if (!Number.isInteger(value) || (goType === "int32" && (value < int32Min || value > int32Max)))
    throw new WrongTypeError(value, goType, String(value));
  return value;
}

function intOrString(value: JsonValue): string | number {
  return typeof value === "number" ? integer(value, "int32") : text(value, "intstr.IntOrString");
}

function base64Text(value: JsonValue): string {
  const given = text(value, "[]uint8");
  if (base64(fromBase64(given)) === given) return given;
  const joined = given.replaceAll("\n", "").replaceAll("\r", "");
  if (base64(fromBase64(joined)) === joined) return joined;
  const wrongAt = given.search(/[^A-Za-z0-9+/=\r\n]/);
  throw new UnreadableError(`illegal base64 data at input byte ${wrongAt < 0 ? given.length & ~3 : wrongAt}`);
}

function quantity(value: JsonValue): string {
  if (typeof value !== "string" && typeof value !== "number") throw new WrongTypeError(value, "resource.Quantity");
  try {
    return canonicalQuantity(String(value));
  } catch (thrown) {
    throw thrown instanceof QuantityError ? new UnreadableError(thrown.message) : thrown;
  }
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d+))?(?:Z|[+-]\d\d:\d\d)$/;

function time(value: JsonValue, layout: "time" | "microTime"): string {
  const given = text(value, layout === "time" ? "v1.Time" : "v1.MicroTime");
  const fraction = rfc3339.exec(given);
  const ms = fraction === null ? Number.NaN : Date.parse(given);
  if (Number.isNaN(ms)) {
    const goLayout = layout === "time" ? "2006-01-02T15:04:05Z07:00" : "2006-01-02T15:04:05.000000Z07:00";
    throw new UnreadableError(
      `parsing time ${JSON.stringify(given)} as "${goLayout}": cannot parse ${JSON.stringify(given)} as "2006"`,
    );
  }
  if (layout === "time" && given.length === 20) return given;
  const seconds = new Date(ms).toISOString().slice(0, 19);
  // Date keeps milliseconds only, so the microseconds are taken from the text.
  return layout === "time" ? `${seconds}Z` : `${seconds}.${(fraction?.[1] ?? "").padEnd(6, "0").slice(0, 6)}Z`;
}

const goDuration = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

function duration(value: JsonValue): string {
  const given = text(value, "v1.Duration");
  if (!goDuration.test(given)) throw new UnreadableError(`time: invalid duration ${JSON.stringify(given)}`);
  return given;
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
  if (typeof value !== "number") throw new WrongTypeError(value, "float64");
  return value;
}

const decoders: Readonly<Record<ScalarType, (value: JsonValue) => JsonValue>> = {
  string: (value) => text(value),
  bool,
  int32: (value) => integer(value, "int32"),
  int64: (value) => integer(value, "int64"),
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
 * @throws WrongTypeError or UnreadableError.
 */
export function decodeScalar(type: ScalarType, value: JsonValue): JsonValue {
  return decoders[type](value);
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
