/** One request and its reply on a connection of HTTP/2: its state, and what waits to be sent of it. */
import { httpLimits } from "../http.ts";
import { type ErrorCode, errorCode } from "./errors.ts";
import type { Sender } from "./output.ts";
import { RequestBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import { windowMax } from "./settings.ts";

/** What a stream asks of its connection. */
export interface StreamHost {
  readonly head: (stream: Http2Stream, block: Buffer, end: boolean) => void;
  readonly send: (stream: Http2Stream) => void;
  /** The reply is complete. */
  readonly finish: (stream: Http2Stream) => void;
  readonly reset: (stream: Http2Stream, code: ErrorCode) => void;
  /** Bytes of the request's body that came and wait no more. */
  readonly consumed: (stream: Http2Stream, sizeBytes: number) => void;
}

export interface StreamParts {
  readonly id: number;
  readonly host: StreamHost;
  readonly head: RequestHead;
  /** True when the request has no body. */
  readonly ended: boolean;
  readonly sendWindow: number;
}

export class Http2Stream implements Sender {
  readonly id: number;
  readonly request: RequestHead;
  /** Absent when the request has none. */
  readonly body: RequestBody | undefined;
  sendWindow: number;
  /** True once the client has sent all of its request. */
  requestEnded: boolean;
  /** Neither side sends any more. */
  closed = false;
  headSent = false;
  /** The reply is on its way to its end. */
  complete = false;
  /** Nobody works at the request any more. */
  settled = false;
  /** Of the body, on its way or gone. */
  sentBytes = 0;
  /** Of the body, waiting for room. */
  pendingBytes = 0;
  ending = false;
  /** What the client may still send before it waits. */
  receiveWindow: number = httpLimits.streamWindowBytes;
  /** Taken, and not yet told to the client. */
  consumedBytes = 0;
  private receivedBytes = 0;
  private readonly host: StreamHost;
  private pieces: Uint8Array[] = [];
  // The piece to be sent next, and how much of it is gone.
  private pieceAt = 0;
  private pieceUsed = 0;
  private onClose: (() => void)[] = [];
  private onRoom: (() => void)[] = [];

  constructor({ id, host, head, ended, sendWindow }: StreamParts) {
    this.id = id;
    this.host = host;
    this.request = head;
    this.requestEnded = ended;
    this.sendWindow = sendWindow;
    this.body = ended ? undefined : new RequestBody((sizeBytes) => host.consumed(this, sizeBytes));
  }

  /** Sends the head of the reply, or of an answer before it (100 Continue). */
  respond(block: Buffer, { end = false, interim = false }: { end?: boolean; interim?: boolean } = {}): void {
    if (this.closed) return;
    this.host.head(this, block, end);
    if (interim) return;
    this.headSent = true;
    if (end) this.ended();
  }

  /** Takes the bytes in any case, and sends what there is room for. They may not be changed afterwards. */
  write(...pieces: readonly Uint8Array[]): void {
    if (this.closed || this.ending) return;
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      this.pieces.push(piece);
      this.pendingBytes += piece.length;
    }
    this.host.send(this);
  }

  /** No more follows what was written. */
  end(): void {
    if (this.closed || this.ending) return;
    this.ending = true;
    this.host.send(this);
  }

  /** Breaks the stream off. */
  reset(code: ErrorCode = errorCode.cancel): void {
    if (!this.closed) this.host.reset(this, code);
  }

  /** Calls once when the stream is over; at once when it is. */
  whenClosed(call: () => void): void {
    if (this.closed) call();
    else this.onClose.push(call);
  }

  /** Calls once when little is left to be sent, or the stream is over; at once when that is so. */
  whenRoom(call: () => void): void {
    if (this.isFull) this.onRoom.push(call);
    else call();
  }

  get isFull(): boolean {
    return !this.closed && this.pendingBytes >= httpLimits.pieceBytes;
  }

  get hasMore(): boolean {
    return this.pendingBytes > 0;
  }

  next(sizeBytesMax: number): Uint8Array | undefined {
    const piece = this.pieces[this.pieceAt];
    if (!piece) return undefined;
    const left = piece.length - this.pieceUsed;
    const sizeBytes = Math.min(left, sizeBytesMax);
    const bytes = sizeBytes === piece.length ? piece : piece.subarray(this.pieceUsed, this.pieceUsed + sizeBytes);
    this.pieceUsed += sizeBytes;
    if (sizeBytes === left) this.nextPiece();
    this.sentBytes += sizeBytes;
    this.pendingBytes -= sizeBytes;
    if (this.onRoom.length > 0 && !this.isFull) this.tellRoom();
    return bytes;
  }

  /** The last frame of the reply is on its way. */
  ended(): void {
    this.complete = true;
    this.host.finish(this);
  }

  /** @returns False when the window would be larger than any may be. */
  openWindow(sizeBytes: number): boolean {
    this.sendWindow += sizeBytes;
    return this.sendWindow <= windowMax;
  }

  /** A piece of the body, or none. @returns False when it is not as long as was announced. */
  receive(bytes: Buffer | undefined, ended: boolean): boolean {
    const { lengthBytes } = this.request;
    if (bytes) {
      this.receivedBytes += bytes.length;
      this.body?.receive(bytes);
    }
    if (lengthBytes !== undefined && this.receivedBytes > lengthBytes) return false;
    if (!ended) return true;
    if (lengthBytes !== undefined && this.receivedBytes !== lengthBytes) return false;
    this.requestEnded = true;
    this.body?.end();
    return true;
  }

  /** Called by the connection, once: lets go of everything. */
  close(): void {
    this.closed = true;
    this.pieces = [];
    this.pendingBytes = 0;
    this.body?.leave();
    const calls = this.onClose;
    this.onClose = [];
    for (const call of calls) call();
    this.tellRoom();
  }

  private nextPiece(): void {
    this.pieceAt += 1;
    this.pieceUsed = 0;
    // What was sent is let go of, in steps that each cost as much as they free.
    if (this.pieceAt * 2 < this.pieces.length) return;
    if (this.pieceAt === this.pieces.length) this.pieces.length = 0;
    else this.pieces = this.pieces.slice(this.pieceAt);
    this.pieceAt = 0;
  }

  private tellRoom(): void {
    const calls = this.onRoom;
    this.onRoom = [];
    for (const call of calls) call();
  }
}
