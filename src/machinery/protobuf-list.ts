/** A list in the protobuf form of the API piece by piece, so that a long one never stands in memory as a whole. */
import { concat, utf8 } from "#base/bytes.ts";
import type { ListMeta } from "./meta.ts";
import { encodeEnvelope, encodeListMessage } from "./protobuf.ts";

export interface ListFrame {
  /** Before the items. */
  readonly start: Uint8Array;
  /** After them. */
  readonly end: Uint8Array;
}

const envelopeRawTag = 0x12;
const listItemTag = 0x12;

export function protobufListFrame(options: {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ListMeta;
  /** Of all items, each with its lead. */
  readonly itemsBytes: number;
}): ListFrame {
  const { apiVersion, kind, metadata, itemsBytes } = options;
  const listStart = encodeListMessage(metadata, []);
  // An envelope around a mark shows what comes before the message, but for its length, and what after.
  const mark = utf8("kedge-list-items");
  const whole = Buffer.from(encodeEnvelope({ apiVersion, kind, raw: mark }));
  const at = whole.lastIndexOf(mark);
  const lead = Buffer.from([envelopeRawTag, mark.length]);
  const before = whole.subarray(0, at - lead.length);
  const length = [envelopeRawTag, ...varint(listStart.length + itemsBytes)];
  return { start: concat([before, Uint8Array.from(length), listStart]), end: whole.subarray(at + mark.length) };
}

/** What leads an item of that size. */
export function protobufItemLead(sizeBytes: number): Uint8Array {
  return Uint8Array.from([listItemTag, ...varint(sizeBytes)]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}
