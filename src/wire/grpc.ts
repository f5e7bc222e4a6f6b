/**
 * gRPC over Node's own HTTP/2: calls with one request and one answer, or a stream of answers. Messages are bytes here;
 * message.ts turns them into objects.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import { connect as connectHttp2, constants, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import { once } from "node:events";
import { messageOf } from "#base/assert.ts";
import { abortReason } from "#base/clock.ts";

export const grpcStatus = {
  ok: 0,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

// A list of 5,000 containers has about 10 MB.
const messageBytesMax = 64 * 1024 * 1024;
const prefixBytes = 5;

/** A call that the server refused, or that did not reach it (`unavailable`). */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  /** One of gRPC's status codes, above 0. */
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A connection to a gRPC server at a Unix socket; made by the first call, and again after it was lost. */
export class GrpcClient implements Disposable {
  private readonly socketPath: string;
  private session: ClientHttp2Session | undefined;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /**
   * @param method `/package.Service/Method`.
   * @throws GrpcError, or the signal's reason once it is aborted.
   */
  async unary(method: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    let answer: Uint8Array | undefined;
    for await (const message of this.stream(method, request, signal)) answer = message;
    if (!answer) throw new GrpcError(grpcStatus.internal, `${method}: expected an answer, found none`);
    return answer;
  }

  /** The answers of a call, as they come. Leaving the iteration cancels the call. Throws like `unary`. */
  async *stream(method: string, request: Uint8Array, signal: AbortSignal): AsyncIterableIterator<Uint8Array> {
    if (signal.aborted) throw abortReason(signal);
    const call = this.connected().request({
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
    });
    let status: IncomingHttpHeaders = {};
    call.on("response", (headers) => (status = headers));
    call.on("trailers", (headers) => (status = headers));
    const cancel = (): void => {
      call.close(constants.NGHTTP2_CANCEL);
      // Closing alone waits for what was read ahead; whoever waits for an answer shall stop waiting.
      call.destroy(signal.aborted ? abortReason(signal) : undefined);
    };
    signal.addEventListener("abort", cancel, { once: true });
    const closed = once(call, "close").catch(() => undefined);
    try {
      call.end(framed(request));
      yield* messagesOf(call);
      await closed;
    } catch (error) {
      if (signal.aborted) throw abortReason(signal);
      if (error instanceof GrpcError) throw error;
      throw new GrpcError(grpcStatus.unavailable, `no answer from ${this.socketPath}: ${messageOf(error)}`, {
        cause: error,
      });
    } finally {
      signal.removeEventListener("abort", cancel);
      if (!call.destroyed) cancel();
    }
    if (signal.aborted) throw abortReason(signal);
    throwUnlessOk(method, status);
  }

  /** Resolves when the connection, which is made if there is none, is lost, or the signal is aborted. */
  async lost(signal: AbortSignal): Promise<void> {
    const session = this.connected();
    if (signal.aborted || session.destroyed) return;
    await new Promise<void>((resolve) => {
      session.once("close", resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Closes the connection; calls that are under way fail. A later call connects anew. */
  [Symbol.dispose](): void {
    this.session?.destroy();
    this.session = undefined;
  }

  private connected(): ClientHttp2Session {
    if (this.session && !this.session.closed && !this.session.destroyed) return this.session;
    const session = connectHttp2("http://localhost", { createConnection: () => connectSocket(this.socketPath) });
    // Every call learns of the failure by itself.
    session.on("error", () => undefined);
    this.session = session;
    return session;
  }
}

/** Cuts the stream into messages: each is led by a byte (1: compressed) and its length. */
async function* messagesOf(chunks: AsyncIterable<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let wantedBytes = prefixBytes;
  for await (const chunk of chunks) {
    waiting.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    waitingBytes += chunk.length;
    while (waitingBytes >= wantedBytes) {
      const bytes = Buffer.concat(waiting);
      const length = bytes.readUInt32BE(1);
      if (bytes[0] !== 0)
        throw new GrpcError(grpcStatus.unimplemented, "expected a plain message, found a compressed one");
      if (length > messageBytesMax)
        throw new GrpcError(
          grpcStatus.resourceExhausted,
          `expected a message of at most ${messageBytesMax} bytes, found ${length}`,
        );
      wantedBytes = prefixBytes + length;
      if (bytes.length >= wantedBytes) {
        yield bytes.subarray(prefixBytes, wantedBytes);
        waiting = [bytes.subarray(wantedBytes)];
        waitingBytes = bytes.length - wantedBytes;
        wantedBytes = prefixBytes;
      } else waiting = [bytes];
    }
  }
}

function framed(message: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function throwUnlessOk(method: string, status: IncomingHttpHeaders): void {
  const code = status["grpc-status"];
  if (code === undefined)
    throw new GrpcError(
      grpcStatus.unavailable,
      `${method}: expected a gRPC status, found HTTP status ${String(status[":status"] ?? "none")}`,
    );
  if (code === "0") return;
  throw new GrpcError(Number(code), unescaped(String(status["grpc-message"] ?? "no message")));
}

/** The message is percent-encoded; one that is not is shown as it is. */
function unescaped(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
