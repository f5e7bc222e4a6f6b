/**
 * Writes the heads of replies (HPACK, RFC 7541). Nothing is put into the reader's table, so that the bytes of a head
 * are the same on every connection and the table of a client costs nothing here.
 */
import type { ReplyHeaders } from "../http.ts";
import { staticNames, staticNumbers, staticValues } from "./static-table.ts";

/** What each connection's first head begins with: its table is empty and stays so. */
export const noTable = Buffer.of(0x20);

// Names of our own and of servers that requests are passed on to; those beyond are written anew each time.
const namesMax = 512;
const names = new Map<string, Buffer>();
const statuses = new Map<number, Buffer>();
let scratch = Buffer.allocUnsafeSlow(16 * 1024);
let at = 0;

// What is about one connection of HTTP/1.1 has no place here (RFC 9113, section 8.2.2).
const refused = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

/**
 * @param headers Those whose names HTTP/2 refuses are left out; characters no value may have become blanks.
 * @param more Further fields, already checked.
 */
export function encodeHead(
  code: number,
  headers: ReplyHeaders,
  more: readonly (readonly [name: string, value: string])[],
): Buffer {
  at = 0;
  writeBytes(statusOf(code));
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (typeof value === "string") writeField(name, value);
    else for (const one of value) writeField(name, one);
  }
  for (const [name, value] of more) writeField(name, value);
  return Buffer.from(scratch.subarray(0, at));
}

function statusOf(code: number): Buffer {
  let bytes = statuses.get(code);
  if (!bytes) {
    const value = String(code);
    const known = staticNames.findIndex((name, number) => name === ":status" && staticValues[number] === value);
    const name = staticNumbers.get(":status") ?? 0;
    bytes = known > 0 ? Buffer.of(0x80 | known) : Buffer.from([name, value.length, ...Buffer.from(value)]);
    statuses.set(code, bytes);
  }
  return bytes;
}

function writeField(name: string, value: string): void {
  const bytes = names.get(name) ?? nameOf(name);
  if (bytes.length === 0) return;
  writeBytes(bytes);
  writeValue(value);
}

/** A field that the reader is not to remember, up to its value; nothing for a name that has no place here. */
function nameOf(given: string): Buffer {
  const name = given.toLowerCase();
  let bytes = Buffer.alloc(0);
  if (!refused.has(name)) {
    const number = staticNumbers.get(name) ?? 0;
    const text = Buffer.from(name, "latin1");
    bytes = Buffer.from(number > 0 ? integer(number, 4) : [0, ...integer(text.length, 7), ...text]);
  }
  if (names.size < namesMax) names.set(given, bytes);
  return bytes;
}

/** @param bits How many bits of the first byte belong to the number. */
function integer(value: number, bits: number): number[] {
  const most = (1 << bits) - 1;
  if (value < most) return [value];
  const bytes = [most];
  let rest = value - most;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}

function writeBytes(bytes: Uint8Array): void {
  reserve(bytes.length);
  scratch.set(bytes, at);
  at += bytes.length;
}

function writeValue(value: string): void {
  const { length } = value;
  const before = at;
  if (length < 0x7f) {
    reserve(length + 1);
    scratch[at] = length;
    at += 1;
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code < 0x20 || code > 0xff) {
        at = before;
        break;
      }
      scratch[at] = code;
      at += 1;
    }
    if (at > before) return;
  }
  // eslint-disable-next-line no-control-regex -- these are what no value may have.
  const text = Buffer.from(value.replaceAll(/[\0\r\n]/g, " "), isLatin1(value) ? "latin1" : "utf8");
  writeBytes(Uint8Array.from(integer(text.length, 7)));
  writeBytes(text);
}

function isLatin1(value: string): boolean {
  // eslint-disable-next-line no-control-regex -- all of Latin-1.
  return /^[\0-\xff]*$/.test(value);
}

function reserve(sizeBytes: number): void {
  if (at + sizeBytes <= scratch.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, at + sizeBytes));
  larger.set(scratch.subarray(0, at));
  scratch = larger;
}
