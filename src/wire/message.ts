/**
 * Protobuf messages as plain objects, by a schema that is read from JSON. For protocols of others, such as the container
 * runtime interface; Kubernetes' own kinds have a codec of their own. Enums are their names, 64-bit integers numbers
 * (exact up to 2^53). What is decoded has every scalar, list and map; a message that was not sent is absent.
 */
import { unreachable } from "#base/assert.ts";
import { own } from "#base/own.ts";
import { ProtobufReader, ProtobufWriter, wireType } from "#base/protobuf.ts";

/** A field is written `"3 string map"`: its number, its type, and `list`, `map` (from strings) or nothing. */
export interface MessageSchema {
  readonly messages: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

type Scalar = "bool" | "bytes" | "double" | "int32" | "int64" | "string" | "uint32" | "uint64";

interface Field {
  readonly name: string;
  readonly number: number;
  readonly shape: "one" | "list" | "map";
  readonly type:
    | { readonly kind: Scalar }
    | { readonly kind: "message"; readonly name: string }
    | {
        readonly kind: "enum";
        readonly numbers: Readonly<Record<string, number>>;
        readonly names: ReadonlyMap<number, string>;
      };
}

interface Message {
  readonly fields: readonly Field[];
  readonly byNumber: ReadonlyMap<number, Field>;
}

const scalars: readonly string[] = [
  "bool",
  "bytes",
  "double",
  "int32",
  "int64",
  "string",
  "uint32",
  "uint64",
] satisfies Scalar[];
const noBytes = new Uint8Array(0);

type Plain = Record<string, unknown>;

export class MessageCodec {
  private readonly schema: MessageSchema;
  // Filled as messages are used: most of a schema never is. Bounded by the schema.
  private readonly known = new Map<string, Message>();

  constructor(schema: MessageSchema) {
    this.schema = schema;
  }

  /** @throws TypeError when a value has not the type its field has; fields that the schema lacks are passed over. */
  encode(message: string, value: object): Uint8Array {
    const writer = new ProtobufWriter(256);
    this.write(writer, message, value);
    return writer.finish();
  }

  /** @throws ProtobufError when the bytes are no such message. */
  decode(message: string, bytes: Uint8Array): object {
    return this.read(new ProtobufReader(bytes), message);
  }

  private write(writer: ProtobufWriter, message: string, value: object): void {
    // Any object can be asked for a property by name.
    const plain = value as Plain;
    for (const field of this.messageOf(message).fields) {
      const given = own(plain, field.name);
      if (given === undefined) continue;
      if (field.shape === "list") {
        // Packed or not, readers accept both; what is written here is small.
        for (const item of given as readonly unknown[]) this.writeOne(writer, field, item);
      } else if (field.shape === "map") {
        for (const [key, item] of Object.entries(given as object)) {
          const mark = writer.open(field.number);
          writer.string(1, key);
          this.writeOne(writer, { ...field, number: 2 }, item);
          writer.close(mark);
        }
      } else this.writeOne(writer, field, given);
    }
  }

  private writeOne(writer: ProtobufWriter, field: Field, value: unknown): void {
    const { number, type } = field;
    const wrong = (): TypeError => new TypeError(`expected "${field.name}" to be ${type.kind}, found ${typeof value}`);
    switch (type.kind) {
      case "string":
        if (typeof value !== "string") throw wrong();
        writer.string(number, value);
        return;
      case "bool":
        if (typeof value !== "boolean") throw wrong();
        writer.bool(number, value);
        return;
      case "bytes":
        if (!(value instanceof Uint8Array)) throw wrong();
        writer.bytes(number, value);
        return;
      case "enum": {
        const known = typeof value === "string" ? own(type.numbers, value) : undefined;
        if (known === undefined)
          throw new TypeError(
            `expected "${field.name}" to be one of ${Object.keys(type.numbers).join(", ")}, found "${String(value)}"`,
          );
        writer.int(number, known);
        return;
      }
      case "message": {
        if (typeof value !== "object" || value === null) throw wrong();
        const mark = writer.open(number);
        this.write(writer, type.name, value);
        writer.close(mark);
        return;
      }
      case "double":
        if (typeof value !== "number") throw wrong();
        writer.double(number, value);
        return;
      case "int32":
      case "int64":
      case "uint32":
      case "uint64":
        if (!Number.isInteger(value)) throw wrong();
        writer.int(number, Number(value));
        return;
      default:
        unreachable(type);
    }
  }

