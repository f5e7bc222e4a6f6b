/** An exchange over one HTTP/2 stream. This is the fast path: nothing is made that was not asked for. */
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";
import { own } from "#base/own.ts";
import {
  BodyTooLargeError,
  ClientGoneError,
  type Exchange,
  type PeerCertificate,
  type ReplyHeaders,
  type ResponseStream,
} from "../http.ts";
import { announcedLength, collect } from "./body.ts";
import { ReplyCount, type Connection } from "./connection.ts";
import { type Body, pays, Pieces, send, sizeOf } from "./outgoing.ts";

export class Http2Exchange implements Exchange {
  readonly protocol = "h2";
  readonly headers: IncomingHttpHeaders;
  // Switching protocols is HTTP/1.1's way.
  readonly upgrade = undefined;
  owner: string;
  private readonly http2Stream: ServerHttp2Stream;
  private readonly connection: Connection;
  private controller: AbortController | undefined;
  private bodyRefused = false;

  constructor(http2Stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: Connection) {
    this.http2Stream = http2Stream;
    this.headers = headers;
    this.connection = connection;
    this.owner = connection.remoteAddress;
  }

  get method(): string {
    return this.header(":method") ?? "";
  }

  get target(): string {
    return this.header(":path") ?? "";
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

  get isOverdrawn(): boolean {
    const { unread, id } = this.connection;
    return unread.connections.isOverdrawn(id) || unread.owners.isOverdrawn(this.owner);
  }

  get closing(): AbortSignal {
    return this.connection.closing;
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress;
  }

  get answered(): boolean {
    return this.http2Stream.headersSent;
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      const controller = new AbortController();
      this.controller = controller;
      if (this.http2Stream.closed || this.http2Stream.destroyed) controller.abort(new ClientGoneError());
      else this.http2Stream.once("close", () => controller.abort(new ClientGoneError()));
    }
    return this.controller.signal;
  }

  header(name: string): string | undefined {
    const value = own(this.headers, name);
    return typeof value === "object" ? value[0] : value;
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.connection.peer.certificate;
  }

  peerCertificateRefusal(): string | undefined {
    return this.connection.peer.refusal;
  }

  async body(sizeBytesMax: number, signal: AbortSignal, onBytes?: (sizeBytes: number) => void): Promise<Uint8Array> {
    if (this.http2Stream.endAfterHeaders) return new Uint8Array();
    const length = announcedLength(this.headers["content-length"]);
    try {
      if (length !== undefined && length > sizeBytesMax) throw new BodyTooLargeError(sizeBytesMax);
      return await collect(this.bodyStream(), { sizeBytesMax, signal, onBytes, gone: () => new ClientGoneError() });
    } catch (error) {
      this.bodyRefused = true;
      throw error;
    }
  }

  bodyStream(): Readable {
    if (this.headers.expect === "100-continue") this.http2Stream.additionalHeaders({ ":status": 100 });
    return this.http2Stream;
  }

  reply(code: number, headers: ReplyHeaders, body: Body): void {
    const { http2Stream } = this;
    if (http2Stream.destroyed || http2Stream.closed) return;
    const sizeBytes = sizeOf(body);
    const acceptEncoding = this.header("accept-encoding");
    const gzip = pays({ headers, sizeBytes, acceptEncoding, loopback: this.connection.loopback });
    const head: OutgoingHttpHeaders = { ":status": code, ...headers };
    if (gzip) {
      head["content-encoding"] = "gzip";
      head["vary"] = "Accept-Encoding";
    } else if (code !== 204 && code !== 304) head["content-length"] ??= sizeBytes;
    if (this.bodyRefused) http2Stream.once("finish", () => http2Stream.close(constants.NGHTTP2_NO_ERROR));
    if (this.method === "HEAD" || sizeBytes === 0) {
      http2Stream.respond(head, { endStream: true });
      return;
    }
    http2Stream.respond(head);
    const sent = send(http2Stream, body, gzip);
    this.count(sizeBytes, () => sent.bytes);
  }

  stream(code: number, headers: ReplyHeaders): ResponseStream {
    const { http2Stream } = this;
    if (!http2Stream.destroyed && !http2Stream.closed) http2Stream.respond({ ":status": code, ...headers });
    const pieces = new Pieces({
      writable: http2Stream,
      signal: () => this.signal,
      // `close` would end the body properly first.
      reset: () => http2Stream.destroy(new Error("reply broken off")),
    });
    this.count(0, () => pieces.sentBytes);
    return pieces;
  }

  /** Counts a reply that was begun until it is over. */
  private count(sizeBytes: number, sentBytes: () => number): void {
    const { http2Stream } = this;
    if (http2Stream.destroyed || http2Stream.closed) return;
    const counted = new ReplyCount(this.connection, this.owner, {
      sizeBytes,
      reply: {
        leftBytes: () => sentBytes() - http2Stream.writableLength,
        waits: () => http2Stream.writableLength > 0,
        cut: () => http2Stream.destroy(new Error("reply not read")),
      },
    });
    http2Stream.once("close", () => counted[Symbol.dispose]());
  }
}
