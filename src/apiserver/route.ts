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
  const { deprecation } = served.definition;
  if (deprecation !== undefined) request.warnings.push(deprecation);
  return path.subresource === ""
    ? answerResource(server, request, { served, path })
    : answerSubresource(server, request, { served, path });
}

/** False for a path that says a namespace where there is none, or none where there must be one. */
function isPlaced({ definition }: Served, { namespace, name, resource }: ResourcePath): boolean {
  if (!definition.namespaced) return namespace === "" || resource === "namespaces";
  return namespace !== "" || name === "" || !definition.verbs.includes("get");
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
