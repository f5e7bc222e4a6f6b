/** Reads an object of a shape from its protobuf message. */
import { base64, textOf } from "#base/bytes.ts";
import { own } from "#base/own.ts";
import { ProtobufError, wireType, type ProtobufReader } from "#base/protobuf.ts";
import { fillAlways, setKey, type DraftObject } from "./decode.ts";
import { zeroScalar } from "./decode-scalar.ts";
import { goDurationText } from "./go-duration.ts";
import { readForeignJson } from "./json-reader.ts";
import { protobufPlan, type ProtobufField } from "./protobuf-plan.ts";
import { canonicalQuantity } from "./quantity.ts";
import { isWritable } from "./rfc3339.ts";
import {
  resolved,
  type JsonValue,
  type MapShape,
  type ObjectShape,
  type ScalarShape,
  type ScalarType,
  type Shape,
} from "./shape.ts";
import { TooManyValuesError } from "./value-count.ts";

// As deep as a JSON body may be.
const depthMax = 200;

/** Calls `read` for every field of the message at hand; it answers false for a field it does not know. */
function eachField(reader: ProtobufReader, read: (number: number, tag: number) => boolean): void {
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) if (!read(tag >>> 3, tag)) reader.skip(tag);
  reader.leave(outer);
}

/** A message of one bytes field. */
function wrapped(reader: ProtobufReader): Uint8Array {
  let content: Uint8Array = new Uint8Array();
  eachField(reader, (number) => {
    if (number !== 1) return false;
    content = reader.bytes();
    return true;
  });
  return content;
}

function readTime(reader: ProtobufReader, precise: boolean): string | undefined {
  let seconds: number | undefined;
  let nanos = 0;
  eachField(reader, (number) => {
    if (number === 1) seconds = reader.int64();
    else if (number === 2) nanos = reader.int32();
    else return false;
    return true;
  });
  if (seconds === undefined) return undefined;
  if (!isWritable(seconds * 1000)) throw new ProtobufError(`expected a time before the year 10000, found ${seconds} s`);
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return precise ? `${text}.${String(Math.trunc(nanos / 1000)).padStart(6, "0")}Z` : `${text}Z`;
}

function readIntOrString(reader: ProtobufReader): JsonValue {
  let isText = false;
  let int = 0;
  let text = "";
  eachField(reader, (number) => {
    if (number === 1) isText = reader.int64() === 1;
    else if (number === 2) int = reader.int32();
    else if (number === 3) text = reader.string();
    else return false;
    return true;
  });
  return isText ? text : int;
}

function readDuration(reader: ProtobufReader): string {
  let nanos = 0;
  eachField(reader, (number) => {
    if (number === 1) nanos = reader.int64();
    return number === 1;
  });
  return goDurationText(BigInt(nanos));
}

function readRaw(reader: ProtobufReader): JsonValue | undefined {
  const content = wrapped(reader);
  if (content.length === 0) return undefined;
  try {
    return readForeignJson(textOf(content)).value;
  } catch (cause) {
    if (cause instanceof TooManyValuesError) throw cause;
    throw new ProtobufError("expected JSON in a raw field", { cause });
  }
}

/** Differs from upstream: what a number does not hold exactly is refused, as in JSON. */
function readInt64(reader: ProtobufReader): number {
  const value = reader.int64();
  if (Number.isSafeInteger(value)) return value;
  throw new ProtobufError(`expected an integer of at most 53 bits, found about ${value}`);
}

function readQuantity(reader: ProtobufReader): string {
  const text = textOf(wrapped(reader));
  try {
    return text === "" ? "0" : canonicalQuantity(text);
  } catch (cause) {
    throw new ProtobufError(`expected a quantity, found ${JSON.stringify(text)}`, { cause });
  }
}

const readers: Readonly<Record<ScalarType, (reader: ProtobufReader) => JsonValue | undefined>> = {
  string: (reader) => reader.string(),
  bool: (reader) => reader.bool(),
  int32: (reader) => reader.int32(),
  int64: readInt64,
  double: (reader) => reader.double(),
  bytes: (reader) => base64(reader.bytes()),
  time: (reader) => readTime(reader, false),
  microTime: (reader) => readTime(reader, true),
  duration: readDuration,
  quantity: readQuantity,
  intOrString: readIntOrString,
  any: readRaw,
  rawExtension: readRaw,
  fieldsV1: readRaw,
};

class MessageReader {
  private readonly reader: ProtobufReader;
  private depth = 0;

