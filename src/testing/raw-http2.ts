/** A client of HTTP/2 that sends what no client should, frame by frame, and shows the frames that come back. */
import { connect, type TLSSocket } from "node:tls";
import { must } from "#base/assert.ts";

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export const raw = {
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
  endStream: 1,
  ack: 1,
  endHeaders: 4,
  padded: 8,
  priorityFlag: 32,
} as const;

const headBytes = 9;
/** What a connection begins with. */
export const rawPreface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function rawFrame(type: number, streamId: number, more: { flags?: number; payload?: Uint8Array } = {}): Buffer {
  const { flags = 0, payload = new Uint8Array() } = more;
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

export function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, at * 4);
  return bytes;
}

/** A SETTINGS frame. */
export function rawSettings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6);
  for (const [at, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  }
  return rawFrame(raw.settings, 0, { payload });
}

/** Fields that the reader is not to remember. */
export function rawFields(...fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.of(0), text(name), text(value)])));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  const length = [];
  let rest = bytes.length;
  if (rest < 127) length.push(rest);
  else {
    length.push(127);
    for (rest -= 127; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** The block of a good request. */
export function rawRequest(method: string, path: string, ...more: readonly (readonly [string, string])[]): Buffer {
  return rawFields([":method", method], [":scheme", "https"], [":path", path], [":authority", "a"], ...more);
}

/** A good request without a body. */
export function rawGet(streamId: number, path: string): Buffer {
  return rawFrame(raw.headers, streamId, { flags: raw.endHeaders | raw.endStream, payload: rawRequest("GET", path) });
}

export class RawHttp2 {
  readonly socket: TLSSocket;
  /** All that came so far. */
  readonly frames: RawFrame[] = [];
  /** Resolves once the connection is closed. */
  readonly closed: Promise<void>;
  private rest = Buffer.alloc(0);
  private wakers: (() => void)[] = [];
  private over = false;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.over = true;
        this.wake();
        resolve();
      });
    });
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => this.read(bytes));
  }

  /** Says hello with these settings. */
  static async connect(port: number, settings: Buffer = rawSettings()): Promise<RawHttp2> {
    const client = await RawHttp2.silent(port);
    client.send(rawPreface, settings);
    await client.until(({ type }) => type === raw.settings);
    return client;
  }

  /** Says nothing at all. */
  static silent(port: number): Promise<RawHttp2> {
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, ALPNProtocols: ["h2"], rejectUnauthorized: false };
      const socket = connect(options, () => resolve(new RawHttp2(socket)));
      socket.once("error", reject);
    });
  }

  send(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** The first frame like this. @throws Error when the connection ends without one */
  async until(wanted: (frame: RawFrame) => boolean): Promise<RawFrame> {
    for (;;) {
      const found = this.frames.find(wanted);
      if (found) return found;
      if (this.over) {
        const last = this.frames.findLast(({ type }) => type === raw.goAway)?.payload.toString("latin1", 8);
        throw new Error(`expected another frame, found the end: ${last ?? "without a word"}`);
      }
      await new Promise<void>((resolve) => this.wakers.push(resolve));
    }
  }

  /** The code and the words of the GOAWAY that ends the connection. */
  async goAway(): Promise<{ readonly code: number; readonly why: string }> {
    const { payload } = await this.until(({ type, payload: bytes }) => type === raw.goAway && bytes.length >= 8);
    return { code: payload.readUInt32BE(4), why: payload.subarray(8).toString() };
  }

  /** The code with which a stream was reset. */
  async resetOf(streamId: number): Promise<number> {
    const { payload } = await this.until((frame) => frame.type === raw.resetStream && frame.streamId === streamId);
    return payload.readUInt32BE(0);
  }

  /** Resolves once a PING that is sent now is answered: what was sent before has been read then. */
  async settle(): Promise<void> {
    const payload = Buffer.alloc(8);
    payload.writeDoubleBE(this.frames.length + Math.random());
    this.send(rawFrame(raw.ping, 0, { payload }));
    await this.until(({ type, payload: bytes }) => type === raw.ping && bytes.equals(payload));
  }

  /** The DATA of a stream, once it has ended. */
  async bodyOf(streamId: number): Promise<Buffer> {
    const ended = ({ type, flags, streamId: id }: RawFrame): boolean =>
      id === streamId && (type === raw.data || type === raw.headers) && (flags & raw.endStream) !== 0;
    await this.until(ended);
    return Buffer.concat(
      this.frames
        .filter(({ type, streamId: id }) => id === streamId && type === raw.data)
        .map(({ payload }) => payload),
    );
  }

  private read(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= headBytes) {
      const length = this.rest.readUIntBE(0, 3);
      if (this.rest.length < headBytes + length) break;
      this.frames.push({
        type: must(this.rest[3], "a head has nine bytes"),
        flags: must(this.rest[4], "a head has nine bytes"),
        streamId: this.rest.readUInt32BE(5),
        payload: this.rest.subarray(headBytes, headBytes + length),
      });
      this.rest = this.rest.subarray(headBytes + length);
    }
    this.wake();
  }

  private wake(): void {
    const woken = this.wakers;
    this.wakers = [];
    for (const resolve of woken) resolve();
  }
}