  private read(reader: ProtobufReader, message: string): Plain {
    const { fields, byNumber } = this.messageOf(message);
    const result: Plain = {};
    for (const field of fields) {
      const initial = initialOf(field);
      if (initial !== undefined) result[field.name] = initial;
    }
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      const field = byNumber.get(tag >>> 3);
      if (!field) reader.skip(tag);
      else if (field.shape === "map") this.readPair(reader, field, own(result, field.name));
      else if (field.shape === "list") this.readItems(reader, field, { tag, list: own(result, field.name) });
      else result[field.name] = this.readOne(reader, field);
    }
    return result;
  }

  private readItems(
    reader: ProtobufReader,
    field: Field,
    into: { readonly tag: number; readonly list: unknown },
  ): void {
    // `initialOf` made it a list.
    const list = into.list as unknown[];
    const packed = (into.tag & 7) === wireType.bytes && !["string", "bytes", "message"].includes(field.type.kind);
    if (!packed) {
      list.push(this.readOne(reader, field));
      return;
    }
    const outer = reader.enter();
    while (!reader.atEnd()) list.push(this.readOne(reader, field));
    reader.leave(outer);
  }

  private readPair(reader: ProtobufReader, field: Field, map: unknown): void {
    let key = "";
    let value: unknown = initialOf({ ...field, shape: "one" });
    const outer = reader.enter();
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag >>> 3 === 1) key = reader.string();
      else if (tag >>> 3 === 2) value = this.readOne(reader, field);
      else reader.skip(tag);
    }
    reader.leave(outer);
    // `initialOf` made it an object.
    (map as Plain)[key] = value;
  }

  private readOne(reader: ProtobufReader, field: Field): unknown {
    const { type } = field;
    switch (type.kind) {
      case "enum": {
        const number = reader.int32();
        return type.names.get(number) ?? String(number);
      }
      case "message": {
        const outer = reader.enter();
        const value = this.read(reader, type.name);
        reader.leave(outer);
        return value;
      }
      case "bytes":
      case "string":
      case "bool":
      case "double":
      case "int32":
      case "int64":
      case "uint32":
      case "uint64":
        return reader[type.kind]();
      default:
        return unreachable(type);
    }
  }

  private messageOf(name: string): Message {
    const known = this.known.get(name);
    if (known) return known;
    const declared = own(this.schema.messages, name);
    if (!declared) throw new TypeError(`the schema has no message "${name}"`);
    const fields = Object.entries(declared).map(([field, text]) => this.fieldOf(field, text));
    const message = { fields, byNumber: new Map(fields.map((field) => [field.number, field])) };
    this.known.set(name, message);
    return message;
  }

  private fieldOf(name: string, text: string): Field {
    const [number = "", type = "", shape = "one"] = text.split(" ");
    const numbers = own(this.schema.enums, type);
    return {
      name,
      number: Number(number),
      // A schema is written by a tool that knows these words only.
      shape: shape as Field["shape"],
      type: numbers
        ? { kind: "enum", numbers, names: new Map(Object.entries(numbers).map(([key, value]) => [value, key])) }
        : scalars.includes(type)
          ? { kind: type as Scalar }
          : { kind: "message", name: type },
    };
  }
}

/** What a field is when it was not sent; undefined for messages. */
function initialOf(field: Field): unknown {
  if (field.shape === "list") return [];
  if (field.shape === "map") return {};
  switch (field.type.kind) {
    case "string":
      return "";
    case "bool":
      return false;
    case "bytes":
      return noBytes;
    case "enum":
      return field.type.names.get(0);
    case "message":
      return undefined;
    case "double":
    case "int32":
    case "int64":
    case "uint32":
    case "uint64":
      return 0;
    default:
      return unreachable(field.type);
  }
}
