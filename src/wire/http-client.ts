/**
 * An HTTP client for one server: HTTP/2 over few reused connections, or HTTP/1.1, and the step to another protocol
 * (SPDY, WebSocket). Replies stream.
 */
import { Agent as HttpAgent, type ClientRequest, type IncomingHttpHeaders, request as requestHttp } from "node:http";
import { constants } from "node:http2";
import { type Duplex, PassThrough, pipeline, type Readable, type Writable } from "node:stream";
import { abortReason } from "#base/clock.ts";
import { own } from "#base/own.ts";
import { collect } from "./http/body.ts";
import { explained } from "./http/certificate-times.ts";
import { dial, dialSignal, type DialOptions, targetOf } from "./http/dial.ts";
import { Sessions } from "./http/sessions.ts";

export type { ClientCredentials, DialOptions } from "./http/dial.ts";

export interface HttpClientOptions extends DialOptions {
  /** HTTP/2 needs an https URL. */
  readonly protocol: "h2" | "h1";
  /** From an HTTP/1.1 request to the head of its reply. Absent: as long as the caller waits. */
  readonly headMs?: number;
  /** Told the head of each reply. */
  readonly onHead?: (code: number, headers: IncomingHttpHeaders) => void;
}

export interface HttpRequest {
  readonly method: string;
  /** Path and query, escaped: "/api/v1/pods?watch=1". */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Readable;
  /** Aborting it breaks off the request, and the reply's body as well. */
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read or destroyed. */
  readonly body: Readable;
  /** The whole body. @throws BodyTooLargeError when it is longer. */
  bytes(sizeBytesMax: number): Promise<Uint8Array>;
}

export type UpgradeReply =
  | { readonly kind: "switched"; readonly headers: IncomingHttpHeaders; readonly socket: Duplex }
  | { readonly kind: "refused"; readonly reply: HttpReply };

/**
 * To one server. Whoever asks more waits for the others, and some replies never end: it is for the caller to bound those,
 * as the API does by its seats for connections, of which there are no more.
 */
const http1SocketsMax = 2_000;
/** Of one reply. A server that goes on and on with them keeps its client busy and never answers. */
const interimRepliesMax = 16;

/** The server closed an idle connection at the moment it was used again: nothing was asked yet. */
class StaleConnectionError extends Error {}

export class HttpClient {
  private readonly options: HttpClientOptions;
  private readonly origin: string;
  private readonly sessions: Sessions | undefined;
  private readonly agent: DialAgent;

  constructor(options: HttpClientOptions) {
    this.options = options;
    this.origin = targetOf(options).url.origin;
    this.sessions = options.protocol === "h2" ? new Sessions(options) : undefined;
    this.agent = new DialAgent(options);
  }

  /** Resolves with the reply's head. @throws Error that names the request when there is no reply. */
  async request(request: HttpRequest): Promise<HttpReply> {
    try {
      const reply = this.sessions ? await this.requestHttp2(this.sessions, request) : await this.requestHttp1(request);
      this.options.onHead?.(reply.status, reply.headers);
      return reply;
    } catch (error) {
      throw this.failure(request, error);
    }
  }

  /** Asks to go on in another protocol on a connection of its own; the caller owns the socket. */
  async upgrade(request: HttpRequest): Promise<UpgradeReply> {
    try {
      return await this.upgradeHttp1(request);
    } catch (error) {
      throw this.failure(request, error);
    }
  }

  /** Breaks off everything. */
  close(): void {
    this.sessions?.close();
    this.agent.destroy();
  }

  private async requestHttp2(sessions: Sessions, request: HttpRequest): Promise<HttpReply> {
    const { method, target, body, signal } = request;
    const lease = await sessions.lease(signal);
    signal.throwIfAborted();
    const headers = { ...request.headers, ...this.authorization(), ":method": method, ":path": target };
    const stream = lease.session.request(headers, { endStream: body === undefined, signal });
    stream.once("close", () => lease[Symbol.dispose]());
    return await new Promise((resolve, reject) => {
      stream.on("error", reject);
      stream.once("close", () => reject(new Error(`the server closed the stream with code ${stream.rstCode}`)));
      stream.once("response", (head) => {
        resolve(replyOf(Number(own(head, constants.HTTP2_HEADER_STATUS)), head, { body: stream, signal }));
      });
      if (body) sendBody(stream, body);
    });
  }

  private async requestHttp1(request: HttpRequest): Promise<HttpReply> {
    try {
      return await this.tryHttp1(request);
    } catch (error) {
      if (!(error instanceof StaleConnectionError)) throw error;
      return await this.tryHttp1(request);
    }
  }

