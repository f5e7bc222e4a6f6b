/** Switches a connection to SPDY/3.1 and agrees on the protocol spoken inside it, at both ends. */
import { textOf } from "#base/bytes.ts";
import type { HttpClient } from "../http-client.ts";
import type { Exchange } from "../http.ts";
import { SpdyConnection } from "../spdy.ts";
import { UpgradeRefusedError } from "../websocket.ts";

export const streamProtocol = { remoteCommand: "v4.channel.k8s.io", portForward: "portforward.k8s.io" } as const;
export type StreamProtocol = (typeof streamProtocol)[keyof typeof streamProtocol];

const versionHeader = "x-stream-protocol-version";
const refusalBytesMax = 64 * 1024;

/** @throws UpgradeRefusedError */
export function acceptSpdy(exchange: Exchange, protocol: StreamProtocol): SpdyConnection {
  const { upgrade } = exchange;
  if (upgrade?.protocol !== "spdy/3.1") {
    throw new UpgradeRefusedError("expected a request to switch to websocket or SPDY/3.1");
  }
  // Node joins the lines of a repeated header with commas.
  const offered = (exchange.header(versionHeader) ?? "").split(",").map((name) => name.trim());
  if (!offered.includes(protocol)) {
    throw new UpgradeRefusedError(`expected the stream protocol ${protocol}, found "${offered.join(", ")}"`);
  }
  const socket = upgrade.switchProtocols({ connection: "Upgrade", upgrade: "SPDY/3.1", [versionHeader]: protocol });
  return new SpdyConnection(socket, "server");
}

export interface SpdyDialOptions {
  readonly target: string;
  readonly protocol: StreamProtocol;
  readonly signal: AbortSignal;
}

/** @throws Error with the server's words when it refuses. */
export async function dialSpdy(client: HttpClient, options: SpdyDialOptions): Promise<SpdyConnection> {
  const { target, protocol, signal } = options;
  const headers = { upgrade: "SPDY/3.1", [versionHeader]: protocol };
  const answer = await client.upgrade({ method: "POST", target, headers, signal });
  if (answer.kind === "switched") return new SpdyConnection(answer.socket, "client");
  const text = textOf(await answer.reply.bytes(refusalBytesMax));
  throw new Error(`expected the server to switch to SPDY/3.1, found status ${answer.reply.status}: ${text}`);
}
