/** From a request that was let in to who answers it. */
import { utf8 } from "#base/bytes.ts";
import { StatusError } from "#machinery/status.ts";
import type { Exchange } from "#wire/http.ts";
import { answerResource } from "./answer-resource.ts";
import type { Request } from "./pipeline.ts";
import type { Served } from "./registry.ts";
import type { ResourcePath } from "./request-info.ts";
import type { Server } from "./server.ts";
import { answerSubresource } from "./answer-subresource.ts";

/** Answers the request. Returns the HTTP code. @throws StatusError */
export async function route(server: Server, request: Request): Promise<number> {
  const { info, exchange, user } = request;
  const path = info.resource;
  if (!path) return answerPath(server, request);
  const delegate = server.delegates.get(`${path.group}/${path.version}`);
  if (delegate) {
    await delegate(exchange, info, user);
    return 200;
  }
  const served = server.registry.find(path.group, path.version, path.resource);
  if (!served || !isPlaced(served, path)) return pageNotFound(exchange);
  if (info.verb === "watch" && !reading.has(info.method)) throw notAllowed();
  const { deprecation } = served.definition;
  if (deprecation !== undefined) request.warnings.push(deprecation);
  if (path.subresource !== "") return answerSubresource(server, request, { served, path });
  if (served.definition.namespaced && !path.inNamespace && !acrossNamespaces.has(info.verb)) throw notAllowed();
  return answerResource(server, request, { served, path });
}

const reading = new Set(["GET", "HEAD"]);
// Everything else happens in one namespace.
const acrossNamespaces = new Set(["list", "watch"]);

/**
 * True for the paths a resource has. An object in a namespace is reached through it and only a collection without; what
 * is in no namespace is never reached through one, since rights in that namespace would count for it.
 */
function isPlaced({ definition, subresources }: Served, path: ResourcePath): boolean {
  const { isServed, inNamespace, namespace, name, subresource, rest } = path;
  if (!isServed) return false;
  if (rest !== "" && subresources.get(subresource)?.kind !== "connect") return false;
  if (subresource !== "" && name === "") return false;
  if (!definition.namespaced) return !inNamespace;
  return inNamespace ? namespace !== "" : name === "";
}

async function answerPath(server: Server, request: Request): Promise<number> {
  const { info, exchange, user } = request;
  const [, first = "", group = "", version = ""] = info.path.split("/");
  const delegate = first === "apis" && version !== "" ? server.delegates.get(`${group}/${version}`) : undefined;
  const answer = delegate ?? server.paths.find(info.path);
  if (!answer) return pageNotFound(exchange);
  if (!delegate && info.method !== "GET" && info.method !== "HEAD") throw notAllowed();
  await answer(exchange, info, user);
  return 200;
}

export function pageNotFound(exchange: Exchange): number {
  exchange.reply(404, { "content-type": "text/plain; charset=utf-8" }, utf8("404 page not found\n"));
  return 404;
}

export function notAllowed(): StatusError {
  return new StatusError({
    code: 405,
    reason: "MethodNotAllowed",
    message: "the server does not allow this method on the requested resource",
    details: {},
  });
}
