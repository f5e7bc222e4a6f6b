/**
 * Objects in the protobuf form of the API, by their shapes: `k8s\0`, then an envelope that names the type, then the
 * message. Clients in Go speak it; text forms of the same object and this one say the same.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
 */
import { concat, utf8 } from "#base/bytes.ts";
import { ProtobufError, ProtobufReader, ProtobufWriter } from "#base/protobuf.ts";
import type { DraftObject } from "./decode.ts";
import { listMeta, type ListMeta } from "./meta.ts";
import { readMessage } from "./protobuf-read.ts";
import { writeMessage } from "./protobuf-write.ts";
import type { ObjectShape } from "./shape.ts";
import { badRequest } from "./status.ts";

const magic = utf8("k8s\0");

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The message, without the envelope. */
  readonly raw: Uint8Array;
}

/** Whether a body is in the protobuf form. */
export function isProtobuf(body: Uint8Array): boolean {
  return magic.every((byte, index) => body[index] === byte);
}

export function encodeEnvelope({ apiVersion, kind, raw }: Envelope): Uint8Array {
  const writer = new ProtobufWriter(apiVersion.length + kind.length + raw.length + 32);
  const mark = writer.open(1);
  writer.string(1, apiVersion);
  writer.string(2, kind);
  writer.close(mark);
  writer.bytes(2, raw);
  writer.string(3, "");
  writer.string(4, "");
  return concat([magic, writer.finish()]);
}

/** @throws StatusError 400 when the body is not in the protobuf form. */
export function decodeEnvelope(body: Uint8Array): Envelope {
  if (!isProtobuf(body))
    throw badRequest("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  return refusing(() => readEnvelope(new ProtobufReader(body.subarray(magic.length))));
}

function readEnvelope(reader: ProtobufReader): Envelope {
  let apiVersion = "";
  let kind = "";
  let raw: Uint8Array = new Uint8Array();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag >>> 3 === 1) {
      const outer = reader.enter();
      for (let inner = reader.tag(); inner !== 0; inner = reader.tag()) {
        if (inner >>> 3 === 1) apiVersion = reader.string();
        else if (inner >>> 3 === 2) kind = reader.string();
        else reader.skip(inner);
      }
      reader.leave(outer);
    } else if (tag >>> 3 === 2) raw = reader.bytes();
    else reader.skip(tag);
  }
  return { apiVersion, kind, raw };
}

function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof ProtobufError || thrown instanceof RangeError || thrown instanceof TypeError)
      throw badRequest(`the body is not a valid protobuf message: ${thrown.message}`);
    throw thrown;
  }
}

/** The bare message of an object of the shape. */
export function encodeMessage(shape: ObjectShape, object: object): Uint8Array {
  const writer = new ProtobufWriter();
  writeMessage(writer, shape, object);
  return writer.finish();
}

/**
 * A fresh object of the shape from its bare message, without apiVersion and kind. Unknown fields are passed over, as
 * upstream does.
 *
 * @throws StatusError 400 when the bytes are not such a message.
 */
export function decodeMessage(shape: ObjectShape, raw: Uint8Array): DraftObject {
  return refusing(() => readMessage(new ProtobufReader(raw), shape));
}

/** A whole body: the object in its envelope. */
export function encodeObject(
  shape: ObjectShape,
  object: { readonly apiVersion: string; readonly kind: string },
): Uint8Array {
  const { apiVersion, kind } = object;
  return encodeEnvelope({ apiVersion, kind, raw: encodeMessage(shape, object) });
}

/** The bare message of a list, from the bare messages of its items. */
export function encodeListMessage(metadata: ListMeta, items: readonly Uint8Array[]): Uint8Array {
  const writer = new ProtobufWriter(items.reduce((sum, item) => sum + item.length + 6, 256));
  const mark = writer.open(1);
  writeMessage(writer, listMeta, metadata);
  writer.close(mark);
  for (const item of items) writer.bytes(2, item);
  return writer.finish();
}

/** The bare message of a watch event. `body` is the object in its envelope. */
export function encodeWatchEvent(type: string, body: Uint8Array): Uint8Array {
  const writer = new ProtobufWriter(body.length + 32);
  writer.string(1, type);
  const mark = writer.open(2);
  writer.bytes(1, body);
  writer.close(mark);
  return writer.finish();
}
