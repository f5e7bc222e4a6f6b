/** An exchange without a socket: a request as data, and what was answered. */
import { abortReason } from "#base/clock.ts";
import { ClientGoneError, type Exchange, type ReplyHeaders, type ResponseStream } from "#wire/http.ts";
import { Readable } from "node:stream";
import { BodyTooLargeError } from "#wire/http.ts";

export interface TestRequest {
  readonly method: string;
  /** With its query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Groups of the client certificate; "system:masters" by default. */
  readonly organizations?: readonly string[];
  readonly user?: string;
  /** "127.0.0.1" by default. */
  readonly remoteAddress?: string;
}

const lineFeed = 0x0a;

export class TestExchange implements Exchange {
  readonly protocol = "h2";
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  readonly upgrade = undefined;
  owner = "";
  isOverdrawn = false;
  readonly organizations: readonly string[];
  readonly user: string;
  answered = false;
  code = 0;
  replyHeaders: ReplyHeaders = {};
  /** Lets the body never end. */
  neverEnds = false;
  /** Lets every write to it fail, as for a fault in what is between. */
  failsNow = false;
  /** Resolves when the server is done with it. */
  served: Promise<void> = Promise.resolve();
  // Present while the client does not read.
  private held: PromiseWithResolvers<void> | undefined;
  private readonly chunks: Uint8Array[] = [];
  private linesSent = 0;
  private readonly bytes: Uint8Array;
  private readonly left = new AbortController();
  /** What the server's end aborts. */
  readonly port = new AbortController();
  readonly closing = this.port.signal;
  private wakers: (() => void)[] = [];

  constructor(request: TestRequest) {
    const { method, target, headers = {}, body = "" } = request;
    this.method = method;
    this.target = target;
    [this.path = "", this.query = ""] = target.split(/\?(.*)/s);
    this.headers = headers;
    this.bytes = typeof body === "string" ? Buffer.from(body) : body;
    this.organizations = request.organizations ?? ["system:masters"];
    this.user = request.user ?? "admin";
    this.remoteAddress = request.remoteAddress ?? "127.0.0.1";
  }

  get signal(): AbortSignal {
    return this.left.signal;
  }

  /** What was sent so far. */
  get sent(): Buffer {
    return Buffer.concat(this.chunks);
  }

  header(name: string): string | undefined {
    return this.headers[name];
  }

  peerCertificate(): ReturnType<Exchange["peerCertificate"]> {
    if (this.user === "") return undefined;
    const { user: commonName, organizations } = this;
    return { commonName, organizations, fingerprint: "01", notAfterMs: 0, raw: new Uint8Array() };
  }

  peerCertificateRefusal(): undefined {
    return undefined;
  }

  async body(sizeBytesMax: number, signal: AbortSignal, onBytes?: (sizeBytes: number) => void): Promise<Uint8Array> {
    if (this.bytes.length > sizeBytesMax) throw new BodyTooLargeError(sizeBytesMax);
    onBytes?.(this.bytes.length);
    if (this.neverEnds)
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(abortReason(signal)), { once: true });
      });
    return this.bytes;
  }

  bodyStream(): Readable {
    return Readable.from([this.bytes]);
  }

  reply(code: number, headers: ReplyHeaders, body: Uint8Array | readonly Uint8Array[]): void {
    this.begin(code, headers);
    for (const part of body instanceof Uint8Array ? [body] : body) this.take(part);
  }

  stream(code: number, headers: ReplyHeaders): ResponseStream {
    this.begin(code, headers);
    return {
      write: (bytes) => {
        if (this.failsNow) throw new Error("as asked");
        this.take(bytes);
        return this.held === undefined;
      },
      bufferedBytes: 0,
      drained: () => this.held?.promise ?? Promise.resolve(),
      end: () => this.leave(),
      reset: () => this.leave(),
      signal: this.signal,
    };
  }

  /** The client does not read from now on. */
  hold(): void {
    this.held ??= Promise.withResolvers();
  }

  /** The client reads again. */
  release(): void {
    this.held?.resolve();
    this.held = undefined;
  }

  /** The client goes away. */
  leave(): void {
    this.release();
    this.left.abort(new ClientGoneError());
    this.wake();
  }

  /** Resolves once at least `count` lines were sent. */
  async lines(count: number): Promise<string[]> {
    for (;;) {
      if (this.linesSent >= count || this.signal.aborted) return this.sent.toString().split("\n").slice(0, -1);
      await new Promise<void>((resolve) => this.wakers.push(resolve));
    }
  }

  private take(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    for (const byte of bytes) if (byte === lineFeed) this.linesSent += 1;
    this.wake();
  }

  private begin(code: number, headers: ReplyHeaders): void {
    this.answered = true;
    this.code = code;
    this.replyHeaders = headers;
    this.wake();
  }

  private wake(): void {
    const woken = this.wakers;
    this.wakers = [];
    for (const resolve of woken) resolve();
  }
}
