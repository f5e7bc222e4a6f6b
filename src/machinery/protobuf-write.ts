/** Writes the protobuf message of an object of a shape. */
import { fromBase64, utf8 } from "#base/bytes.ts";
import { own } from "#base/own.ts";
import type { ProtobufWriter } from "#base/protobuf.ts";
import { goDurationNanos } from "./go-duration.ts";
import { protobufPlan } from "./protobuf-plan.ts";
import { resolved, type JsonValue, type ObjectShape, type ScalarShape, type ScalarType, type Shape } from "./shape.ts";

type ScalarWriter = (writer: ProtobufWriter, field: number, value: JsonValue) => void;

/** The text that decoding left in a scalar. */
function textIn(value: JsonValue): string {
  return typeof value === "string" ? value : "";
}

/** A message of one bytes field: quantities, raw JSON. */
function wrapped(writer: ProtobufWriter, field: number, content: Uint8Array): void {
  const mark = writer.open(field);
  writer.bytes(1, content);
  writer.close(mark);
}

function writeTime(writer: ProtobufWriter, field: number, value: JsonValue): void {
  const text = textIn(value);
  const mark = writer.open(field);
  writer.int(1, Math.floor(Date.parse(text) / 1000));
  // Holds for canonical times only, which is all there are: the fraction starts after the seconds.
  const fraction = text[19] === "." ? text.slice(20, -1) : "";
  writer.int(2, Number(fraction.padEnd(9, "0")));
  writer.close(mark);
}

function writeIntOrString(writer: ProtobufWriter, field: number, value: JsonValue): void {
  const mark = writer.open(field);
  writer.int(1, typeof value === "number" ? 0 : 1);
  writer.int(2, typeof value === "number" ? value : 0);
  writer.string(3, typeof value === "string" ? value : "");
  writer.close(mark);
}

function writeDuration(writer: ProtobufWriter, field: number, value: JsonValue): void {
  const mark = writer.open(field);
  writer.int(1, Number(goDurationNanos(textIn(value))));
  writer.close(mark);
}

const writeInt: ScalarWriter = (writer, field, value) => writer.int(field, Number(value));
const writeJson: ScalarWriter = (writer, field, value) => wrapped(writer, field, utf8(JSON.stringify(value)));

const writers: Readonly<Record<ScalarType, ScalarWriter>> = {
  string: (writer, field, value) => writer.string(field, textIn(value)),
  bool: (writer, field, value) => writer.bool(field, value === true),
  int32: writeInt,
  int64: writeInt,
  double: (writer, field, value) => writer.double(field, Number(value)),
  bytes: (writer, field, value) => writer.bytes(field, fromBase64(textIn(value))),
  time: writeTime,
  microTime: writeTime,
  duration: writeDuration,
  quantity: (writer, field, value) => wrapped(writer, field, utf8(textIn(value))),
  intOrString: writeIntOrString,
  any: writeJson,
  rawExtension: writeJson,
  fieldsV1: writeJson,
};

/** A JSON value with more than one form, one of which is an object of a shape, has a message with a field for each. */
function writeForms(
  writer: ProtobufWriter,
  field: number,
  { shape, value }: { shape: ScalarShape; value: JsonValue },
): boolean {
  const { forms } = shape;
  if (forms === undefined) return false;
  const mark = writer.open(field);
  const [objectNumber, otherNumber] = forms.other === "bool" ? [2, 1] : [1, 2];
  if (typeof value === "boolean") writer.bool(otherNumber, value);
  else if (Array.isArray(value)) {
    // Holds because Array.isArray narrows a readonly array type to any[].
    for (const item of value as readonly JsonValue[])
      writeValue(writer, otherNumber, { shape: forms.other === "strings" ? text : forms.object, value: item });
  } else {
    if (forms.other === "bool") writer.bool(otherNumber, true);
    writeValue(writer, objectNumber, { shape: forms.object, value });
  }
  writer.close(mark);
  return true;
}

const text: ScalarShape = { kind: "scalar", type: "string" };

interface Written {
  readonly shape: Shape;
  readonly value: unknown;
}

function writeValue(writer: ProtobufWriter, field: number, { shape, value }: Written): void {
  const known = resolved(shape);
  // Every cast holds because the object was decoded by its shape.
  if (known.kind === "scalar") {
    if (!writeForms(writer, field, { shape: known, value: value as JsonValue }))
      writers[known.type](writer, field, value as JsonValue);
  } else if (known.kind === "object") {
    const mark = writer.open(field);
    writeMessage(writer, known, value as object);
    writer.close(mark);
  } else if (known.kind === "list") {
    for (const item of value as readonly unknown[]) writeValue(writer, field, { shape: known.item, value: item });
  } else writeMap(writer, field, { shape: known.value, value });
}

function writeMap(writer: ProtobufWriter, field: number, { shape, value }: Written): void {
  const inner = resolved(shape);
  // Holds because the object was decoded by its shape.
  const entries = Object.entries(value as Readonly<Record<string, unknown>>).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, entry] of entries) {
    const mark = writer.open(field);
    writer.string(1, key);
    if (inner.kind === "list") {
      // A list as the value of a map is a message of its own.
      const list = writer.open(2);
      writeValue(writer, 1, { shape: inner, value: entry });
      writer.close(list);
    } else writeValue(writer, 2, { shape: inner, value: entry });
    writer.close(mark);
  }
}

/** The fields of an object, without tag and length around them. */
export function writeMessage(writer: ProtobufWriter, shape: ObjectShape, object: object): void {
  // Holds: any object can be read by name.
  const source = object as Readonly<Record<string, unknown>>;
  for (const { name, number, field, shape: inner } of protobufPlan(shape).fields) {
    const value = field.inlined ? source : own(source, name);
    if (value !== undefined && value !== null) writeValue(writer, number, { shape: inner, value });
  }
}
