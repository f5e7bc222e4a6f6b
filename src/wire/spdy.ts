/**
 * SPDY/3.1, as the Kubernetes streaming protocols use it over an upgraded connection: many two-way streams of bytes,
 * each begun with headers and closed by either side alone.
 *
 * Differs from the specification: windows are neither kept nor announced, because the implementation at the other end
 * (moby/spdystream, in kubectl, the kubelet and containerd) knows none and would never grant a new one. A reader that is
 * slow slows its whole connection instead.
 *
 * @see https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
 */
import { Duplex } from "node:stream";
import { HeaderReader, type SpdyHeaders, HeaderWriter } from "./spdy/headers.ts";

export type { SpdyHeaders } from "./spdy/headers.ts";

const frameTypes = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8 } as const;
const flagFin = 0x01;
const statusCancel = 5;
const statusRefused = 3;
const frameBytesMax = 1 << 20;
const streamsMax = 2_000;
// Larger writes are cut: a peer reads a whole frame into memory.
const dataBytesMax = 128 * 1024;
const lingerMs = 2_000;

/** One stream. `end` closes our side, `destroy` resets it; the peer's reset ends the readable side. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  private readonly connection: SpdyConnection;
  private drain: (() => void) | undefined;
  // True when the peer knows that the stream is over: nothing more is to be sent.
  private resetByPeer = false;
  private endedByPeer = false;

  constructor(connection: SpdyConnection, id: number, headers: SpdyHeaders) {
    super({ readableHighWaterMark: 64 * 1024 });
    this.connection = connection;
    this.id = id;
    this.headers = headers;
    // Who uses the stream may listen too; without this a reset could end the process.
    this.on("error", () => undefined);
  }

  /** For the connection: takes data of the peer, and resolves when more may come. */
  async receive(data: Uint8Array): Promise<void> {
    if (this.destroyed || this.readableEnded || this.push(data)) return;
    await new Promise<void>((resolve) => {
      this.drain = resolve;
    });
  }

  /** True once the peer has said everything: what is not read yet outlives the connection. */
  get isWhole(): boolean {
    return this.endedByPeer;
  }

  /** For the connection: the peer has no more to say; with `reset`, it does not listen either. */
  peerEnded(reset: boolean): void {
    if (!this.endedByPeer) this.push(null);
    this.endedByPeer = true;
    if (!reset) return;
    this.resetByPeer = true;
    this.end();
  }

  override _read(): void {
    this.drain?.();
    this.drain = undefined;
  }

  override _write(data: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.resetByPeer) done();
    else this.connection.sendData(this.id, data, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.resetByPeer) this.connection.sendEnd(this.id);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const complete = this.readableEnded && this.writableFinished;
    this.connection.forget(this.id, !complete && !this.resetByPeer);
    this.drain?.();
    done(error);
  }
}

export class SpdyConnection {
  /** Called with each stream the peer opens, in order. It must be set before the first frame comes. */
  onStream: (stream: SpdyStream) => void = (stream) => stream.destroy();
  /** Resolves when the connection is over, however it ended. */
  readonly closed: Promise<void>;
  private readonly socket: Duplex;
  private readonly streams = new Map<number, SpdyStream>();
  private readonly headerReader = new HeaderReader();
  private readonly headerWriter = new HeaderWriter();
  private nextId: number;
  private lastPeerId = 0;

  constructor(socket: Duplex, role: "client" | "server") {
    this.socket = socket;
    this.nextId = role === "client" ? 1 : 2;
    this.closed = this.run();
  }

  /** Opens a stream; writing need not wait for the reply. */
  open(headers: SpdyHeaders): SpdyStream {
    const id = this.nextId;
    this.nextId += 2;
    const stream = new SpdyStream(this, id, headers);
    this.streams.set(id, stream);
    const head = Buffer.alloc(10);
    head.writeUInt32BE(id);
    this.sendControl(frameTypes.synStream, Buffer.concat([head, this.headerWriter.block(headers)]));
    return stream;
  }

  /** Says goodbye and ends the connection after what was written. */
  close(): void {
    if (this.socket.writableEnded || this.socket.destroyed) return;
    this.sendControl(frameTypes.goAway, words(this.lastPeerId, 0));
    this.socket.end();
    // A peer that does not end its side as well is not waited for.
    setTimeout(() => this.socket.destroy(), lingerMs).unref();
  }

