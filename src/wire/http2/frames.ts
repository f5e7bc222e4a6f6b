/** HTTP/2 frames (RFC 9113, section 4): read where they lie in what the socket gave, and written head by head. */
import { ConnectionError, errorCode, type ErrorCode } from "./errors.ts";

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** What each side takes at least, and what both keep to here: a record of TLS holds no more. */
export const frameBytesMax = 16_384;
export const headBytes = 9;
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** One frame in place. The reader uses the same object for all of them. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0 is the connection. */
  readonly streamId: number;
  /** Holds the payload from `start` to `end`, and belongs to whoever keeps a part of it. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Cuts what comes into frames. */
export class FrameReader implements Frame {
  type = 0;
  flags = 0;
  streamId = 0;
  bytes: Buffer = preface;
  start = 0;
  end = 0;
  private readonly take: (frame: Frame) => void;
  private prefaceBytes = 0;
  // A frame of which a part came: its head first, then all of it.
  private part: Buffer = Buffer.allocUnsafe(headBytes);
  private partBytes = 0;
  private stopped = false;

  constructor(take: (frame: Frame) => void) {
    this.take = take;
  }

  /** Nothing is read any more. */
  stop(): void {
    this.stopped = true;
  }

  /** True once the client has said that it speaks HTTP/2. */
  get begun(): boolean {
    return this.prefaceBytes === preface.length;
  }

  /** @throws ConnectionError, also what `take` throws. */
  read(chunk: Buffer): void {
    let at = this.begun ? 0 : this.readPreface(chunk);
    if (this.partBytes > 0) at = this.readPart(chunk, at);
    while (chunk.length - at >= headBytes && !this.stopped) {
      const length = lengthAt(chunk, at);
      if (chunk.length - at - headBytes < length) break;
      this.give(chunk, at, length);
      at += headBytes + length;
    }
    if (at < chunk.length && !this.stopped) this.keep(chunk, at);
  }

  private readPreface(chunk: Buffer): number {
    const count = Math.min(chunk.length, preface.length - this.prefaceBytes);
    if (chunk.compare(preface, this.prefaceBytes, this.prefaceBytes + count, 0, count) !== 0)
      throw new ConnectionError(errorCode.protocol, "expected the preface of HTTP/2, found something else");
    this.prefaceBytes += count;
    return count;
  }

  /** Fills up what came before. */
  private readPart(chunk: Buffer, from: number): number {
    let at = from;
    if (this.partBytes < headBytes) {
      at += this.fill(chunk, at, headBytes);
      if (this.partBytes < headBytes) return at;
      this.grow();
    }
    at += this.fill(chunk, at, this.part.length);
    if (this.partBytes < this.part.length) return at;
    const whole = this.part;
    this.part = Buffer.allocUnsafe(headBytes);
    this.partBytes = 0;
    this.give(whole, 0, whole.length - headBytes);
    return at;
  }

  private keep(chunk: Buffer, from: number): void {
    const at = from + this.fill(chunk, from, headBytes);
    if (this.partBytes < headBytes) return;
    this.grow();
    this.fill(chunk, at, this.part.length);
  }

  /** Room for the whole frame, now that its head is there. */
  private grow(): void {
    const whole = Buffer.allocUnsafe(headBytes + lengthAt(this.part, 0));
    this.part.copy(whole, 0, 0, headBytes);
    this.part = whole;
  }

  private fill(chunk: Buffer, from: number, until: number): number {
    const count = Math.min(until - this.partBytes, chunk.length - from);
    chunk.copy(this.part, this.partBytes, from, from + count);
    this.partBytes += count;
    return count;
  }

  private give(bytes: Buffer, at: number, length: number): void {
    this.type = bytes[at + 3] ?? 0;
    this.flags = bytes[at + 4] ?? 0;
    this.streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    this.bytes = bytes;
    this.start = at + headBytes;
    this.end = this.start + length;
    this.take(this);
    // Nothing of it is held for longer than it is looked at.
    this.bytes = preface;
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  const length = bytes.readUIntBE(at, 3);
  if (length <= frameBytesMax) return length;
  throw new ConnectionError(errorCode.frameSize, `expected a frame of at most ${frameBytesMax} bytes, found ${length}`);
}

export interface FrameHead {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

export function frameHead(head: FrameHead): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes);
  writeHead(bytes, 0, head);
  return bytes;
}

export function writeHead(bytes: Uint8Array, at: number, { length, type, flags, streamId }: FrameHead): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = streamId >>> 24;
  bytes[at + 6] = streamId >>> 16;
  bytes[at + 7] = streamId >>> 8;
  bytes[at + 8] = streamId;
}

/** A head in as many frames as it takes. @param end True when no body follows */
export function headersFrames(streamId: number, block: Buffer, end: boolean): Buffer[] {
  const sizeMax = frameBytesMax;
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += sizeMax) {
    const piece = block.subarray(at, at + sizeMax);
    const type = at === 0 ? frameType.headers : frameType.continuation;
    const last = at + sizeMax >= block.length ? frameFlag.endHeaders : 0;
    const flags = last | (at === 0 && end ? frameFlag.endStream : 0);
    frames.push(frameHead({ length: piece.length, type, flags, streamId }), piece);
  }
  return frames;
}

export function resetFrame(streamId: number, code: ErrorCode): Buffer {
  return wordFrame({ length: 4, type: frameType.resetStream, flags: 0, streamId }, code);
}

export function windowFrame(streamId: number, sizeBytes: number): Buffer {
  return wordFrame({ length: 4, type: frameType.windowUpdate, flags: 0, streamId }, sizeBytes);
}

function wordFrame(head: FrameHead, word: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(word, 0);
  return Buffer.concat([frameHead(head), payload]);
}

export function goAwayFrame(lastStreamId: number, code: ErrorCode, why: string): Buffer {
  const text = Buffer.from(why);
  const payload = Buffer.allocUnsafe(8);
  payload.writeUInt32BE(lastStreamId, 0);
  payload.writeUInt32BE(code, 4);
  const length = payload.length + text.length;
  return Buffer.concat([frameHead({ length, type: frameType.goAway, flags: 0, streamId: 0 }), payload, text]);
}

export function pingAck({ bytes, start, end }: Frame): Buffer {
  const head = frameHead({ length: end - start, type: frameType.ping, flags: frameFlag.ack, streamId: 0 });
  return Buffer.concat([head, bytes.subarray(start, end)]);
}

export const settingsAck = frameHead({ length: 0, type: frameType.settings, flags: frameFlag.ack, streamId: 0 });

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(settings.length * 6);
  for (const [at, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  }
  const head = frameHead({ length: payload.length, type: frameType.settings, flags: 0, streamId: 0 });
  return Buffer.concat([head, payload]);
}
