/**
 * What one HTTP request looks like to those who answer it, the same for HTTP/2 and HTTP/1.1. `http-server.ts` makes
 * exchanges, `http-client.ts` is the other end.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";

/** Limits of one listening port. Those that upstream has too have upstream's value. */
export const httpLimits = {
  /** Request line and headers together. Upstream takes a megabyte, of anybody. */
  headerBytes: 128 * 1024,
  /** What `body` takes when the caller has no reason for another value. */
  bodyBytes: 3 * 1024 * 1024,
  /** Streams a client may have open on one HTTP/2 connection. */
  concurrentStreams: 250,
  /** Unread request bytes a client may have under way on one HTTP/2 stream. */
  streamWindowBytes: 256 * 1024,
  /** The same on all streams of one HTTP/2 connection. */
  connectionWindowBytes: 4 * 1024 * 1024,
  /** Requests of one HTTP/2 connection whose streams are over and which somebody still works at; then new ones are refused. */
  abandonedRequests: 250,
  /** HEADERS and CONTINUATION frames of one header block. */
  headerFrames: 32,
  /** Streams this side broke off, of which the rest may still come, remembered by an HTTP/2 connection. */
  brokenStreams: 1_000,
  /** What waits in one HTTP/2 connection's socket before its streams keep theirs, and before it is heard again. */
  outputBytes: 64 * 1024,
  /** Open connections, and those of one remote address; further ones are closed at once. */
  connections: 10_000,
  connectionsOfAddress: 2_000,
  /** Replies that wait for their readers: of one connection, of one owner, of all. Beyond it `isOverdrawn` says so. */
  unreadBytesOfConnection: 32 * 1024 * 1024,
  unreadBytesOfOwner: 64 * 1024 * 1024,
  unreadBytesOfAll: 256 * 1024 * 1024,
  /** A reply of which nothing left for so long is broken off. Looked at now and then. */
  unreadMs: 60_000,
  unreadLookMs: 5_000,
  /** What waits in a reply that is written piece by piece before its writer is told to wait. */
  pieceBytes: 32 * 1024,
  /** From the connection to the end of the TLS handshake. */
  handshakeMs: 10_000,
  /** Handshakes of one remote address at once, and how long one may take while others of it wait. */
  handshakesOfAddress: 128,
  handshakeAmongOthersMs: 2_000,
  /** From the first byte of a request to the end of its headers: what stops a slow sender. */
  headersMs: 32_000,
  /** A connection without a request is closed after this time. */
  idleMs: 90_000,
  /** A larger reply is compressed for a client that takes gzip. */
  gzipFromBytes: 128 * 1024,
  /** HTTP/2 streams a client may reset, or have reset, at once and then a second; other floods: http2/floods.ts. */
  streamResetsAtOnce: 5_000,
  streamResetsPerSecond: 1_000,
} as const;

/** Names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;
/** Names in lower case. */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>;

/** The certificate a client proved to own, signed by the server's client CA. */
export interface PeerCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** SHA-256 of the certificate in DER, in lower-case hexadecimal. */
  readonly fingerprint: string;
  readonly notAfterMs: number;
  /** The certificate in DER. */
  readonly raw: Uint8Array;
}

export interface Exchange {
  readonly protocol: "h1" | "h2";
  readonly method: string;
  /** As it was sent, still escaped: "/api/v1/pods?watch=1". */
  readonly target: string;
  /** The target up to its question mark. */
  readonly path: string;
  /** The target after its question mark, or "". */
  readonly query: string;
  readonly headers: RequestHeaders;
  readonly remoteAddress: string;
  /** Whose share replies that nobody reads are counted to; the connection's address until it is set. */
  owner: string;
  /** True while too much waits to be read by this connection, this owner or all. */
  readonly isOverdrawn: boolean;
  /** True once `reply`, `stream` or an upgrade began. */
  readonly answered: boolean;
  /** Aborted when the client went away or the reply is complete. */
  readonly signal: AbortSignal;
  /** Aborted when the port closes: an answer that has no end of its own ends then, all others are waited for a moment. */
  readonly closing: AbortSignal;
  /** Present when the client asked for another protocol on this connection. */
  readonly upgrade: Upgrade | undefined;

  /** A header's value, the first one of several. The name is in lower case. */
  header(name: string): string | undefined;
  /** Undefined without a client certificate and with one that the client CA did not sign. */
  peerCertificate(): PeerCertificate | undefined;
  /** Why the certificate the client showed was refused; undefined when it showed none or a good one. */
  peerCertificateRefusal(): string | undefined;
  /**
   * The whole body. May be called once.
   *
   * @param onBytes Told the size of each piece as it comes; what it throws ends the reading.
   * @throws BodyTooLargeError when it has more than `sizeBytesMax` bytes; a reply may still be sent.
   */
  body(sizeBytesMax: number, signal: AbortSignal, onBytes?: (sizeBytes: number) => void): Promise<Uint8Array>;
  /** The body as it comes. May be called once, instead of `body`. */
  bodyStream(): Readable;
  /** Sends a complete reply. Does nothing when the client is gone. The body may not be changed afterwards. */
  reply(code: number, headers: ReplyHeaders, body: Uint8Array | readonly Uint8Array[]): void;
  /** Sends the head of a reply whose body follows piece by piece. */
  stream(code: number, headers: ReplyHeaders): ResponseStream;
}

/** A reply that is written piece by piece. Pieces of one turn of the event loop travel together. */
export interface ResponseStream {
  /** Takes the bytes in any case, until the end. False when the client does not keep up: see `drained`. */
  write(bytes: Uint8Array): boolean;
  /** What was written and has not left this process. */
  readonly bufferedBytes: number;
  /** Resolves when writing makes sense again, or the stream is over. */
  drained(): Promise<void>;
  end(): void;
  /** Breaks the reply off so that the client notices. */
  reset(): void;
  /** Aborted when the client went away or the reply is complete. */
  readonly signal: AbortSignal;
}

/** An HTTP/1.1 request to switch protocols. `switchProtocols` or the exchange's `reply` may be used, not both. */
export interface Upgrade {
  /** The Upgrade header in lower case: "websocket" or "spdy/3.1". */
  readonly protocol: string;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes that came after the request's head. */
  readonly head: Buffer;
  /** Sends 101 with these headers and hands the connection over, `head` put back into it. */
  switchProtocols(headers: ReplyHeaders): Duplex;
  /** Hands the connection over without a word, for protocols that answer themselves; `head` is the taker's to read. */
  take(): Duplex;
}

export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
  readonly sizeBytesMax: number;

  constructor(sizeBytesMax: number) {
    super(`expected a body of at most ${sizeBytesMax} bytes, found a larger one`);
    this.sizeBytesMax = sizeBytesMax;
  }
}

/** The client went away before its request was complete. */
export class ClientGoneError extends Error {
  override readonly name = "ClientGoneError";

  constructor() {
    super("expected the rest of the request body, found that the client went away");
  }
}
