/**
 * One request, start to finish, in upstream's order: understand, authenticate, impersonate, take a seat, authorize,
 * answer. A line refuses by throwing a StatusError; this is the one place that catches it.
 */
import { messageOf } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";
import { status as statusShape } from "#machinery/meta.ts";
import { encodeObject } from "#machinery/protobuf.ts";
import { badRequest, internal, StatusError, unavailable } from "#machinery/status.ts";
import { StoreUnavailableError } from "#storage/store.ts";
import { ClientGoneError, type Exchange } from "#wire/http.ts";
import type { User } from "./access.ts";
import { authenticate, impersonate, refusal } from "./identify.ts";
import { mediaTypes, parseAccept } from "./negotiate.ts";
import { attributesOf, understand, type RequestInfo } from "./request-info.ts";
import type { SeatKind } from "./seats.ts";
import type { Server } from "./server.ts";
import { route } from "./route.ts";

/** One request that was let in. */
export interface Request {
  readonly exchange: Exchange;
  readonly info: RequestInfo;
  readonly user: User;
  /** Sentences for the person at the other end, sent as Warning headers. */
  readonly warnings: string[];
}

export async function answer(server: Server, exchange: Exchange): Promise<void> {
  const startMs = server.clock.monotonicMs();
  let info: RequestInfo | undefined;
  let code = 200;
  try {
    info = understand(exchange);
    const sender = await authenticate(exchange, server.authenticators, server.signal);
    const user = impersonate(exchange, sender, server.authorizer);
    const kind = seatOf(info);
    await server.seats.take(kind);
    try {
      const attributes = attributesOf(info, user);
      const decision = server.authorizer.authorize(attributes);
      if (decision.kind !== "allowed") throw refusal(attributes, decision.reason);
      code = await route(server, { exchange, info, user, warnings: [] });
    } finally {
      server.seats.leave(kind);
    }
  } catch (error) {
    code = refuse(server, exchange, error);
  }
  server.requestMetrics.note(info, code, server.clock.monotonicMs() - startMs);
}

const longSubresources = new Set(["proxy", "exec", "attach", "portforward", "log"]);

export function seatOf(info: RequestInfo): SeatKind {
  const { verb, resource, method } = info;
  if (verb === "watch" || (resource && longSubresources.has(resource.subresource))) return "long";
  return method === "GET" || method === "HEAD" ? "read" : "write";
}

/** Answers what was thrown, in the encoding the client reads. Returns the HTTP code. */
function refuse(server: Server, exchange: Exchange, thrown: unknown): number {
  if (thrown instanceof ClientGoneError || exchange.signal.aborted) return 499;
  const error = statusOf(thrown);
  if (error.code >= 500 && !(thrown instanceof StatusError))
    server.log.error("request failed", { method: exchange.method, path: exchange.path, error: messageOf(thrown) });
  if (exchange.answered) return error.code;
  const status = error.toStatus();
  const protobuf = wantsProtobuf(exchange);
  const body = protobuf
    ? encodeObject(statusShape, { ...status, kind: "Status", apiVersion: "v1" })
    : utf8(JSON.stringify(status));
  const type = protobuf ? mediaTypes.protobuf : mediaTypes.json;
  const challenge = error.code === 401 ? { "www-authenticate": 'Bearer realm="kubernetes"' } : {};
  const headers = { "content-type": type, "cache-control": "no-cache, private", ...challenge, ...error.headers };
  exchange.reply(error.code, headers, body);
  return error.code;
}

function wantsProtobuf(exchange: Exchange): boolean {
  const accept = exchange.header("accept");
  if (accept === undefined) return false;
  const first = parseAccept(accept).find(({ type }) => type === mediaTypes.protobuf || type === mediaTypes.json);
  return first?.type === mediaTypes.protobuf;
}

function statusOf(thrown: unknown): StatusError {
  if (thrown instanceof StatusError) return thrown;
  if (thrown instanceof StoreUnavailableError) return unavailable(messageOf(thrown));
  if (thrown instanceof RangeError && thrown.message.includes("call stack"))
    return badRequest("expected an object that is not so deeply nested");
  return internal(messageOf(thrown));
}
