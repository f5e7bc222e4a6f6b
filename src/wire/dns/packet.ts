/**
 * DNS messages as bytes, as far as they are passed on: which question they ask, how long an answer holds, and the same
 * answer for another asker. Nothing is decoded and encoded again, so that records nobody here knows stay as they are.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1035#section-4
 */

const headerBytes = 12;
const optType = 41;
const soaType = 6;
const truncatedBit = 0x02;
const responseBit = 0x80;
// What of a query besides its question may change the answer: RD in the first byte of the flags, AD and CD in the second.
const flagsOfQuery = [0x01, 0x30] as const;
const labelPointer = 0xc0;
// Longer ends of queries hold cookies and the like: no two are the same.
const extrasBytesMax = 64;

/** Where the only question ends; undefined when there is not exactly one. */
function questionEnd(message: Uint8Array): number | undefined {
  if (message.length < headerBytes || numberAt(message, 4) !== 1) return undefined;
  const end = nameEnd(message, headerBytes);
  return end === undefined || end + 4 > message.length ? undefined : end + 4;
}

/** A name ends with the empty label or with a pointer. */
function nameEnd(message: Uint8Array, from: number): number | undefined {
  let at = from;
  while (at < message.length) {
    const length = message[at] ?? 0;
    if (length === 0) return at + 1;
    if (length >= labelPointer) return at + 2;
    at += 1 + length;
  }
  return undefined;
}

function numberAt(message: Uint8Array, at: number): number {
  return ((message[at] ?? 0) << 8) | (message[at + 1] ?? 0);
}

const lowered = (byte: number): number => (byte >= 65 && byte <= 90 ? byte + 32 : byte);

/** True when the reply is to this query: same id, same question, whatever the case of its letters. */
export function sameQuestion(query: Uint8Array, reply: Uint8Array): boolean {
  const end = questionEnd(query);
  if (end === undefined || reply.length < end || ((reply[2] ?? 0) & responseBit) === 0) return false;
  if (numberAt(query, 0) !== numberAt(reply, 0) || numberAt(reply, 4) !== 1) return false;
  for (let at = headerBytes; at < end; at += 1) if (lowered(query[at] ?? 0) !== lowered(reply[at] ?? 0)) return false;
  return true;
}

/** Queries with the same key have the same answer. Undefined for one that has to be asked for itself. */
export function questionKey(query: Uint8Array): string | undefined {
  const end = questionEnd(query);
  if (end === undefined || query.length - end > extrasBytesMax) return undefined;
  const flags = `${(query[2] ?? 0) & flagsOfQuery[0]}.${(query[3] ?? 0) & flagsOfQuery[1]}`;
  const question = Buffer.from(query.subarray(headerBytes, end).map(lowered)).toString("latin1");
  return `${flags} ${question} ${Buffer.from(query.subarray(end)).toString("latin1")}`;
}

/** The reply as an answer to another query of the same key, `ageSeconds` after it came. */
export function replyFor(query: Uint8Array, reply: Uint8Array, ageSeconds: number): Uint8Array {
  const copy = Uint8Array.from(reply);
  copy.set(query.subarray(0, 2), 0);
  // Some askers vary the case of letters and look for the same in the reply.
  copy.set(query.subarray(headerBytes, questionEnd(query) ?? headerBytes), headerBytes);
  if (ageSeconds === 0) return copy;
  const view = new DataView(copy.buffer);
  for (const record of recordsOf(copy))
    if (record.type !== optType) view.setUint32(record.ttlAt, Math.max(0, record.ttlSeconds - ageSeconds));
  return copy;
}

/** How long the reply may be given to others; 0 when it may not: an error, cut off, or without a time. */
export function secondsToKeep(reply: Uint8Array): number {
  const code = (reply[3] ?? 0) & 0x0f;
  const isNegative = code === 3 || numberAt(reply, 6) === 0;
  if ((code !== 0 && code !== 3) || ((reply[2] ?? 0) & truncatedBit) !== 0) return 0;
  const times = recordsOf(reply)
    .filter(({ type }) => (isNegative ? type === soaType : type !== optType))
    .map(({ ttlSeconds }) => ttlSeconds);
  return times.length === 0 ? 0 : Math.min(...times);
}

export function responseCode(reply: Uint8Array): number {
  return (reply[3] ?? 0) & 0x0f;
}

interface RecordPlace {
  readonly type: number;
  readonly ttlAt: number;
  readonly ttlSeconds: number;
}

/** The records after the question, as far as the message is well formed. */
function recordsOf(message: Uint8Array): readonly RecordPlace[] {
  const found: RecordPlace[] = [];
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const count = numberAt(message, 6) + numberAt(message, 8) + numberAt(message, 10);
  let at = questionEnd(message) ?? message.length;
  for (let number = 0; number < count; number += 1) {
    const end = nameEnd(message, at);
    if (end === undefined || end + 10 > message.length) break;
    found.push({ type: numberAt(message, end), ttlAt: end + 4, ttlSeconds: view.getUint32(end + 4) });
    at = end + 10 + numberAt(message, end + 8);
  }
  return found;
}
