/** The verbs on resources over HTTP: options out of the query, body to draft, result to bytes. */
import { unreachable } from "#base/assert.ts";
import { decode } from "#machinery/decode.ts";
import { deleteOptions as deleteOptionsShape, type DeleteOptions, type KubeObject } from "#machinery/meta.ts";
import { isObject } from "#machinery/json-object.ts";
import type { JsonObject } from "#machinery/shape.ts";
import type { Verb } from "#machinery/resource.ts";
import { badRequest, isReason } from "#machinery/status.ts";
import type { IncludeObject } from "#machinery/table.ts";
import { expectedOf, integerOf, parseYamlBody, readJson, readPatch, writeQueryOf } from "./body.ts";
import { isLarge, metaText, targetOf, type Call, type Draft, type WriteCall, type Written } from "./call.ts";
import { bodyEncoding, negotiate, patchTypeOf, type PatchType } from "./negotiate.ts";
import type { Request } from "./pipeline.ts";
import type { Served } from "./registry.ts";
import { contentTypeOf, encodeJson, encodingsOf, renderObject, type Rendering } from "./render.ts";
import { replyList } from "./reply-list.ts";
import { isTrue, type ResourcePath } from "./request-info.ts";
import { notAllowed } from "./route.ts";
import type { Server } from "./server.ts";
import type { StoredObject } from "./stored-object.ts";
import { create } from "./verbs/create.ts";
import { decodeDraft } from "./verbs/decode.ts";
import { removeCollection } from "./verbs/delete-collection.ts";
import { remove, type Deleted } from "./verbs/delete.ts";
import { get } from "./verbs/get.ts";
import { list, type ListOptions } from "./verbs/list.ts";
import { trackFields } from "./verbs/managed-fields.ts";
import { patch, type PatchBody } from "./verbs/patch.ts";
import { watch } from "./verbs/watch.ts";
import { write } from "./verbs/write.ts";
import { warningHeaders } from "./warnings.ts";
import { WatchReply } from "./watch-reply.ts";

/** What a path leads to. */
export interface Place {
  readonly served: Served;
  readonly path: ResourcePath;
}

/** Answers a request to a resource. Returns the HTTP code. @throws StatusError */
export async function answerResource(server: Server, request: Request, place: Place): Promise<number> {
  const { served } = place;
  const verb = request.info.verb;
  if (!isVerb(verb) || !served.definition.verbs.includes(verb)) throw notAllowed();
  if (place.path.name === "" && (verb === "update" || verb === "patch")) throw notAllowed();
  switch (verb) {
    case "create":
      return answerCreate(server, request, place);
    case "get":
      return answerGet(request, place, server);
    case "list":
      return answerList(server, request, place);
    case "watch":
      return answerWatch(server, request, place);
    case "update":
      return answerUpdate(server, request, place);
    case "patch":
      return answerPatch(server, request, place);
    case "delete":
      return answerDelete(server, request, place);
    case "deletecollection":
      return answerDeleteCollection(server, request, place);
    default:
      return unreachable(verb);
  }
}

const verbs = new Set(["create", "get", "list", "watch", "update", "patch", "delete", "deletecollection"]);

function isVerb(text: string): text is Verb {
  return verbs.has(text);
}

export function callOf(request: Request, { served, path }: Place): Call {
  const namespace = served.definition.namespaced ? path.namespace : "";
  return {
    served,
    key: { namespace, name: path.name },
    subresource: path.subresource,
    user: request.user,
    // Made on demand: most calls never wait, and a signal costs more than they do.
    get signal() {
      return request.signal;
    },
  };
}

/** @param kind Of the options, e.g. "CreateOptions". */
export function writeCallOf(request: Request, place: Place, kind: string): WriteCall {
  const warn = (sentence: string): void => void request.warnings.push(sentence);
  // Not spread: that would ask for the signal.
  const large = { isLarge: isLarge(request.body.length) };
  return Object.assign(callOf(request, place), writeQueryOf(request.info, kind), large, { warn });
}

