/**
 * One request, start to finish: understand, authenticate, impersonate, authorize, read the body, take a seat, answer. A
 * line refuses by throwing a StatusError; this is the one place that catches it.
 *
 * Differs from upstream: a seat is taken after the authorization, which waits for nobody, and after the body, for which
 * one would wait for the client.
 */
import { messageOf } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";
import { status as statusShape } from "#machinery/meta.ts";
import { encodeObject } from "#machinery/protobuf.ts";
import { badRequest, internal, StatusError, tooManyRequests, unavailable } from "#machinery/status.ts";
import { StoreUnavailableError } from "#storage/store.ts";
import { ClientGoneError, type Exchange } from "#wire/http.ts";
import type { User } from "./access.ts";
import { authenticate, impersonate, refusal } from "./identify.ts";
import { mediaTypes, parseAccept } from "./negotiate.ts";
import { attributesOf, understand, type RequestInfo } from "./request-info.ts";
import { noBody, readBody } from "./body.ts";
import { ownerOf, type SeatKind } from "./seats.ts";
import type { Server } from "./server.ts";
import { route } from "./route.ts";
import { Term, timeoutMsOf } from "./term.ts";

/**
 * Path and query. Differs from upstream, which takes a megabyte: a query is read before anybody is asked who sent it.
 */
export const targetBytesMax = 64 * 1024;
// Reading a longer one, and the selectors in it, takes milliseconds.
const shortTargetBytes = 4 * 1024;

/** One request that was let in. */
export interface Request {
  readonly exchange: Exchange;
  readonly info: RequestInfo;
  readonly user: User;
  /** The whole body, of requests to resources that have one. */
  readonly body: Uint8Array;
  /** Sentences for the person at the other end, sent as Warning headers. */
  readonly warnings: string[];
  /** Aborted when the client leaves or the request's time is over. Made on demand: a signal costs more than most requests. */
  readonly signal: AbortSignal;
  /** What was worked out is being sent, for as long as the client takes to read it. @throws StatusError 429 */
  readonly sending: () => void;
}

export async function answer(server: Server, exchange: Exchange): Promise<void> {
  const startMs = server.clock.monotonicMs();
  let info: RequestInfo | undefined;
  let code = 200;
  try {
    checkTarget(exchange);
    if (exchange.target.length > shortTargetBytes) await server.turns.next();
    info = understand(exchange);
    const sender = await authenticate(exchange, server.authenticators, server.signal);
    const user = impersonate(exchange, sender, server.authorizer);
    const attributes = attributesOf(info, user);
    const decision = server.authorizer.authorize(attributes);
    if (decision.kind !== "allowed") throw refusal(attributes, decision.reason);
    code = await answerAllowed(server, exchange, { info, user });
  } catch (error) {
    code = refuse(server, exchange, error);
  }
  server.requestMetrics.note(info, code, server.clock.monotonicMs() - startMs);
}

async function answerAllowed(
  server: Server,
  exchange: Exchange,
  { info, user }: { readonly info: RequestInfo; readonly user: User },
): Promise<number> {
  const kind = seatOf(info);
  const owner = isHealth(info) ? { level: "health" as const, name: exchange.remoteAddress } : ownerOf(user);
  const isLong = kind === "watch" || kind === "connection";
  using term = new Term(server.clock, isLong ? undefined : timeoutMsOf(info), () => exchange.signal);
  const signal = (): AbortSignal => term.signal;
  exchange.owner = `${owner.level} ${owner.name}`;
  using body = hasBody(info) ? await readBody(server, exchange, { owner, signal: term.signal }) : noBody;
  using seat = await server.seats.take(kind, owner, signal);
  // Who has not read what was answered before gets nothing to hold in memory beside it.
  if (exchange.isOverdrawn && owner.level === "others")
    throw tooManyRequests("Too many replies wait to be read, please read them first.");
  const sending = (): void => {
    if (!isLong) seat.become("sending");
    term.lift();
  };
  const request: Request = {
    exchange,
    info,
    user,
    body: body.bytes,
    warnings: [],
    sending,
    get signal() {
      return term.signal;
    },
  };
  return await term.within(route(server, request));
}

/** Before anything is read of it, and before anybody is asked who sent it. @throws StatusError 414 */
function checkTarget({ target }: Exchange): void {
  if (target.length <= targetBytesMax) return;
  const message = `expected a path and query of at most ${targetBytesMax} bytes, found ${target.length}`;
  throw new StatusError({ code: 414, reason: "RequestURITooLong", message });
}

const connecting = new Set(["proxy", "exec", "attach", "portforward", "log"]);

export function seatOf(info: RequestInfo): SeatKind {
  const { verb, resource, method } = info;
  if (verb === "watch") return "watch";
  if (resource && connecting.has(resource.subresource)) return "connection";
  return method === "GET" || method === "HEAD" ? "read" : "write";
}

const writing = new Set(["create", "update", "patch", "delete", "deletecollection"]);

function hasBody({ verb, resource }: RequestInfo): boolean {
  return resource !== undefined && writing.has(verb) && !connecting.has(resource.subresource);
}

function isHealth({ path }: RequestInfo): boolean {
  const [, first] = path.split("/", 2);
  return first === "livez" || first === "readyz" || first === "healthz";
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
