/**
 * An HTTP/2 client (RFC 9113) that costs far less than the server it measures: one TLS connection, requests written in
 * one piece, replies kept as the pieces they came in. It knows only what an API server sends: it allows no header
 * compression state and no push, and reads no reply header but the status.
 */
import { connect, type TLSSocket } from "node:tls";
import { authorityOf, encodeHead, readStatus, type HeadParts } from "./hpack.ts";

export interface Target {
  /** "https://127.0.0.1:6443". */
  readonly url: string;
  /** PEM; without it any certificate is taken. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
}

export interface Request extends HeadParts {
  readonly body?: Uint8Array;
}

export interface Reply {
  readonly status: number;
  readonly pieces: readonly Buffer[];
}

/** What becomes of one stream. */
interface Stream {
  status: number;
  readonly pieces: Buffer[];
  /** Given for a watch: takes what comes instead of keeping it. */
  readonly take?: ((piece: Buffer) => void) | undefined;
  readonly done: (reply: Reply) => void;
  readonly failed: (error: Error) => void;
  unacknowledgedBytes: number;
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const frameHeadBytes = 9;
const type = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8, continuation: 9 };
const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 };
const setting = { headerTableSize: 1, enablePush: 2, initialWindowSize: 4 };
// The windows of Kubernetes' own client library: 4 MiB a stream, 1 GiB a connection.
const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 1024 * 1024 * 1024;
const connectMs = 10_000;

export class H2Client {
  private readonly socket: TLSSocket;
  private readonly target: Target;
  private readonly streams = new Map<number, Stream>();
  private rest: Buffer | undefined;
  private nextId = 1;
  private unacknowledgedBytes = 0;
  private closed: Error | undefined;

  private constructor(socket: TLSSocket, target: Target) {
    this.socket = socket;
    this.target = target;
    socket.setNoDelay(true);
    socket.on("data", (piece: Buffer) => this.received(piece));
    socket.on("error", (error) => this.end(error));
    socket.on("close", () => this.end(new Error(`expected ${target.url} to stay connected, found it closed`)));
    socket.write(
      Buffer.concat([
        preface,
        settingsFrame([
          [setting.headerTableSize, 0],
          [setting.enablePush, 0],
          [setting.initialWindowSize, streamWindowBytes],
        ]),
        windowUpdate(0, connectionWindowBytes - 65_535),
      ]),
    );
  }

  static connect(target: Target): Promise<H2Client> {
    const { hostname, port } = new URL(target.url);
    const host = hostname.replace(/^\[|\]$/g, "");
    return new Promise((resolve, reject) => {
      const socket = connect({
        host,
        port: Number(port || "443"),
        ALPNProtocols: ["h2"],
        rejectUnauthorized: target.ca !== undefined,
        ca: target.ca,
        cert: target.certificate,
        key: target.key,
      });
      socket.setTimeout(connectMs, () => socket.destroy(new Error(`${target.url} does not answer`)));
      socket.once("error", reject);
      socket.once("secureConnect", () => {
        socket.setTimeout(0);
        socket.off("error", reject);
        if (socket.alpnProtocol === "h2") resolve(new H2Client(socket, target));
        else reject(new Error(`expected ${target.url} to speak HTTP/2, found ${String(socket.alpnProtocol)}`));
      });
    });
  }

  request(request: Request): Promise<Reply> {
    return new Promise((done, failed) => this.send(request, { done, failed }));
  }

  /** A reply without an end: resolves when the server ends it. @param take Is given each piece; may not keep it */
  watch(request: Request, take: (piece: Buffer) => void): Promise<Reply> {
    return new Promise((done, failed) => this.send(request, { done, failed, take }));
  }

  close(): void {
    this.socket.destroy();
  }