export function renderingOf(server: Server, request: Request, served: Served): Rendering {
  return {
    served,
    turns: server.turns,
    answer: negotiate(request.info, {
      encodings: encodingsOf(served),
      forms: served.cache !== undefined,
      stream: request.info.verb === "watch",
    }),
    options: { nowMs: () => server.clock.nowMs(), includeObject: includeObjectOf(request) },
  };
}

function includeObjectOf({ info }: Request): IncludeObject {
  const asked = info.query.get("includeObject") ?? "";
  if (asked === "" || asked === "Metadata") return "Metadata";
  if (asked === "None" || asked === "Object") return asked;
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(asked)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

export async function replyObject(
  request: Request,
  rendering: Rendering,
  { code, object }: { code: number; object: StoredObject | KubeObject },
): Promise<number> {
  const body = await renderObject(object, rendering);
  request.exchange.reply(code, { ...headersOf(request), "content-type": contentTypeOf(rendering.answer) }, body);
  return code;
}

export function headersOf({ warnings }: Request): Record<string, string | readonly string[]> {
  const headers: Record<string, string | readonly string[]> = { "cache-control": "no-cache, private" };
  if (warnings.length > 0) headers["warning"] = warningHeaders(warnings);
  return headers;
}

export function replyWritten(request: Request, rendering: Rendering, written: Written): Promise<number> {
  return replyObject(request, rendering, { code: written.created ? 201 : 200, object: written.object });
}

async function answerCreate(server: Server, request: Request, place: Place): Promise<number> {
  const { served } = place;
  const { definition } = served;
  if (place.path.name !== "") throw notAllowed();
  const rendering = renderingOf(server, request, served);
  const encoding = bodyEncoding(request.info, encodingsOf(served));
  const bytes = request.body;
  const call = writeCallOf(request, place, "CreateOptions");
  const read = await readJson({ bytes, encoding }, expectedOf(definition), server.turns);
  if (call.isLarge) await server.turns.next();
  const decode = redecoding(call, read);
  const answers = server.created.get(definition.id);
  if (answers) {
    // Holds because decoding filled in apiVersion, kind and metadata.
    const object = await answers(decode() as unknown as KubeObject, call);
    return replyObject(request, rendering, { code: 201, object });
  }
  return replyWritten(request, rendering, await create(server, call, decode));
}

async function answerGet(request: Request, place: Place, server: Server): Promise<number> {
  const rendering = renderingOf(server, request, place.served);
  const object = await get(callOf(request, place), request.info.query.get("resourceVersion") ?? "");
  return replyObject(request, rendering, { code: 200, object });
}

export function listOptionsOf({ info }: Request): ListOptions {
  const text = (name: string): string => info.query.get(name) ?? "";
  return {
    labelSelector: text("labelSelector"),
    fieldSelector: text("fieldSelector"),
    // As upstream: less than nothing is no limit.
    limit: Math.max(integerOf(info, "limit"), 0),
    continue: text("continue"),
    resourceVersion: text("resourceVersion"),
    resourceVersionMatch: text("resourceVersionMatch"),
  };
}

async function answerList(server: Server, request: Request, place: Place): Promise<number> {
  const rendering = renderingOf(server, request, place.served);
  const asksForEvents = request.info.query.has("sendInitialEvents");
  const page = await list(server, callOf(request, place), { ...listOptionsOf(request), asksForEvents });
  await replyList(request, { page, rendering, server });
  return 200;
}

async function answerWatch(server: Server, request: Request, place: Place): Promise<number> {
  const { query } = request.info;
  const rendering = renderingOf(server, request, place.served);
  const listOptions = listOptionsOf(request);
  // The older form /api/v1/watch/…/name.
  const isNamed = place.path.name !== "";
  const fieldSelector = isNamed ? `metadata.name=${place.path.name}` : listOptions.fieldSelector;
  const sendInitial = query.get("sendInitialEvents");
  const options = {
    ...listOptions,
    fieldSelector,
    allowBookmarks: isTrue(query.get("allowWatchBookmarks")),
    sendInitialEvents: sendInitial === null ? undefined : isTrue(sendInitial),
    timeoutSeconds: integerOf(request.info, "timeoutSeconds"),
  };
  const sink = new WatchReply(request.exchange, rendering, server.frames);
  // A watch would keep a server that ends waiting; its client resumes at the next one from where it is.
  const signal = AbortSignal.any([request.signal, request.exchange.closing]);
  const call = { ...callOf(request, place), key: { namespace: place.path.namespace, name: "" }, signal };
  try {
    await watch(server, call, { options, sink });
  } catch (error) {
    // What can no longer be watched is an event of the watch, as upstream has it; anything else refuses the request.
    if (!isReason(error, "Expired")) throw error;
    sink.refuse(error);
  }
  const { signal: over } = sink.open();
  if (!over.aborted)
    await new Promise<void>((resolve) => over.addEventListener("abort", () => resolve(), { once: true }));
  return 200;
}

async function answerUpdate(server: Server, request: Request, place: Place): Promise<number> {
  const { served } = place;
  const { definition } = served;
  const rendering = renderingOf(server, request, served);
  const encoding = bodyEncoding(request.info, encodingsOf(served));
  const bytes = request.body;
  const call = writeCallOf(request, place, "UpdateOptions");
  const read = await readJson({ bytes, encoding }, expectedOf(definition), server.turns);
  if (call.isLarge) await server.turns.next();
  return replyWritten(request, rendering, await replace(server, call, read));
}

/** The body of a request, read and not decoded yet. */
export interface ReadBody {
  readonly json: (JsonObject[string] & {}) | null;
  readonly problems: readonly string[];
}

/** Decodes a body at once, and anew each time it is asked: a try of a write uses its draft up. @throws StatusError 400 */
export function redecoding(call: WriteCall, read: ReadBody): () => Draft {
  const { definition } = call.served;
  let first: Draft | undefined = decodeDraft({ definition, ...read }, call);
  return () => {
    // What is to be said of the body was said the first time.
    const draft = first ?? decodeDraft({ definition, ...read }, { ...call, fieldValidation: "Ignore" });
    first = undefined;
    return draft;
  };
}

/** A PUT. */
export function replace(server: Server, call: WriteCall, read: ReadBody): Promise<Written> {
  const { served, key } = call;
  const decode = redecoding(call, read);
  return write(server, call, {
    creates: served.rules.createdByUpdate ? "missing" : "never",
    make: async (current, tracking) => {
      const draft = decode();
      const given = metaText(draft, "name");
      if (given !== "" && given !== key.name)
        throw badRequest(`the name of the object (${given}) does not match the name on the URL (${key.name})`);
      const tracked = trackFields(server, tracking, { draft, old: current });
      if (tracked) await tracked;
      return draft;
    },
  });
}

const allPatches: readonly PatchType[] = ["json", "merge", "strategic", "apply"];
const customPatches: readonly PatchType[] = ["json", "merge", "apply"];

async function answerPatch(server: Server, request: Request, place: Place): Promise<number> {
  const rendering = renderingOf(server, request, place.served);
  const call = writeCallOf(request, place, "PatchOptions");
  const body = await readPatchBody(server, request, place.served);
  return replyWritten(request, rendering, await patch(server, call, body));
}

/** @throws StatusError 400, 415 */
export async function readPatchBody({ turns }: Server, request: Request, served: Served): Promise<PatchBody> {
  const { info } = request;
  const type = patchTypeOf(info, served.custom ? customPatches : allPatches);
  const bytes = request.body;
  if (type !== "apply") {
    if (info.query.has("force")) throw badRequest("force: Forbidden: may not be specified for non-apply patch");
    const { json, problems, literals } = await readPatch(bytes, turns);
    return {
      type,
      patch: json,
      literals,
      problems: type === "json" ? problems.map((each) => `json patch ${each}`) : problems,
    };
  }
  if ((info.query.get("fieldManager") ?? "") === "")
    throw badRequest("fieldManager: Required value: is required for apply patch");
  const { json, problems } = await parseYamlBody(bytes, turns);
  if (!isObject(json)) throw badRequest("expected an object to apply, found none");
  return { type, patch: json, force: isTrue(info.query.get("force")), problems };
}

/** Options of a deletion, from the body or, without one, from the query. */
export async function deleteOptionsOf({ turns }: Server, request: Request): Promise<DeleteOptions> {
  const { info } = request;
  const bytes = request.body;
  const { query } = info;
  if (bytes.length > 0) {
    const encoding = bodyEncoding(info);
    const { json } = await readJson({ bytes, encoding }, { kind: "DeleteOptions", shape: deleteOptionsShape }, turns);
    const kind = isObject(json) ? (json["kind"] ?? "") : "";
    if (kind !== "" && kind !== "DeleteOptions")
      throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version "meta.k8s.io/v1"`);
    return readDeleteOptions(json);
  }
  const raw: Record<string, JsonObject[string]> = {};
  if (query.has("gracePeriodSeconds")) raw["gracePeriodSeconds"] = integerOf(info, "gracePeriodSeconds");
  if (query.has("orphanDependents")) raw["orphanDependents"] = isTrue(query.get("orphanDependents"));
  if (query.has("propagationPolicy")) raw["propagationPolicy"] = query.get("propagationPolicy") ?? "";
  const unsafe = "ignoreStoreReadErrorWithClusterBreakingPotential";
  if (query.has(unsafe)) raw[unsafe] = isTrue(query.get(unsafe));
  if (query.has("dryRun")) raw["dryRun"] = query.getAll("dryRun");
  return readDeleteOptions(raw);
}

export function readDeleteOptions(json: (JsonObject[string] & {}) | null): DeleteOptions {
  return decode(deleteOptionsShape, json).object;
}

async function answerDelete(server: Server, request: Request, place: Place): Promise<number> {
  const rendering = renderingOf(server, request, place.served);
  const options = await deleteOptionsOf(server, request);
  const call = writeCallOf(request, place, "DeleteOptions");
  Object.assign(call, { dryRun: isDry(request, options) });
  return replyDeleted(request, rendering, { call, options, deleted: await remove(server, call, options) });
}

function isDry({ info }: Request, options: DeleteOptions): boolean {
  return (options.dryRun ?? []).length > 0 || info.query.getAll("dryRun").includes("All");
}

interface Deletion {
  readonly call: WriteCall;
  readonly options: DeleteOptions;
  readonly deleted: Deleted;
}

async function replyDeleted(
  request: Request,
  rendering: Rendering,
  { call, options, deleted }: Deletion,
): Promise<number> {
  const code = !deleted.gone && options.orphanDependents === false ? 202 : 200;
  if (!deleted.gone || call.served.rules.deletedIsReturned)
    return replyObject(request, rendering, { code, object: deleted.object });
  const { group, resource, name } = targetOf(call);
  const meta = ("metadata" in deleted.object ? deleted.object : deleted.object.object).metadata;
  const details = { name, ...(group === "" ? {} : { group }), kind: resource, uid: meta.uid };
  return replyStatus(request, rendering, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details,
  });
}

async function replyStatus(request: Request, { answer }: Rendering, status: object): Promise<number> {
  const encoding = answer.encoding === "protobuf" ? "json" : answer.encoding;
  const body = await encodeJson(status, { encoding, pretty: answer.pretty });
  request.exchange.reply(200, { ...headersOf(request), "content-type": contentTypeOf({ encoding }) }, body);
  return 200;
}

async function answerDeleteCollection(server: Server, request: Request, place: Place): Promise<number> {
  const rendering = renderingOf(server, request, place.served);
  const options = await deleteOptionsOf(server, request);
  const call = { ...writeCallOf(request, place, "DeleteOptions"), dryRun: isDry(request, options) };
  const page = await removeCollection(server, call, { selection: listOptionsOf(request), options });
  await replyList(request, { page, rendering, server });
  return 200;
}
