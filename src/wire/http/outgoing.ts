/** How reply bodies leave: in blocks, compressed when it pays, or piece by piece. */
import { pipeline, Readable, type Writable } from "node:stream";
import { createGzip } from "node:zlib";
import { httpLimits, type ReplyHeaders, type ResponseStream } from "../http.ts";

// Parts of a body are copied together into blocks of this size: ten thousand small writes cost more than the copy.
const blockBytes = 64 * 1024;
// A stream that has more than this under way tells its writer to wait.
const highWaterBytes = httpLimits.pieceBytes;
const gzipLevel = 1;

export type Body = Uint8Array | readonly Uint8Array[];

export function sizeOf(body: Body): number {
  if (body instanceof Uint8Array) return body.length;
  let sizeBytes = 0;
  for (const part of body) sizeBytes += part.length;
  return sizeBytes;
}

export interface GzipQuestion {
  readonly headers: ReplyHeaders;
  readonly sizeBytes: number;
  readonly acceptEncoding: string | undefined;
  /**
   * Differs from upstream: replies to this machine itself are not compressed, because that costs more than the copy
   * through loopback does.
   */
  readonly loopback: boolean;
}

export function pays({ headers, sizeBytes, acceptEncoding, loopback }: GzipQuestion): boolean {
  if (sizeBytes <= httpLimits.gzipFromBytes || loopback || acceptEncoding === undefined) return false;
  return acceptsGzip(acceptEncoding) && headers["content-encoding"] === undefined;
}

function acceptsGzip(acceptEncoding: string): boolean {
  return acceptEncoding.split(",").some((clause) => {
    const [name = "", ...parameters] = clause.split(";").map((word) => word.trim());
    return (name === "gzip" || name === "*") && !parameters.some((word) => /^q=0(?:\.0*)?$/.test(word));
  });
}

/** What a reply has to say about its way out. */
export interface Sent {
  /** Handed to the writable so far. */
  bytes: number;
}

/**
 * Writes the body and ends the writable. An error of the writable ends it early; whoever owns it hears of it.
 *
 * @returns How far it is.
 */
export function send(writable: Writable, body: Body, gzip: boolean): Sent {
  const sent: Sent = { bytes: 0 };
  const sizeBytes = sizeOf(body);
  if (gzip) pipeline(Readable.from(counted(body, sent)), createGzip({ level: gzipLevel }), writable, () => undefined);
  else if (sizeBytes > blockBytes) pipeline(Readable.from(counted(body, sent)), writable, () => undefined);
  else {
    sent.bytes = sizeBytes;
    if (body instanceof Uint8Array) writable.end(body);
    else writable.end(body.length === 1 ? body[0] : Buffer.concat(body));
  }
  return sent;
}

function* counted(body: Body, sent: Sent): Generator<Uint8Array> {
  for (const block of blocks(body)) {
    sent.bytes += block.length;
    yield block;
  }
}

/** The body in blocks, each made when it is asked for. */
function* blocks(body: Body): Generator<Uint8Array> {
  if (body instanceof Uint8Array) {
    for (let at = 0; at < body.length; at += blockBytes) yield body.subarray(at, at + blockBytes);
    return;
  }
  let start = 0;
  let sizeBytes = 0;
  for (const [at, part] of body.entries()) {
    sizeBytes += part.length;
    if (sizeBytes < blockBytes) continue;
    yield* blocks(at === start ? part : Buffer.concat(body.slice(start, at + 1), sizeBytes));
    start = at + 1;
    sizeBytes = 0;
  }
  if (sizeBytes > 0) yield Buffer.concat(body.slice(start), sizeBytes);
}

export interface PieceParts {
  readonly writable: Writable;
  readonly signal: () => AbortSignal;
  readonly reset: () => void;
}

/** A reply written piece by piece, one write for each turn of the event loop. */
export class Pieces implements ResponseStream {
  private readonly parts: PieceParts;
  private queued: Uint8Array[] = [];
  private queuedBytes = 0;
  private over = false;
  /** Handed to the writable so far. */
  sentBytes = 0;

  constructor(parts: PieceParts) {
    this.parts = parts;
  }

  get signal(): AbortSignal {
    return this.parts.signal();
  }

  get bufferedBytes(): number {
    return this.queuedBytes + this.parts.writable.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    if (this.over || this.parts.writable.destroyed) return false;
    if (this.queued.push(bytes) === 1) process.nextTick(() => this.flush());
    this.queuedBytes += bytes.length;
    return this.bufferedBytes < highWaterBytes;
  }

  drained(): Promise<void> {
    const { writable } = this.parts;
    return new Promise((resolve) => {
      const settle = (): void => {
        if (!writable.destroyed && this.bufferedBytes >= highWaterBytes && writable.writableNeedDrain) return;
        writable.off("drain", settle).off("close", settle);
        resolve();
      };
      writable.on("drain", settle).on("close", settle);
      // What is queued is written first, so that "drain" can come at all.
      this.flush();
      settle();
    });
  }

  end(): void {
    if (this.over) return;
    this.flush();
    this.over = true;
    this.parts.writable.end();
  }

  reset(): void {
    this.over = true;
    this.queued = [];
    this.queuedBytes = 0;
    this.parts.reset();
  }

  private flush(): void {
    const { queued } = this;
    if (queued.length === 0) return;
    this.queued = [];
    this.queuedBytes = 0;
    if (this.parts.writable.destroyed) return;
    const { writable } = this.parts;
    const sizeBytes = sizeOf(queued);
    this.sentBytes += sizeBytes;
    if (queued.length === 1 || sizeBytes <= blockBytes) {
      writable.write(queued.length === 1 ? queued[0] : Buffer.concat(queued));
      return;
    }
    // A large piece may be shared by thousands of readers, who must not hold a copy each.
    writable.cork();
    for (const bytes of queued) writable.write(bytes);
    writable.uncork();
  }
}