  private send(request: Request, { done, failed, take }: Pick<Stream, "done" | "failed" | "take">): void {
    if (this.closed) {
      failed(this.closed);
      return;
    }
    const id = this.nextId;
    this.nextId += 2;
    this.streams.set(id, { status: 0, pieces: [], done, failed, take, unacknowledgedBytes: 0 });
    const first = id === 1;
    const head = encodeHead(request, { authority: authorityOf(this.target.url), token: this.target.token, first });
    const headFlags = flag.endHeaders | (request.body ? 0 : flag.endStream);
    const pieces = [frameHead({ length: head.length, type: type.headers, flags: headFlags, id }), head];
    // A body needs no window of its own: it is one small object, and the server's smallest window is 64 KiB.
    if (request.body)
      pieces.push(
        frameHead({ length: request.body.length, type: type.data, flags: flag.endStream, id }),
        Buffer.from(request.body.buffer, request.body.byteOffset, request.body.byteLength),
      );
    this.socket.write(Buffer.concat(pieces));
  }

  private received(piece: Buffer): void {
    let data = this.rest ? Buffer.concat([this.rest, piece]) : piece;
    this.rest = undefined;
    while (data.length >= frameHeadBytes) {
      const length = data.readUIntBE(0, 3);
      if (data.length < frameHeadBytes + length) break;
      const id = data.readUInt32BE(5) & 0x7fffffff;
      this.frame(
        { type: data[3] ?? 0, flags: data[4] ?? 0, id },
        data.subarray(frameHeadBytes, frameHeadBytes + length),
      );
      data = data.subarray(frameHeadBytes + length);
    }
    if (data.length > 0) this.rest = data;
  }

  private frame(head: { readonly type: number; readonly flags: number; readonly id: number }, payload: Buffer): void {
    const stream = this.streams.get(head.id);
    switch (head.type) {
      case type.data:
        this.acknowledge(head.id, stream, payload.length);
        if (stream?.take) stream.take(payload);
        else stream?.pieces.push(payload);
        break;
      case type.headers:
        if ((head.flags & (flag.padded | flag.priority)) !== 0 || (head.flags & flag.endHeaders) === 0)
          this.end(new Error("expected a reply's head in one plain frame, found padding or several frames"));
        else if (stream && stream.status === 0) stream.status = readStatus(payload);
        break;
      case type.reset:
        this.streams.delete(head.id);
        stream?.failed(new Error(`the server reset the stream with code ${payload.readUInt32BE(0)}`));
        return;
      case type.settings:
        if ((head.flags & flag.ack) === 0)
          this.socket.write(frameHead({ length: 0, type: type.settings, flags: flag.ack, id: 0 }));
        return;
      case type.ping:
        if ((head.flags & flag.ack) === 0)
          this.socket.write(
            Buffer.concat([frameHead({ length: 8, type: type.ping, flags: flag.ack, id: 0 }), payload]),
          );
        return;
      case type.goAway:
        this.end(new Error(`the server ends the connection: ${payload.subarray(8).toString() || "no reason given"}`));
        return;
      default:
        return;
    }
    if ((head.flags & flag.endStream) === 0 || !stream) return;
    this.streams.delete(head.id);
    stream.done(stream);
  }

  /** Opens the windows again once half of one is used. */
  private acknowledge(id: number, stream: Stream | undefined, bytes: number): void {
    this.unacknowledgedBytes += bytes;
    if (this.unacknowledgedBytes > connectionWindowBytes / 2) {
      this.socket.write(windowUpdate(0, this.unacknowledgedBytes));
      this.unacknowledgedBytes = 0;
    }
    if (!stream) return;
    stream.unacknowledgedBytes += bytes;
    if (stream.unacknowledgedBytes <= streamWindowBytes / 2) return;
    this.socket.write(windowUpdate(id, stream.unacknowledgedBytes));
    stream.unacknowledgedBytes = 0;
  }

  private end(error: Error): void {
    this.closed ??= error;
    this.socket.destroy();
    for (const stream of this.streams.values()) stream.failed(this.closed);
    this.streams.clear();
  }
}

interface FrameHead {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly id: number;
}

function frameHead({ length, type: kind, flags, id }: FrameHead): Buffer {
  const head = Buffer.allocUnsafe(frameHeadBytes);
  head.writeUIntBE(length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return head;
}

function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [at, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  }
  return Buffer.concat([frameHead({ length: payload.length, type: type.settings, flags: 0, id: 0 }), payload]);
}

function windowUpdate(id: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes, 0);
  return Buffer.concat([frameHead({ length: 4, type: type.windowUpdate, flags: 0, id }), payload]);
}
