/**
 * The Kubernetes port-forward protocol: every forwarded connection is a pair of streams, data and error. It comes as
 * SPDY, as SPDY inside a WebSocket (kubectl from 1.31), or as channels of a WebSocket with the ports in the request.
 */
import type { Duplex } from "node:stream";
import type { HttpClient } from "./http-client.ts";
import type { Exchange } from "./http.ts";
import { join } from "./join.ts";
import { acceptSpdy, dialSpdy, streamProtocol } from "./remote/spdy-upgrade.ts";
import { SpdyConnection, type SpdyStream } from "./spdy.ts";
import { acceptWebSocket, requestedProtocols, WebSocketBytes } from "./websocket.ts";
import { WebSocketChannels } from "./websocket/channels.ts";

export interface ForwardedPair {
  readonly port: number;
  readonly data: Duplex;
  /** Carries one message when the connection fails. */
  readonly error: Duplex;
}

export interface PortForward {
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  close(): void;
}

export interface PortForwardDial extends PortForward {
  open(port: number): ForwardedPair;
}

const tunnelProtocol = "SPDY/3.1+portforward.k8s.io";
const channelProtocols = ["v4.channel.k8s.io", "v4.base64.channel.k8s.io", ""];
// Streams whose other half has not come yet.
const halvesMax = 100;

export interface AcceptOptions {
  /** The ports of the request's query, which the WebSocket channels need. */
  readonly ports: readonly number[];
  readonly onPair: (pair: ForwardedPair) => void;
}

/** @throws UpgradeRefusedError while the exchange can still be answered. */
export async function acceptPortForward(exchange: Exchange, options: AcceptOptions): Promise<PortForward> {
  if (exchange.upgrade?.protocol !== "websocket") {
    return pairsOf(acceptSpdy(exchange, streamProtocol.portForward), options.onPair);
  }
  if (requestedProtocols(exchange).includes(tunnelProtocol)) {
    const { socket } = await acceptWebSocket(exchange, [tunnelProtocol]);
    return pairsOf(new SpdyConnection(new WebSocketBytes(socket), "server"), options.onPair);
  }
  return await acceptChannels(exchange, options);
}

/** Asks a container runtime or a kubelet to forward ports. */
export async function dialPortForward(
  client: HttpClient,
  options: { readonly target: string; readonly signal: AbortSignal },
): Promise<PortForwardDial> {
  const connection = await dialSpdy(client, { ...options, protocol: streamProtocol.portForward });
  let requests = 0;
  return {
    closed: connection.closed,
    close: () => connection.close(),
    open: (port) => {
      const headers = { port: String(port), requestid: String(requests++) };
      const error = connection.open({ ...headers, streamtype: "error" });
      return { port, error, data: connection.open({ ...headers, streamtype: "data" }) };
    },
  };
}

/** Joins a client's pair to the one a runtime opened for it, until both directions have ended or one breaks. */
export function bridgePair(client: ForwardedPair, runtime: ForwardedPair): void {
  join(client.data, runtime.data);
  runtime.error.pipe(client.error);
  client.error.resume();
  runtime.error.end();
}

function pairsOf(connection: SpdyConnection, onPair: (pair: ForwardedPair) => void): PortForward {
  const halves = new Map<string, SpdyStream>();
  connection.onStream = (stream) => {
    const { streamtype: type, port: portText = "" } = stream.headers;
    const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
    if (port < 1 || port > 65_535 || (type !== "data" && type !== "error")) {
      stream.destroy();
      return;
    }
    // Clients without request ids open the error stream first, and the data stream right after it.
    const request = stream.headers["requestid"] ?? String(type === "error" ? stream.id : stream.id - 2);
    const half = halves.get(request);
    if (!half && halves.size < halvesMax) {
      halves.set(request, stream);
      stream.once("close", () => halves.delete(request));
      return;
    }
    halves.delete(request);
    if (!half || half.headers["streamtype"] === type) {
      half?.destroy();
      stream.destroy();
      return;
    }
    onPair(type === "data" ? { port, data: stream, error: half } : { port, data: half, error: stream });
  };
  return { closed: connection.closed, close: () => connection.close() };
}

async function acceptChannels(exchange: Exchange, { ports, onPair }: AcceptOptions): Promise<PortForward> {
  const channels = new WebSocketChannels(await acceptWebSocket(exchange, channelProtocols));
  let open = ports.length;
  for (const [at, port] of ports.entries()) {
    const data = channels.open(at * 2);
    const error = channels.open(at * 2 + 1);
    // Each stream begins with its port, little end first.
    const greeting = Buffer.from([port & 0xff, port >> 8]);
    data.write(greeting);
    error.write(greeting);
    data.once("finish", () => {
      open -= 1;
      if (open === 0) channels.close();
    });
    onPair({ port, data, error });
  }
  return { closed: channels.closed, close: () => channels.close() };
}
