/**
 * The protobuf wire format, by hand: a cursor over bytes and a growing buffer. It knows no messages; the codecs that
 * are derived from a declaration drive it. Integers are numbers, exact up to 2^53, as they are in JSON.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */

/** The low three bits of a tag: how the field's value is laid out. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

/** Bytes that are not a protobuf message. */
export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

// Groups nest only in hostile input: no message of ours has one.
const groupDepthMax = 100;
// Below this many bytes a loop over ASCII is faster than a call into the runtime's decoder.
const shortStringBytes = 16;
const two32 = 4_294_967_296;

/**
 * Reads fields one after another:
 *
 *     for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
 *       switch (tag >>> 3) {
 *         case 1: name = reader.string(); break;
 *         case 2: { const outer = reader.enter(); decodeSpec(reader); reader.leave(outer); break; }
 *         default: reader.skip(tag);
 *       }
 *     }
 *
 * Every method throws ProtobufError when the bytes end too early. The caller checks `tag & 7` where a field's wire type
 * matters.
 */
export class ProtobufReader {
  private readonly buffer: Buffer;
  // Invariant: position <= end <= buffer.length.
  private position = 0;
  private end: number;

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = this.buffer.length;
  }

  /** The next field's number << 3 | wire type, or 0 at the end of the message. */
  tag(): number {
    if (this.position >= this.end) return 0;
    const tag = this.uint32();
    if (tag >>> 3 === 0) throw this.broken("a field number above 0", `tag ${tag}`);
    return tag;
  }

  /** True at the end of the message; a list of packed numbers is read until then. */
  atEnd(): boolean {
    return this.position >= this.end;
  }

  /** Narrows the reader to the message that follows. Returns what `leave` wants back. */
  enter(): number {
    const length = this.length();
    const outerEnd = this.end;
    this.end = this.position + length;
    return outerEnd;
  }

  /** Goes back to the message around; whatever of the inner one was not read is passed over. */
  leave(outerEnd: number): void {
    this.position = this.end;
    this.end = outerEnd;
  }

  /** The low 32 bits of a varint, unsigned. */
  uint32(): number {
    const { buffer } = this;
    // A byte beyond the buffer reads as undefined, which becomes 0 and ends the loop; `end` is checked after it.
    let byte = buffer[this.position++] ?? 0;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 63) throw this.broken("a varint of at most 10 bytes", "a longer one");
      byte = buffer[this.position++] ?? 0;
      // Bits above the 32nd are dropped, as every implementation does for 32-bit fields.
      if (shift < 32) value |= (byte & 0x7f) << shift;
    }
    if (this.position > this.end) throw this.truncated();
    return value >>> 0;
  }

  int32(): number {
    return this.uint32() | 0;
  }

  bool(): boolean {
    return this.uint64() !== 0;
  }

  /** A signed 64-bit varint. Beyond ±2^53 the nearest double, as JSON.parse gives. */
  int64(): number {
    return this.varint64(true);
  }

  uint64(): number {
    return this.varint64(false);
  }

  double(): number {
    return this.buffer.readDoubleLE(this.advance(8));
  }

  float(): number {
    return this.buffer.readFloatLE(this.advance(4));
  }

  fixed32(): number {
    return this.buffer.readUInt32LE(this.advance(4));
  }

  fixed64(): number {
    const at = this.advance(8);
    return this.buffer.readUInt32LE(at) + this.buffer.readUInt32LE(at + 4) * two32;
  }

  /** A view into the reader's bytes, not a copy. */
  bytes(): Uint8Array {
    const length = this.length();
    return this.buffer.subarray(this.position, (this.position += length));
  }

  string(): string {
    const length = this.length();
    const start = this.position;
    this.position += length;
    if (length >= shortStringBytes) return this.buffer.toString("utf8", start, this.position);
    let text = "";
    for (let at = start; at < this.position; at += 1) {
      const byte = this.buffer[at] ?? 0;
      if (byte >= 0x80) return this.buffer.toString("utf8", start, this.position);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Passes over the value of a field that nobody knows. */
  skip(tag: number): void {
    this.skipValue(tag, 0);
  }

  private skipValue(tag: number, depth: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.uint32();
        return;
      case wireType.fixed64:
        this.advance(8);
        return;
      case wireType.bytes:
        this.advance(this.length());
        return;
      case wireType.fixed32:
        this.advance(4);
        return;
      case wireType.groupStart:
        this.skipGroup(tag, depth);
        return;
      default:
        throw this.broken("a wire type from 0 to 5", `${tag & 7} in field ${tag >>> 3}`);
    }
  }

  private skipGroup(tag: number, depth: number): void {
    if (depth >= groupDepthMax) throw this.broken(`at most ${groupDepthMax} nested groups`, "more");
    for (;;) {
      const inner = this.tag();
      if (inner === 0) throw this.truncated();
      if ((inner & 7) === wireType.groupEnd) {
        if (inner >>> 3 !== tag >>> 3) throw this.broken(`the end of group ${tag >>> 3}`, `that of ${inner >>> 3}`);
        return;
      }
      this.skipValue(inner, depth + 1);
    }
  }

  private varint64(signed: boolean): number {
    const { buffer } = this;
    let low = 0;
    let high = 0;
    let shift = 0;
    for (;;) {
      if (shift > 63) throw this.broken("a varint of at most 10 bytes", "a longer one");
      const byte = buffer[this.position++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) break;
      shift += 7;
    }
    if (this.position > this.end) throw this.truncated();
    return (signed ? high | 0 : high >>> 0) * two32 + (low >>> 0);
  }

  private length(): number {
    const length = this.uint32();
    if (length > this.end - this.position) throw this.truncated();
    return length;
  }

  /** Moves on by `count` bytes and says where they start. */
  private advance(count: number): number {
    const at = this.position;
    if (count > this.end - at) throw this.truncated();
    this.position = at + count;
    return at;
  }

  private truncated(): ProtobufError {
    return new ProtobufError(`protobuf: expected more bytes, found the end of the message at byte ${this.end}`);
  }

  private broken(expected: string, found: string): ProtobufError {
    return new ProtobufError(`protobuf: expected ${expected}, found ${found} before byte ${this.position}`);
  }
}

