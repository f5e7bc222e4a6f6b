/** An exchange over HTTP/1.1, plain or as a request to switch protocols. */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { own } from "#base/own.ts";
import {
  BodyTooLargeError,
  ClientGoneError,
  type Exchange,
  type PeerCertificate,
  type ReplyHeaders,
  type RequestHeaders,
  type ResponseStream,
  type Upgrade,
} from "../http.ts";
import { announcedLength, collect } from "./body.ts";
import { ReplyCount, type Connection } from "./connection.ts";
import { type Body, pays, Pieces, send, sizeOf } from "./outgoing.ts";

// A client that is still sending gets this long to read the refusal before its connection is cut.
const lingerMs = 500;

export interface Http1Parts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  /** Bytes after the head of a request to switch protocols; absent for others. */
  readonly upgradeHead?: Buffer;
}

export class Http1Exchange implements Exchange {
  readonly protocol = "h1";
  readonly upgrade: Upgrade | undefined;
  owner: string;
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private readonly connection: Connection;
  private controller: AbortController | undefined;
  private taken = false;

  constructor({ request, response, connection, upgradeHead }: Http1Parts) {
    this.request = request;
    this.response = response;
    this.connection = connection;
    this.owner = connection.remoteAddress;
    this.upgrade = upgradeHead && this.upgradeWith(upgradeHead);
  }

  get method(): string {
    return this.request.method ?? "";
  }

  get target(): string {
    return originForm(this.request.url ?? "");
  }

  get path(): string {
    return this.target.split("?", 1)[0] ?? "";
  }

  get query(): string {
    return this.target.slice(this.path.length + 1);
  }

  get headers(): RequestHeaders {
    return this.request.headers;
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
    return this.taken || this.response.headersSent;
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      const controller = new AbortController();
      this.controller = controller;
      // A switched connection outlives its response object.
      const emitter = this.upgrade ? this.upgrade.socket : this.response;
      if (emitter.destroyed) controller.abort(new ClientGoneError());
      else emitter.once("close", () => controller.abort(new ClientGoneError()));
    }
    return this.controller.signal;
  }

  header(name: string): string | undefined {
    const value = own(this.request.headers, name);
    return typeof value === "object" ? value[0] : value;
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.connection.peer.certificate;
  }

  peerCertificateRefusal(): string | undefined {
    return this.connection.peer.refusal;
  }

  async body(sizeBytesMax: number, signal: AbortSignal, onBytes?: (sizeBytes: number) => void): Promise<Uint8Array> {
    const length = announcedLength(this.request.headers["content-length"]);
    if (length !== undefined && length > sizeBytesMax) throw new BodyTooLargeError(sizeBytesMax);
    return await collect(this.bodyStream(), { sizeBytesMax, signal, onBytes, gone: () => new ClientGoneError() });
  }

  bodyStream(): Readable {
    // Only now, so that a request that is refused by its head never sends its body.
    if (this.request.headers.expect === "100-continue") this.response.writeContinue();
    return this.request;
  }

  reply(code: number, headers: ReplyHeaders, body: Body): void {
    const { response } = this;
    if (response.destroyed) return;
    const sizeBytes = sizeOf(body);
    const acceptEncoding = this.header("accept-encoding");
    const gzip = pays({ headers, sizeBytes, acceptEncoding, loopback: this.connection.loopback });
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (gzip) {
      response.setHeader("content-encoding", "gzip");
      response.setHeader("vary", "Accept-Encoding");
    } else if (code !== 204 && code !== 304) response.setHeader("content-length", sizeBytes);
    if (this.expectsBody && !this.request.complete) this.cutAfterReply();
    response.writeHead(code);
    if (this.method === "HEAD") {
      response.end();
      return;
    }
    const sent = send(response, body, gzip);
    this.count(sizeBytes, () => sent.bytes);
  }

  stream(code: number, headers: ReplyHeaders): ResponseStream {
    const { request, response } = this;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.writeHead(code);
    response.flushHeaders();
    const pieces = new Pieces({
      writable: response,
      signal: () => this.signal,
      reset: () => request.socket.destroy(),
    });
    this.count(0, () => pieces.sentBytes);
    return pieces;
  }

  /** Counts a reply that was begun until it is over. */
  private count(sizeBytes: number, sentBytes: () => number): void {
    const { response, request } = this;
    // One whose client left meanwhile does not tell of its end any more.
    if (response.destroyed) return;
    const counted = new ReplyCount(this.connection, this.owner, {
      sizeBytes,
      reply: {
        leftBytes: () => sentBytes() - response.writableLength,
        waits: () => response.writableLength > 0,
        cut: () => request.socket.destroy(),
      },
    });
    response.once("close", () => counted[Symbol.dispose]());
  }

  // Node marks even a request without a body complete only after its handler has run.
  private get expectsBody(): boolean {
    const { headers } = this.request;
    return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  }

  /** The rest of a body nobody wants is not read: the connection ends instead. */
  private cutAfterReply(): void {
    const { socket } = this.request;
    this.response.setHeader("connection", "close");
    this.response.once("finish", () => setTimeout(() => socket.destroy(), lingerMs).unref());
  }

  private upgradeWith(head: Buffer): Upgrade {
    const { request, response } = this;
    const { socket } = request;
    const take = (): Duplex => {
      this.taken = true;
      response.detachSocket(socket);
      return socket;
    };
    const switchProtocols = (headers: ReplyHeaders): Duplex => {
      const lines = Object.entries(headers).flatMap(([name, values]) =>
        [values].flat().map((value) => `${name}: ${value}\r\n`),
      );
      take().write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
      if (head.length > 0) socket.unshift(head);
      return socket;
    };
    return { protocol: (request.headers.upgrade ?? "").toLowerCase(), request, socket, head, take, switchProtocols };
  }
}

/** An exchange for a request that Node took out of its HTTP parser because it wants another protocol. */
/**
 * A client may name the whole URL, as it would to a proxy: where it leads is decided by the connection, not by the name.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
 */
function originForm(target: string): string {
  const authority = /^https?:\/\/[^/?#]*/i.exec(target);
  if (!authority) return target;
  const rest = target.slice(authority[0].length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/**
 * A request names its host once; HTTP/1.0 need not.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 */
export function namesOneHost({ rawHeaders, httpVersionMinor }: IncomingMessage): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === "host") hosts += 1;
  return hosts === 1 || (hosts === 0 && httpVersionMinor === 0);
}

export function upgradeExchange(request: IncomingMessage, head: Buffer, connection: Connection): Http1Exchange {
  const { socket } = request;
  socket.setTimeout(0);
  socket.setNoDelay(true);
  // Until somebody takes the connection, its failures concern nobody.
  socket.on("error", () => undefined);
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once("finish", () => socket.destroySoon());
  return new Http1Exchange({ request, response, connection, upgradeHead: head });
}
