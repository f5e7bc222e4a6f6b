/** Requests to subresources over HTTP. */
import { own } from "#base/own.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { scales, scaleShape, type Scale } from "#resources/autoscaling/scale-v1.ts";
import {
  callOf,
  headersOf,
  readPatchBody,
  renderingOf,
  replace,
  replyObject,
  replyWritten,
  writeCallOf,
  type Place,
} from "./answer-resource.ts";
import { expectedOf, readJson } from "./body.ts";
import { bodyEncoding } from "./negotiate.ts";
import type { Request } from "./pipeline.ts";
import type { Served } from "./registry.ts";
import { contentTypeOf, encodeJson, encodingsOf } from "./render.ts";
import { notAllowed, pageNotFound } from "./route.ts";
import { shown } from "./registry.ts";
import type { Server } from "./server.ts";
import type { ConnectSubresource, PartSubresource, PostSubresource } from "./subresource.ts";
import { patchedScale, scaleOf, scalePathsOf, setScale } from "./subresources/scale.ts";
import { decodeDraft } from "./verbs/decode.ts";
import { get } from "./verbs/get.ts";
import { patch } from "./verbs/patch.ts";

/** Returns the HTTP code. @throws StatusError */
export async function answerSubresource(server: Server, request: Request, place: Place): Promise<number> {
  const { served, path } = place;
  const subresource = served.subresources.get(path.subresource);
  if (!subresource) return pageNotFound(request.exchange);
  switch (subresource.kind) {
    case "part":
      return answerPart(server, request, { place, subresource });
    case "scale":
      return answerScale(server, request, place);
    case "post":
      return answerPost(server, request, { place, subresource });
    case "connect":
      return answerConnect(server, request, { place, subresource });
  }
}

async function answerPart(
  server: Server,
  request: Request,
  { place, subresource }: { place: Place; subresource: PartSubresource },
): Promise<number> {
  const { served } = place;
  const { verb } = request.info;
  const rendering = renderingOf(server, request, served);
  if (!subresource.verbs.some((each) => each === verb)) throw notAllowed();
  if (verb === "get") {
    const object = await get(callOf(request, place), request.info.query.get("resourceVersion") ?? "");
    return replyObject(request, rendering, { code: 200, object });
  }
  if (verb === "patch") {
    const body = await readPatchBody(server, request, served);
    return replyWritten(request, rendering, await patch(server, writeCallOf(request, place, "PatchOptions"), body));
  }
  const encoding = bodyEncoding(request.info, encodingsOf(served));
  const bytes = request.body;
  const read = await readJson({ bytes, encoding }, expectedOf(served.definition), server.turns);
  return replyWritten(request, rendering, await replace(server, writeCallOf(request, place, "UpdateOptions"), read));
}

/** Scales are answered as a kind of their own, whatever kind they are of. */
const asScale: Served = {
  definition: untyped(scales),
  rules: {
    createdByUpdate: false,
    versionRequired: false,
    deletedIsReturned: true,
    dependents: "background",
    deletionFinalizer: undefined,
    statusKeepsLabels: false,
  },
  cache: undefined,
  subresources: new Map(),
  isStoredVersion: false,
  custom: false,
};

async function answerScale(server: Server, request: Request, place: Place): Promise<number> {
  const { served } = place;
  const { info } = request;
  const rendering = renderingOf(server, request, asScale);
  const reply = (object: Scale): Promise<number> => replyObject(request, rendering, { code: 200, object });
  if (info.verb === "get") {
    const object = await get(callOf(request, place), info.query.get("resourceVersion") ?? "");
    return reply(scaleOf(shown(served, object), scalePathsOf(served)));
  }
  if (info.verb === "patch") {
    const body = await readPatchBody(server, request, served);
    const call = writeCallOf(request, place, "PatchOptions");
    return reply(await setScale(server, call, (current) => ({ json: patchedScale(current, body) })));
  }
  if (info.verb !== "update") throw notAllowed();
  const encoding = bodyEncoding(info, encodingsOf(served));
  const bytes = request.body;
  const read = await readJson({ bytes, encoding }, { kind: "Scale", shape: scaleShape }, server.turns);
  return reply(await setScale(server, writeCallOf(request, place, "UpdateOptions"), () => read));
}

async function answerPost(
  server: Server,
  request: Request,
  { place, subresource }: { place: Place; subresource: PostSubresource },
): Promise<number> {
  if (request.info.verb !== "create") throw notAllowed();
  const { body: definition, run } = subresource;
  const rendering = renderingOf(server, request, { ...asScale, definition });
  const bytes = request.body;
  const encoding = bodyEncoding(request.info);
  const call = writeCallOf(request, place, "CreateOptions");
  const read = await readJson({ bytes, encoding }, expectedOf(definition), server.turns);
  const draft = decodeDraft({ definition, ...read }, call);
  draft.metadata["name"] ??= place.path.name;
  draft.metadata["namespace"] ??= place.path.namespace;
  // Holds because decoding filled in apiVersion, kind and metadata.
  const made = await run(server, call, draft as unknown as KubeObject);
  if (isKind(made, definition.kind)) return replyObject(request, rendering, { code: 201, object: made });
  const encodingOut = rendering.answer.encoding === "protobuf" ? "json" : rendering.answer.encoding;
  const answer = { encoding: encodingOut, pretty: rendering.answer.pretty };
  const headers = { ...headersOf(request), "content-type": contentTypeOf(answer) };
  request.exchange.reply(201, headers, await encodeJson(made, answer));
  return 201;
}

function isKind(value: unknown, kind: string): value is KubeObject {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

async function answerConnect(
  server: Server,
  request: Request,
  { place, subresource }: { place: Place; subresource: ConnectSubresource },
): Promise<number> {
  const { exchange, info, user } = request;
  const { served, path } = place;
  const hook = own(server.connect, `${path.resource}/${path.subresource}`);
  const asksOptions = info.method === "OPTIONS" && path.subresource === "proxy";
  if (!hook || !(asksOptions || subresource.verbs.some((verb) => verb === info.verb))) throw notAllowed();
  const { key } = callOf(request, place);
  const admitted = { user, operation: "connect" as const, resource: served.definition, key };
  const warn = (sentence: string): void => void request.warnings.push(sentence);
  const nothing = { dryRun: false, object: undefined, old: undefined, warn, signal: exchange.signal };
  await server.admission.validate({ ...admitted, subresource: path.subresource, ...nothing });
  await hook(exchange, info, user);
  return 200;
}
