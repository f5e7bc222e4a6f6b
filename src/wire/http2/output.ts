/**
 * What leaves a connection: frames of one turn of the event loop are gathered and written together. Bodies are cut to
 * what the windows of their streams, the connection's and the socket have room for; what has no room stays with its
 * stream, and those that wait take turns, a frame each.
 */
import type { Duplex } from "node:stream";
import { httpLimits } from "../http.ts";
import { ConnectionError, errorCode } from "./errors.ts";
import { frameBytesMax, frameFlag, frameType, headBytes, writeHead } from "./frames.ts";
import { firstWindow, windowMax } from "./settings.ts";

const noBytes = new Uint8Array();
// Buffers of this size are used again and again: what is allocated for each turn costs more to collect than to fill.
const blockBytes = httpLimits.outputBytes + 2 * frameBytesMax;
const blocksMax = 64;
const blocks: Buffer[] = [];
// Less than this comes out of a pool of Node's own.
const smallBytes = 4_096;

/** A stream, as far as its reply's body goes. */
export interface Sender {
  readonly id: number;
  /** What the client takes of it before it opens the window again. */
  sendWindow: number;
  /** The next piece of at most so many bytes; undefined when nothing is left. */
  readonly next: (sizeBytesMax: number) => Uint8Array | undefined;
  readonly hasMore: boolean;
  /** True when nothing will be added to what it has. */
  readonly ending: boolean;
  /** It was the last frame. */
  readonly ended: () => void;
}

export class Output {
  private readonly socket: Duplex;
  private window = firstWindow;
  // What this turn has to send, in order: frames that are ready, and DATA whose heads are made when they leave.
  private queue: (Uint8Array | Data)[] = [];
  private queuedBytes = 0;
  private writtenBytes = 0;
  // They have something to send, and their own window has room.
  private readonly waiting = new Set<Sender>();
  private scheduled = false;
  private stopped = false;
  private readonly flushNow = (): void => this.flush();

  constructor(socket: Duplex) {
    this.socket = socket;
  }

  /** Waits to leave this process. */
  get backlogBytes(): number {
    return this.queuedBytes + this.socket.writableLength;
  }

  /** Left this process. */
  get leftBytes(): number {
    return this.writtenBytes - this.socket.writableLength;
  }

  push(...frames: readonly Uint8Array[]): void {
    if (this.stopped) return;
    for (const bytes of frames) {
      this.queue.push(bytes);
      this.queuedBytes += bytes.length;
    }
    this.schedule();
  }

  /** Sends what there is room for. Call it whenever the stream has something new. */
  send(sender: Sender): void {
    while (sender.hasMore && this.sendFrame(sender));
    if (sender.hasMore) {
      if (sender.sendWindow > 0) this.waiting.add(sender);
    } else if (sender.ending) this.end(sender);
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.waiting.clear();
    this.flush();
    this.queue = [];
    this.stopped = true;
  }

  /** A stream that is over sends nothing more. */
  forget(sender: Sender): void {
    this.waiting.delete(sender);
  }

  /** The peer takes more of all streams together. @throws ConnectionError */
  openWindow(sizeBytes: number): void {
    this.window += sizeBytes;
    if (this.window > windowMax)
      throw new ConnectionError(errorCode.flowControl, "expected a connection's window below 2^31, found more");
    this.resume();
  }

  /** Everything of this turn in one write. */
  flush(): void {
    this.scheduled = false;
    const { queue, queuedBytes, socket } = this;
    if (queue.length === 0 || this.stopped || socket.destroyed) return;
    this.queue = [];
    this.queuedBytes = 0;
    this.writtenBytes += queuedBytes;
    if (queuedBytes > smallBytes && queuedBytes <= blockBytes) {
      const block = blocks.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
      serialize(queue, block);
      socket.write(block.subarray(0, queuedBytes), () => {
        if (blocks.length < blocksMax) blocks.push(block);
      });
    } else {
      const bytes = Buffer.allocUnsafe(queuedBytes);
      serialize(queue, bytes);
      socket.write(bytes);
    }
    if (this.waiting.size > 0) this.resume();
  }

  /** Goes on with those that wait, as far as there is room again. */
  resume(): void {
    // A set gives what is added to it again at its end: the streams take turns.
    for (const sender of this.waiting) {
      if (this.window <= 0 || this.room <= 0) return;
      this.waiting.delete(sender);
      this.sendFrame(sender);
      if (!sender.hasMore) {
        if (sender.ending) this.end(sender);
      } else if (sender.sendWindow > 0) this.waiting.add(sender);
    }
  }

  private get room(): number {
    return httpLimits.outputBytes - this.backlogBytes;
  }

  /** One frame at most. @returns False when there was no room. */
  private sendFrame(sender: Sender): boolean {
    const sizeMax = Math.min(frameBytesMax, sender.sendWindow, this.window);
    if (sizeMax <= 0 || this.room <= 0) return false;
    let left = sizeMax;
    while (left > 0) {
      const bytes = sender.next(left);
      if (!bytes) break;
      this.data(sender.id, bytes);
      left -= bytes.length;
    }
    const sizeBytes = sizeMax - left;
    sender.sendWindow -= sizeBytes;
    this.window -= sizeBytes;
    return true;
  }

  private data(streamId: number, bytes: Uint8Array): void {
    // The newest frame grows while nothing follows it.
    const last = this.queue.at(-1);
    if (last instanceof Data && last.streamId === streamId && last.length + bytes.length <= frameBytesMax)
      last.add(bytes);
    else {
      this.queue.push(new Data(streamId, bytes));
      this.queuedBytes += headBytes;
    }
    this.queuedBytes += bytes.length;
    this.schedule();
  }

  private end(sender: Sender): void {
    const last = this.queue.at(-1);
    if (last instanceof Data && last.streamId === sender.id) last.ends = true;
    else {
      const data = new Data(sender.id, noBytes);
      data.ends = true;
      this.queue.push(data);
      this.queuedBytes += headBytes;
      this.schedule();
    }
    sender.ended();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(this.flushNow);
  }
}

/** A DATA frame that is being put together. */
class Data {
  readonly streamId: number;
  length: number;
  ends = false;
  readonly first: Uint8Array;
  more: Uint8Array[] | undefined;

  constructor(streamId: number, bytes: Uint8Array) {
    this.streamId = streamId;
    this.length = bytes.length;
    this.first = bytes;
  }

  add(bytes: Uint8Array): void {
    this.length += bytes.length;
    if (this.more) this.more.push(bytes);
    else this.more = [bytes];
  }
}

function serialize(queue: readonly (Uint8Array | Data)[], target: Buffer): void {
  let at = 0;
  for (const one of queue) {
    if (one instanceof Data) {
      const flags = one.ends ? frameFlag.endStream : 0;
      writeHead(target, at, { length: one.length, type: frameType.data, flags, streamId: one.streamId });
      at += headBytes;
      target.set(one.first, at);
      at += one.first.length;
      if (!one.more) continue;
      for (const bytes of one.more) {
        target.set(bytes, at);
        at += bytes.length;
      }
    } else {
      target.set(one, at);
      at += one.length;
    }
  }
}
