/** An exchange over one HTTP/2 stream. This is the fast path: nothing is made that was not asked for. */
import { Readable, Writable } from "node:stream";
import {
  BodyTooLargeError,
  ClientGoneError,
  type Exchange,
  type PeerCertificate,
  type ReplyHeaders,
  type RequestHeaders,
  type ResponseStream,
} from "../http.ts";
import { ReplyCount, type Connection } from "../http/connection.ts";
import { type Body, pays, send, sizeOf } from "../http/outgoing.ts";
import { Paced } from "../paced.ts";
import { errorCode } from "./errors.ts";
import { encodeHead } from "./hpack-encoder.ts";
import type { Http2Stream } from "./stream.ts";

const noBody = new Uint8Array();

// Thousands end together with their connection, and where each of them stood says nothing.
const clientGone = new ClientGoneError();
// Each takes some twenty microseconds, with all who hear of it.
const abortions = new Paced(200);

export class Http2Exchange implements Exchange {
  readonly protocol = "h2";
  // Switching protocols is HTTP/1.1's way.
  readonly upgrade = undefined;
  owner: string;
  private readonly http2Stream: Http2Stream;
  private readonly connection: Connection;
  private controller: AbortController | undefined;

  constructor(stream: Http2Stream, connection: Connection) {
    this.http2Stream = stream;
    this.connection = connection;
    this.owner = connection.remoteAddress;
  }

  get method(): string {
    return this.http2Stream.request.method;
  }

  get target(): string {
    return this.http2Stream.request.target;
  }

  get path(): string {
    const { target } = this;
    const at = target.indexOf("?");
    return at < 0 ? target : target.slice(0, at);
  }

  get query(): string {
    const { target } = this;
    const at = target.indexOf("?");
    return at < 0 ? "" : target.slice(at + 1);
  }

  get headers(): RequestHeaders {
    return this.http2Stream.request.headers;
  }

  get isOverdrawn(): boolean {
    return this.connection.isOverdrawn(this.owner);
  }

  get closing(): AbortSignal {
    return this.connection.closing;
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress;
  }

  get answered(): boolean {
    return this.http2Stream.headSent;
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      const controller = new AbortController();
      this.controller = controller;
      if (this.http2Stream.closed) controller.abort(clientGone);
      // Later: whoever waits for it must not run inside of whoever ended the reply.
      else this.http2Stream.whenClosed(() => abortions.add(() => controller.abort(clientGone)));
    }
    return this.controller.signal;
  }

  header(name: string): string | undefined {
    return this.http2Stream.request.header(name);
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.connection.peer.certificate;
  }

  peerCertificateRefusal(): string | undefined {
    return this.connection.peer.refusal;
  }

  async body(sizeBytesMax: number, signal: AbortSignal, onBytes?: (sizeBytes: number) => void): Promise<Uint8Array> {
    const { body, request } = this.http2Stream;
    if (!body) return noBody;
    if ((request.lengthBytes ?? 0) > sizeBytesMax) throw new BodyTooLargeError(sizeBytesMax);
    this.welcomeBody();
    return await body.collect({ sizeBytesMax, signal, onBytes });
  }

  bodyStream(): Readable {
    const { body } = this.http2Stream;
    if (!body) return Readable.from([]);
    this.welcomeBody();
    return body.readable();
  }

  reply(code: number, headers: ReplyHeaders, body: Body): void {
    const { http2Stream } = this;
    if (http2Stream.closed || http2Stream.headSent) return;
    const sizeBytes = sizeOf(body);
    const acceptEncoding = this.header("accept-encoding");
    const gzip = pays({ headers, sizeBytes, acceptEncoding, loopback: this.connection.loopback });
    const more: [string, string][] = [["date", date()]];
    if (gzip) more.push(["content-encoding", "gzip"], ["vary", "Accept-Encoding"]);
    else if (code !== 204 && code !== 304 && headers["content-length"] === undefined)
      more.push(["content-length", String(sizeBytes)]);
    const end = this.method === "HEAD" || sizeBytes === 0;
    http2Stream.respond(encodeHead(code, headers, more), { end });
    if (end) return;
    if (gzip) {
      send(this.writable(), body, true);
      this.count(sizeBytes);
      return;
    }
    if (body instanceof Uint8Array) http2Stream.write(body);
    else http2Stream.write(...body);
    // What found room at once is no burden to anybody.
    if (http2Stream.hasMore) this.count(sizeBytes);
    http2Stream.end();
  }

  stream(code: number, headers: ReplyHeaders): ResponseStream {
    const { http2Stream } = this;
    if (!http2Stream.headSent) http2Stream.respond(encodeHead(code, headers, [["date", date()]]));
    return new Pieces(http2Stream, this, () => this.count(0));
  }

  private welcomeBody(): void {
    if (this.header("expect") === "100-continue" && !this.answered)
      this.http2Stream.respond(encodeHead(100, {}, []), { interim: true });
  }

  /** Counts a reply that waits for its reader until it is over. */
  private count(sizeBytes: number): void {
    const { http2Stream } = this;
    if (http2Stream.closed) return;
    const counted = new ReplyCount(this.connection, this.owner, {
      sizeBytes,
      reply: {
        leftBytes: () => http2Stream.sentBytes,
        waits: () => http2Stream.hasMore,
        cut: () => http2Stream.reset(errorCode.cancel),
      },
    });
    http2Stream.whenClosed(() => counted[Symbol.dispose]());
  }

  /** The reply's body for those that write to streams of Node. */
  private writable(): Writable {
    const { http2Stream } = this;
    const writable = new Writable({
      write: (bytes: Uint8Array, _, done) => {
        http2Stream.write(bytes);
        http2Stream.whenRoom(done);
      },
      final: (done) => {
        http2Stream.end();
        done();
      },
    });
    writable.on("error", () => undefined);
    http2Stream.whenClosed(() => writable.destroy());
    return writable;
  }
}

/** A reply written piece by piece. */
class Pieces implements ResponseStream {
  private readonly http2Stream: Http2Stream;
  private readonly exchange: Http2Exchange;
  private readonly waits: () => void;
  private hasWaited = false;

  /** @param waits Is called once, when its reader does not keep up. */
  constructor(http2Stream: Http2Stream, exchange: Http2Exchange, waits: () => void) {
    this.http2Stream = http2Stream;
    this.exchange = exchange;
    this.waits = waits;
  }

  get signal(): AbortSignal {
    return this.exchange.signal;
  }

  get bufferedBytes(): number {
    return this.http2Stream.pendingBytes;
  }

  write(bytes: Uint8Array): boolean {
    const { http2Stream } = this;
    if (http2Stream.closed || http2Stream.ending) return false;
    http2Stream.write(bytes);
    if (!http2Stream.hasMore) return true;
    if (!this.hasWaited) this.waits();
    this.hasWaited = true;
    return !http2Stream.isFull;
  }

  drained(): Promise<void> {
    return new Promise((resolve) => this.http2Stream.whenRoom(resolve));
  }

  end(): void {
    this.http2Stream.end();
  }

  reset(): void {
    this.http2Stream.reset(errorCode.internal);
  }
}

let dateText = "";
let dateSecond = 0;

/** The time as HTTP says it. */
function date(): string {
  const second = Math.floor(Date.now() / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1_000).toUTCString();
  }
  return dateText;
}
