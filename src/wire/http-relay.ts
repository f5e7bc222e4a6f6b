/** Passes a request on to another server and its reply back, switched protocols included. */
import type { HttpClient, HttpReply, HttpRequest } from "./http-client.ts";
import type { Exchange, ReplyHeaders, RequestHeaders, ResponseStream, Upgrade } from "./http.ts";
import { join } from "./join.ts";
import { webSocketMessages } from "./websocket.ts";

export interface RelayOptions {
  readonly client: HttpClient;
  /** Path and query at the other server. */
  readonly target: string;
  /** Headers that replace those of the request; undefined leaves one out. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Changes the headers of the reply before they go back. */
  readonly replyHeaders?: (headers: ReplyHeaders) => ReplyHeaders;
  /** Changes the body of the reply; gets the reply's own headers. */
  readonly replyBody?: (body: AsyncIterable<Uint8Array>, headers: ReplyHeaders) => AsyncIterable<Uint8Array>;
  /** What is thrown in place of a reply that is no success; without it, such a reply is passed back like any other. */
  readonly refusal?: (status: number, text: string) => Error;
  /** A client that asks for a WebSocket gets the reply's body as messages; the other server knows nothing of it. */
  readonly asMessages?: boolean;
  /** The reply goes on for as long as the client wants: it is broken off when this server's port closes. */
  readonly isEndless?: boolean;
}

const refusalBytesMax = 50_000;

// Headers that are about one connection, not about the message (RFC 9110, section 7.6.1).
const connectionHeaders = new Set([
  "connection",
  "expect",
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

/** Resolves when the reply is through. @throws Error when the other server gave none; nothing was answered then. */
export async function relay(exchange: Exchange, options: RelayOptions): Promise<void> {
  if (exchange.upgrade && options.asMessages !== true) {
    await relayUpgrade(exchange, exchange.upgrade, options);
    return;
  }
  const { method } = exchange;
  const signal = options.isEndless ? AbortSignal.any([exchange.signal, exchange.closing]) : exchange.signal;
  const body = hasBody(exchange) ? { body: exchange.bodyStream() } : {};
  const request: HttpRequest = {
    method,
    target: options.target,
    headers: requestHeaders(exchange, options),
    signal,
    ...body,
  };
  await passBack(exchange, await options.client.request(request), options);
}

async function relayUpgrade(exchange: Exchange, upgrade: Upgrade, options: RelayOptions): Promise<void> {
  const { method, closing } = exchange;
  const signal = AbortSignal.any([exchange.signal, closing]);
  const headers = { ...requestHeaders(exchange, options), upgrade: upgrade.protocol };
  const answer = await options.client.upgrade({ method, target: options.target, headers, signal });
  if (answer.kind === "refused") {
    // Upstream's rule and words (CVE-2020-8559): no redirection leads a client that asked for a session elsewhere.
    if (answer.reply.status < 400) {
      answer.reply.body.destroy();
      throw new Error(`invalid upgrade response: status code ${answer.reply.status}`);
    }
    await passBack(exchange, answer.reply, options);
    return;
  }
  const { upgrade: protocol = upgrade.protocol } = answer.headers;
  const near = upgrade.switchProtocols({ ...plainHeaders(answer.headers), connection: "Upgrade", upgrade: protocol });
  join(near, answer.socket);
  const cut = (): void => void near.destroy();
  if (closing.aborted) cut();
  closing.addEventListener("abort", cut, { once: true });
  near.once("close", () => closing.removeEventListener("abort", cut));
  await new Promise<void>((resolve) => near.once("close", resolve));
}

/** Copies the reply as it comes, no faster than the client takes it. */
async function passBack(exchange: Exchange, reply: HttpReply, options: RelayOptions): Promise<void> {
  const { replyHeaders, refusal } = options;
  if (refusal && reply.status > 299) throw refusal(reply.status, await startOf(reply));
  if (exchange.upgrade && options.asMessages === true) {
    await copyBody(reply.body, await webSocketMessages(exchange, "bytes"));
    return;
  }
  const plain = plainHeaders(reply.headers);
  const headers = replyHeaders?.(plain) ?? plain;
  if (exchange.method === "HEAD" || reply.status === 204 || reply.status === 304) {
    reply.body.resume();
    exchange.reply(reply.status, headers, new Uint8Array());
    return;
  }
  const body = options.replyBody?.(reply.body, plain) ?? reply.body;
  await copyBody(body, exchange.stream(reply.status, headers));
}

/** @param body Without an encoding, so that its chunks are bytes. */
async function copyBody(body: AsyncIterable<Uint8Array>, stream: ResponseStream): Promise<void> {
  try {
    for await (const chunk of body) if (!stream.write(chunk)) await stream.drained();
    stream.end();
  } catch {
    // The head is gone out; a broken reply is all the client can be told.
    stream.reset();
  }
}

async function startOf(reply: HttpReply): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of reply.body) {
    // The body has no encoding set, so its chunks are bytes.
    chunks.push(chunk as Uint8Array);
    sizeBytes += (chunk as Uint8Array).length;
    if (sizeBytes >= refusalBytesMax) break;
  }
  return Buffer.concat(chunks).subarray(0, refusalBytesMax).toString();
}

function requestHeaders(exchange: Exchange, options: RelayOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...plainHeaders(exchange.headers), ...options.headers })) {
    if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(", ");
  }
  return headers;
}

function plainHeaders(headers: RequestHeaders): Record<string, string | readonly string[]> {
  const plain: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(":") && !connectionHeaders.has(name)) plain[name] = value;
  }
  return plain;
}

function hasBody({ headers, protocol, method }: Exchange): boolean {
  if (headers["content-length"] !== undefined) return headers["content-length"] !== "0";
  // HTTP/2 need not announce a body.
  return protocol === "h2" ? method !== "GET" && method !== "HEAD" : headers["transfer-encoding"] !== undefined;
}