/** Writes fields in the order of the calls. Reusable: `finish` empties it and keeps the buffer. */
export class ProtobufWriter {
  private buffer: Buffer;
  private position = 0;
  // Lengths that take more than the one byte that is kept for them; they are put in at the end, in one pass.
  private longLengths: { readonly mark: number; readonly length: number }[] = [];
  // How many bytes those will take more, up to now and when each open message began.
  private growth = 0;
  private readonly growthBefore: number[] = [];

  constructor(firstSizeBytes = 1024) {
    this.buffer = Buffer.allocUnsafe(firstSizeBytes);
  }

  /** Any integer field (int32, int64, uint32, uint64): a negative one takes ten bytes, as the format wants. */
  int(field: number, value: number): void {
    this.reserve(15);
    this.varint(((field << 3) | wireType.varint) >>> 0);
    this.varint(value);
  }

  bool(field: number, value: boolean): void {
    this.reserve(6);
    this.varint(((field << 3) | wireType.varint) >>> 0);
    this.buffer[this.position++] = value ? 1 : 0;
  }

  double(field: number, value: number): void {
    this.reserve(13);
    this.varint(((field << 3) | wireType.fixed64) >>> 0);
    this.position = this.buffer.writeDoubleLE(value, this.position);
  }

  string(field: number, value: string): void {
    // A UTF-16 unit becomes at most three bytes.
    this.reserve(10 + value.length * 3);
    this.varint(((field << 3) | wireType.bytes) >>> 0);
    if (value.length < shortStringBytes && this.shortAscii(value)) return;
    this.varint(Buffer.byteLength(value));
    this.position += this.buffer.write(value, this.position);
  }

  bytes(field: number, value: Uint8Array): void {
    this.reserve(10 + value.length);
    this.varint(((field << 3) | wireType.bytes) >>> 0);
    this.varint(value.length);
    this.append(value);
  }

  /** Bytes that are fields already. */
  append(encoded: Uint8Array): void {
    this.reserve(encoded.length);
    this.buffer.set(encoded, this.position);
    this.position += encoded.length;
  }

  /** Starts a nested message. Returns what `close` wants back. */
  open(field: number): number {
    this.growthBefore.push(this.growth);
    this.reserve(6);
    this.varint(((field << 3) | wireType.bytes) >>> 0);
    return this.position++;
  }

  /** Ends the message that was opened last. */
  close(mark: number): void {
    const length = this.position - mark - 1 + this.growth - (this.growthBefore.pop() ?? 0);
    const lengthBytes = varintSize(length);
    if (lengthBytes === 1) {
      this.buffer[mark] = length;
      return;
    }
    this.longLengths.push({ mark, length });
    this.growth += lengthBytes - 1;
  }

  /** What was written, as a copy the caller owns. */
  finish(): Uint8Array {
    const { buffer, position: end, longLengths } = this;
    const written = Buffer.allocUnsafeSlow(end + this.growth);
    longLengths.sort((a, b) => a.mark - b.mark);
    let from = 0;
    this.buffer = written;
    this.position = 0;
    for (const { mark, length } of longLengths) {
      this.position += buffer.copy(written, this.position, from, mark);
      this.varint(length);
      from = mark + 1;
    }
    buffer.copy(written, this.position, from, end);
    this.buffer = buffer;
    this.position = 0;
    this.longLengths = [];
    this.growth = 0;
    return new Uint8Array(written.buffer, written.byteOffset, written.length);
  }

  /** Writes length and text when every character is ASCII; else nothing. */
  private shortAscii(value: string): boolean {
    const start = this.position + 1;
    for (let at = 0; at < value.length; at += 1) {
      const unit = value.charCodeAt(at);
      if (unit >= 0x80) return false;
      this.buffer[start + at] = unit;
    }
    this.buffer[this.position] = value.length;
    this.position = start + value.length;
    return true;
  }

  private varint(value: number): void {
    if (value >= 0 && value < two32) {
      let rest = value >>> 0;
      while (rest >= 0x80) {
        this.buffer[this.position++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      this.buffer[this.position++] = rest;
      return;
    }
    // Two's complement in 64 bits.
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      this.buffer[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.position++] = Number(rest);
  }

  private reserve(count: number): void {
    const needed = this.position + count;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
  }
}

function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
