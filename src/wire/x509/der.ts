/**
 * ASN.1's distinguished encoding, as far as X.509 needs it: values to bytes, bytes to a tree of values.
 *
 * @see https://www.itu.int/rec/T-REC-X.690
 */
import { concat, utf8 } from "#base/bytes.ts";

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export class DerError extends Error {
  override readonly name = "DerError";
}

export function encode(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concat(contents);
  const { length } = content;
  let head: number[];
  if (length < 0x80) head = [tag, length];
  else if (length < 0x100) head = [tag, 0x81, length];
  else if (length < 0x1_0000) head = [tag, 0x82, length >> 8, length & 0xff];
  else head = [tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
  return concat([Uint8Array.from(head), content]);
}

export function sequence(...items: readonly Uint8Array[]): Uint8Array {
  return encode(tags.sequence, ...items);
}

/** The tag [number] around something, as EXPLICIT or a constructed IMPLICIT wants it. */
export function context(number: number, ...items: readonly Uint8Array[]): Uint8Array {
  return encode(0xa0 | number, ...items);
}

export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return encode(tags.oid, Uint8Array.from(bytes));
}

/** A positive integer from its bytes, highest first. */
export function integer(bytes: Uint8Array): Uint8Array {
  const padded = (bytes[0] ?? 0) >= 0x80 ? concat([Uint8Array.of(0), bytes]) : bytes;
  return encode(tags.integer, padded);
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return encode(tags.bitString, Uint8Array.of(unusedBits), bytes);
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return encode(tags.octetString, bytes);
}

export function boolean(value: boolean): Uint8Array {
  return encode(tags.boolean, Uint8Array.of(value ? 0xff : 0));
}

export function utf8String(text: string): Uint8Array {
  return encode(tags.utf8String, utf8(text));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on, as RFC 5280 wants. */
export function time(ms: number): Uint8Array {
  const date = new Date(ms);
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
  return date.getUTCFullYear() < 2050
    ? encode(tags.utcTime, utf8(digits.slice(2)))
    : encode(tags.generalizedTime, utf8(digits));
}

/** One decoded value. All bytes are views into the input. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag and length included. */
  readonly raw: Uint8Array;
}

/** The values that stand one after another in `bytes`. @throws DerError */
export function decodeAll(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  let at = 0;
  while (at < bytes.length) {
    const value = decodeAt(bytes, at);
    values.push(value);
    at += value.raw.length;
  }
  return values;
}

/** The values inside a constructed one of this tag. @throws DerError */
export function inside(value: DerValue | undefined, tag: number): DerValue[] {
  if (value?.tag !== tag) throw new DerError(`expected ASN.1 tag ${tag}, found ${value?.tag ?? "the end"}`);
  return decodeAll(value.content);
}

function decodeAt(bytes: Uint8Array, start: number): DerValue {
  const tag = bytes[start] ?? 0;
  let length = bytes[start + 1] ?? 0x80;
  let at = start + 2;
  if ((tag & 0x1f) === 0x1f) throw new DerError("expected an ASN.1 tag below 31, found a longer one");
  if (length >= 0x80) {
    const lengthBytes = length & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 3) throw new DerError("expected a definite ASN.1 length below 16 MB");
    length = 0;
    for (let left = lengthBytes; left > 0; left -= 1) length = (length << 8) | (bytes[at++] ?? 0);
  }
  if (at + length > bytes.length) throw new DerError("expected more ASN.1 bytes, found the end");
  return { tag, content: bytes.subarray(at, at + length), raw: bytes.subarray(start, at + length) };
}

export function oidText(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (arcs.length === 0) {
      const first = Math.min(Math.floor(arc / 40), 2);
      arcs.push(first, arc - first * 40);
    } else arcs.push(arc);
    arc = 0;
  }
  return arcs.join(".");
}