  constructor(reader: ProtobufReader) {
    this.reader = reader;
  }

  /** The fields up to the end of the message at hand. */
  fields(shape: ObjectShape, target: DraftObject): void {
    const { reader } = this;
    const plan = protobufPlan(shape);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      const known = plan.byNumber.get(tag >>> 3);
      if (known === undefined) reader.skip(tag);
      else this.field(known, tag, target);
    }
  }

  private field({ name, wire, field, shape }: ProtobufField, tag: number, target: DraftObject): void {
    if ((tag & 7) !== wire && !(shape.kind === "list" && (tag & 7) === wireType.bytes))
      throw new ProtobufError(`expected wire type ${wire} in "${name}", found ${tag & 7}`);
    if (shape.kind === "list") {
      // Holds: only this method fills the place of a list.
      const items = (own(target, name) ?? []) as unknown[];
      target[name] = items;
      this.items(shape.item, tag, items);
    } else if (shape.kind === "map") {
      // Holds: only this method fills the place of a map.
      const entries = (own(target, name) ?? {}) as DraftObject;
      if (this.entry(shape, entries)) target[name] = entries;
    } else if (field.inlined && shape.kind === "object") {
      const outer = this.reader.enter();
      this.fields(shape, target);
      this.reader.leave(outer);
    } else {
      const value = this.value(shape);
      const silent = shape.kind === "scalar" && !field.keepsZero && value === zeroScalar(shape.type);
      if (value !== undefined && !silent) target[name] = value;
    }
  }

  private items(item: Shape, tag: number, items: unknown[]): void {
    const shape = resolved(item);
    const packed = (tag & 7) === 2 && shape.kind === "scalar" && (shape.type === "int32" || shape.type === "int64");
    if (!packed) {
      items.push(this.value(shape));
      return;
    }
    const end = this.reader.enter();
    while (!this.reader.atEnd()) items.push(this.value(shape));
    this.reader.leave(end);
  }

  /** False when the entry says nothing: a time that is none. */
  private entry({ value: shape }: MapShape, target: DraftObject): boolean {
    const inner = resolved(shape);
    let key = "";
    let value: unknown;
    eachField(this.reader, (number) => {
      if (number === 1) key = this.reader.string();
      else if (number !== 2) return false;
      else if (inner.kind === "list") {
        const items: unknown[] = [];
        eachField(this.reader, (itemNumber, itemTag) => {
          if (itemNumber === 1) this.items(inner.item, itemTag, items);
          return itemNumber === 1;
        });
        value = items;
      } else value = this.value(inner);
      return true;
    });
    const absent = inner.kind === "scalar" ? zeroScalar(inner.type) : inner.kind === "list" ? [] : {};
    const known = value ?? absent;
    if (known !== undefined) setKey(target, key, known);
    return known !== undefined;
  }

  private value(shape: Exclude<Shape, { kind: "lazy" }>): unknown {
    if (shape.kind === "scalar")
      return shape.forms === undefined ? readers[shape.type](this.reader) : this.forms(shape.forms);
    if (shape.kind !== "object") throw new ProtobufError("expected no list in a list");
    this.depth++;
    if (this.depth > depthMax) throw new ProtobufError(`expected at most ${depthMax} nested messages, found more`);
    const made: DraftObject = {};
    const outer = this.reader.enter();
    this.fields(shape, made);
    this.reader.leave(outer);
    this.depth--;
    fillAlways(shape, made);
    return made;
  }

  private forms({ object, other }: NonNullable<ScalarShape["forms"]>): unknown {
    const [objectNumber, otherNumber] = other === "bool" ? [2, 1] : [1, 2];
    let asObject: unknown;
    let asBool = false;
    const items: unknown[] = [];
    eachField(this.reader, (number) => {
      if (number === objectNumber) asObject = this.value(resolved(object));
      else if (number !== otherNumber) return false;
      else if (other === "bool") asBool = this.reader.bool();
      else items.push(other === "strings" ? this.reader.string() : this.value(resolved(object)));
      return true;
    });
    return asObject ?? (other === "bool" ? asBool : items);
  }
}

/** A fresh object from the message that the reader stands before, up to the end of its bytes. */
export function readMessage(reader: ProtobufReader, shape: ObjectShape): DraftObject {
  const made: DraftObject = {};
  new MessageReader(reader).fields(shape, made);
  fillAlways(shape, made);
  return made;
}
