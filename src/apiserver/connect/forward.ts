/** Hands a request on to another HTTP server and its answer back, streams and switched protocols included. */
import type { Duplex } from "node:stream";
import { messageOf } from "#base/assert.ts";
import { unavailable } from "#machinery/status.ts";
import type { HttpClient, HttpReply } from "#wire/http-client.ts";
import type { Exchange } from "#wire/http.ts";

// Headers of one connection, and credentials that were meant for this server.
const notForwarded = new Set([
  "authorization",
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export interface Destination {
  readonly client: HttpClient;
  /** Path and query there. */
  readonly target: string;
  /** Further headers, which win. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Changes the headers of the answer, e.g. where it redirects to. */
  readonly rewrite?: (headers: Record<string, string | readonly string[]>) => void;
}

/** @throws StatusError 503 when the other server cannot be reached. */
export async function forward(exchange: Exchange, destination: Destination): Promise<void> {
  const headers = { ...forwardedHeaders(exchange), ...destination.headers };
  if (exchange.upgrade) return forwardUpgrade(exchange, destination, headers);
  const { method, signal } = exchange;
  const hasBody = method !== "GET" && method !== "HEAD" && method !== "DELETE";
  const hasLength =
    exchange.header("content-length") !== undefined || exchange.header("transfer-encoding") !== undefined;
  const body = hasBody || hasLength ? { body: exchange.bodyStream() } : {};
  const { client, target } = destination;
  const reply = await client.request({ method, target, headers, signal, ...body }).catch(unreachable);
  await copyReply(exchange, reply, destination);
}

function unreachable(error: unknown): never {
  throw unavailable(`error trying to reach service: ${messageOf(error)}`);
}

function forwardedHeaders(exchange: Exchange): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(exchange.headers)) {
    if (value === undefined || name.startsWith(":") || notForwarded.has(name)) continue;
    if (name.startsWith("impersonate-") || name.startsWith("x-remote-")) continue;
    headers[name] = typeof value === "string" ? value : value.join(", ");
  }
  headers["x-forwarded-for"] = exchange.remoteAddress;
  return headers;
}

async function copyReply(exchange: Exchange, reply: HttpReply, { rewrite }: Destination): Promise<void> {
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(reply.headers))
    if (value !== undefined && !name.startsWith(":") && !notForwarded.has(name)) headers[name] = value;
  rewrite?.(headers);
  const stream = exchange.stream(reply.status, headers);
  try {
    for await (const chunk of reply.body as AsyncIterable<Uint8Array>) if (!stream.write(chunk)) await stream.drained();
    stream.end();
  } catch {
    // The other side broke off: let the client notice, too.
    stream.reset();
  }
}

async function forwardUpgrade(
  exchange: Exchange,
  destination: Destination,
  headers: Record<string, string>,
): Promise<void> {
  const { upgrade, signal, method } = exchange;
  if (!upgrade) return;
  const { client, target } = destination;
  const asked = { ...headers, upgrade: upgrade.protocol };
  const answer = await client.upgrade({ method, target, headers: asked, signal }).catch(unreachable);
  if (answer.kind === "refused") return copyReply(exchange, answer.reply, destination);
  const kept: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) kept[name] = value;
  join(upgrade.switchProtocols(kept), answer.socket);
}

/** Copies bytes both ways until both sides are done; a failure of one ends the other. */
function join(a: Duplex, b: Duplex): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}