  /** For streams. */
  sendData(id: number, data: Buffer, done: (error?: Error | null) => void): void {
    for (let at = 0; at < data.length; at += dataBytesMax) {
      const part = data.subarray(at, at + dataBytesMax);
      this.socket.write(words(id, part.length));
      if (at + dataBytesMax >= data.length) this.socket.write(part, done);
      else this.socket.write(part);
    }
    if (data.length === 0) done();
  }

  /** For streams. */
  sendEnd(id: number): void {
    if (this.socket.writable) this.socket.write(words(id, flagFin * 0x100_0000));
  }

  /** For streams: the stream is over; the peer hears of it when it does not know. */
  forget(id: number, reset: boolean): void {
    this.streams.delete(id);
    if (reset) this.sendControl(frameTypes.rstStream, words(id, statusCancel));
  }

  private sendControl(type: number, body: Buffer): void {
    if (this.socket.writable) this.socket.write(Buffer.concat([words(0x8003_0000 + type, body.length), body]));
  }

  private async run(): Promise<void> {
    let failure: Error | undefined;
    try {
      await this.readFrames();
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    this.headerReader.close();
    for (const stream of this.streams.values()) {
      if (failure && !stream.isWhole) stream.destroy(failure);
      else stream.peerEnded(true);
    }
    this.socket.destroy();
  }

  /** Reads until the peer's goodbye or the end of the connection. @throws Error on a broken connection or frame. */
  private async readFrames(): Promise<void> {
    let rest: Buffer = Buffer.alloc(0);
    // The iterator reads on only when the frames before are done: that is the backpressure.
    for await (const chunk of this.socket) {
      // The socket has no encoding set, so its chunks are buffers.
      const bytes = chunk as Buffer;
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      let at = 0;
      while (rest.length - at >= 8) {
        const length = rest.readUInt32BE(at + 4) & 0xff_ffff;
        if (length > frameBytesMax)
          throw new Error(`expected SPDY frames of at most ${frameBytesMax} bytes, found ${length}`);
        if (rest.length - at < 8 + length) break;
        const over = await this.takeFrame(rest.subarray(at, at + 8 + length));
        if (over) return;
        at += 8 + length;
      }
      rest = rest.subarray(at);
    }
  }

  /** True when the peer said goodbye. */
  private async takeFrame(frame: Buffer): Promise<boolean> {
    const word = frame.readUInt32BE(0);
    const end = ((frame[4] ?? 0) & flagFin) !== 0;
    const body = frame.subarray(8);
    if (word < 0x8000_0000) {
      const stream = this.streams.get(word);
      if (stream && body.length > 0) await stream.receive(body);
      if (end) stream?.peerEnded(false);
      return false;
    }
    if (word >>> 16 !== 0x8003) throw new Error(`expected SPDY version 3, found ${(word >>> 16) & 0x7fff}`);
    return await this.takeControl(word & 0xffff, body, end);
  }

  private async takeControl(type: number, body: Buffer, end: boolean): Promise<boolean> {
    switch (type) {
      case frameTypes.synStream:
        this.accept(body.readUInt32BE(0), await this.headerReader.read(body.subarray(10)), end);
        return false;
      case frameTypes.synReply:
      case frameTypes.headers:
        // Nothing in them is of use, but the decompressor must see every block.
        await this.headerReader.read(body.subarray(4));
        if (end) this.streams.get(body.readUInt32BE(0))?.peerEnded(false);
        return false;
      case frameTypes.rstStream:
        this.streams.get(body.readUInt32BE(0))?.peerEnded(true);
        return false;
      case frameTypes.ping:
        // Ours have the parity of our streams; all others want an echo.
        if (body.readUInt32BE(0) % 2 !== this.nextId % 2) this.sendControl(type, body);
        return false;
      case frameTypes.goAway:
        return true;
      default:
        return false;
    }
  }

  private accept(id: number, headers: SpdyHeaders, end: boolean): void {
    if (id <= this.lastPeerId || id % 2 === this.nextId % 2) throw new Error(`expected a new SPDY stream, found ${id}`);
    this.lastPeerId = id;
    if (this.streams.size >= streamsMax) {
      this.sendControl(frameTypes.rstStream, words(id, statusRefused));
      return;
    }
    const stream = new SpdyStream(this, id, headers);
    this.streams.set(id, stream);
    this.sendControl(frameTypes.synReply, Buffer.concat([words(id), this.headerWriter.block({})]));
    if (end) stream.peerEnded(false);
    this.onStream(stream);
  }
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4);
  return bytes;
}
