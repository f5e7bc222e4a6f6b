/** WebSockets (RFC 6455) over an exchange: the handshake, one as a stream of bytes, and one as a row of messages. */
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Exchange, ResponseStream } from "./http.ts";

/** A request to switch protocols that cannot be granted. Nothing has been answered yet. */
export class UpgradeRefusedError extends Error {
  override readonly name = "UpgradeRefusedError";
}

export interface AcceptedWebSocket {
  readonly socket: WebSocket;
  /** One of those that were offered. */
  readonly protocol: string;
}

const messageBytesMax = 32 * 1024 * 1024;

/** The protocols a WebSocket client asks for, in its order of preference. */
export function requestedProtocols(exchange: Exchange): string[] {
  return (exchange.header("sec-websocket-protocol") ?? "")
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "");
}

/**
 * Answers a WebSocket request with the first of the client's protocols that is ours too. A client that names none asks
 * for "".
 *
 * @throws UpgradeRefusedError when it is no WebSocket request, or none of its protocols is ours.
 */
export async function acceptWebSocket(exchange: Exchange, protocols: readonly string[]): Promise<AcceptedWebSocket> {
  const { upgrade } = exchange;
  if (upgrade?.protocol !== "websocket") throw new UpgradeRefusedError("expected a request to switch to websocket");
  const requested = requestedProtocols(exchange);
  const protocol = (requested.length > 0 ? requested : [""]).find((name) => protocols.includes(name));
  if (protocol === undefined) {
    throw new UpgradeRefusedError(
      `expected one of the WebSocket protocols ${protocols.join(", ")}, found "${requested.join(", ")}"`,
    );
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(exchange.header("sec-websocket-key") ?? "")) {
    throw new UpgradeRefusedError("expected a Sec-WebSocket-Key header of 16 bytes in base64");
  }
  if (exchange.header("sec-websocket-version") !== "13") {
    throw new UpgradeRefusedError(`expected WebSocket version 13, found "${exchange.header("sec-websocket-version")}"`);
  }
  // Loaded when the first one comes: most requests are none.
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: messageBytesMax,
  });
  // ws would refuse the slash in kubectl's "SPDY/3.1+portforward.k8s.io", so it does not see the protocols.
  delete upgrade.request.headers["sec-websocket-protocol"];
  if (protocol !== "") server.on("headers", (lines) => lines.push(`Sec-WebSocket-Protocol: ${protocol}`));
  const socket = await new Promise<WebSocket>((resolve) => {
    server.handleUpgrade(upgrade.request, upgrade.take(), upgrade.head, resolve);
  });
  // The close that follows every error is what is listened for.
  socket.on("error", () => undefined);
  return { socket, protocol };
}

/** A WebSocket whose binary messages are one stream of bytes; message borders mean nothing. */
export class WebSocketBytes extends Duplex {
  private readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    super();
    this.socket = socket;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Buffer) => {
      if (!this.push(data)) socket.pause();
    });
    socket.once("close", () => {
      this.push(null);
      this.destroy();
    });
  }

  override _read(): void {
    if (this.socket.isPaused) this.socket.resume();
  }

  override _write(data: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(data, { binary: true }, done);
    else done(new Error("expected an open WebSocket, found a closed one"));
  }

  override _final(done: (error?: Error | null) => void): void {
    this.socket.close(1000);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (error) this.socket.terminate();
    else this.socket.close(1000);
    // ws waits for the peer's close itself, for a limited time; a paused socket would never see it.
    if (this.socket.isPaused) this.socket.resume();
    done(error);
  }
}

const messageProtocols = ["", "binary.k8s.io", "base64.binary.k8s.io"];
const highWaterBytes = 256 * 1024;

/**
 * A reply as WebSocket messages, one for each write; what the client sends is ignored. Kubernetes offers it for
 * everything it streams: logs as bytes, watches as text.
 *
 * @throws UpgradeRefusedError
 */
export async function webSocketMessages(exchange: Exchange, kind: "bytes" | "text"): Promise<ResponseStream> {
  const { socket, protocol } = await acceptWebSocket(exchange, messageProtocols);
  const base64 = protocol.startsWith("base64.");
  const { signal } = exchange;
  socket.on("message", () => undefined);
  return {
    signal,
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    write: (bytes) => {
      const message = base64 ? Buffer.from(bytes).toString("base64") : bytes;
      if (socket.readyState === socket.OPEN) socket.send(message, { binary: kind === "bytes" && !base64 });
      return socket.bufferedAmount < highWaterBytes;
    },
    drained: () =>
      new Promise((resolve) => {
        // An empty ping is written after all that waits.
        if (socket.readyState === socket.OPEN) socket.ping(undefined, undefined, () => resolve());
        else resolve();
      }),
    end: () => socket.close(1000),
    reset: () => socket.terminate(),
  };
}