  private tryHttp1(request: HttpRequest): Promise<HttpReply> {
    const { method, signal, body } = request;
    return new Promise((resolve, reject) => {
      const sent = this.startHttp1(request, {}, this.agent);
      sent.on("error", (error: NodeJS.ErrnoException) => {
        const stale = sent.reusedSocket && error.code === "ECONNRESET" && (method === "GET" || method === "HEAD");
        reject(stale && !signal.aborted ? new StaleConnectionError("connection closed", { cause: error }) : error);
      });
      sent.once("close", () => reject(new Error("the server closed the connection without a reply")));
      // Its socket is nobody's but the listener's.
      sent.once("upgrade", (_, socket) => {
        socket.destroy();
        reject(new Error("expected a reply, found a change of protocol that was not asked for"));
      });
      sent.once("response", (response) => {
        resolve(replyOf(response.statusCode ?? 0, response.headers, { body: response, signal }));
      });
      if (body) sendBody(sent, body);
      else sent.end();
    });
  }

  private upgradeHttp1(request: HttpRequest): Promise<UpgradeReply> {
    const { signal } = request;
    return new Promise((resolve, reject) => {
      const agent = new DialAgent(this.options);
      const sent = this.startHttp1(request, { connection: "Upgrade" }, agent);
      sent.on("error", reject);
      sent.once("close", () => reject(new Error("the server closed the connection without a reply")));
      sent.once("upgrade", (response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve({ kind: "switched", headers: response.headers, socket });
      });
      sent.once("response", (response) => {
        const reply = replyOf(response.statusCode ?? 0, response.headers, { body: response, signal });
        resolve({ kind: "refused", reply });
      });
      sent.end();
    });
  }

  private startHttp1(request: HttpRequest, extra: Readonly<Record<string, string>>, agent: DialAgent): ClientRequest {
    const { method, target: path, signal, body } = request;
    const host = targetOf(this.options).url.host;
    const headers: Record<string, string | number> = { host, ...request.headers, ...this.authorization(), ...extra };
    if (body instanceof Uint8Array) headers["content-length"] = body.length;
    return this.bounded(requestHttp({ method, path, headers, signal, agent }));
  }

  private bounded(sent: ClientRequest): ClientRequest {
    const { headMs } = this.options;
    let interim = 0;
    sent.on("information", () => {
      interim += 1;
      if (interim > interimRepliesMax)
        sent.destroy(new Error(`expected a reply after at most ${interimRepliesMax} interim ones, found more`));
    });
    if (headMs === undefined) return sent;
    const late = (): void =>
      void sent.destroy(new Error(`expected the head of a reply within ${headMs / 1000} s, found none`));
    const timer = setTimeout(late, headMs);
    const stop = (): void => clearTimeout(timer);
    return sent.once("response", stop).once("upgrade", stop).once("close", stop);
  }

  private authorization(): Readonly<Record<string, string>> {
    const token = this.options.credentials?.().token;
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  private failure({ method, target, signal }: HttpRequest, error: unknown): Error {
    if (signal.aborted) return abortReason(signal);
    return new Error(`${method} ${this.origin}${target}`, { cause: explained(error, Date.now()) });
  }
}

/** HTTP/1.1 connections made by `dial`, whatever lies beneath. */
class DialAgent extends HttpAgent {
  private readonly dialOptions: DialOptions;

  constructor(dialOptions: DialOptions) {
    super({ keepAlive: true, maxSockets: http1SocketsMax });
    this.dialOptions = dialOptions;
  }

  override createConnection(_: unknown, done?: (error: Error | null, stream: Duplex) => void): undefined {
    void this.dialFor(done ?? (() => undefined));
  }

  private async dialFor(done: (error: Error | null, stream: Duplex) => void): Promise<void> {
    let socket: Duplex;
    try {
      socket = await dial(this.dialOptions, "http/1.1", dialSignal(this.dialOptions));
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)), new PassThrough());
      return;
    }
    done(null, socket);
  }
}

function sendBody(writable: Writable, body: Uint8Array | Readable): void {
  if (body instanceof Uint8Array) writable.end(body);
  else pipeline(body, writable, () => undefined);
}

interface ReplyParts {
  readonly body: Readable;
  readonly signal: AbortSignal;
}

function replyOf(status: number, headers: IncomingHttpHeaders, { body, signal }: ReplyParts): HttpReply {
  // Who reads the body hears of its failure; who destroyed it does not want to.
  body.on("error", () => undefined);
  const gone = (): Error => new Error("expected the rest of the reply, found the connection closed");
  return { status, headers, body, bytes: (sizeBytesMax) => collect(body, { sizeBytesMax, signal, gone }) };
}
