/**
 * The API by direct call, for parts in the server's own process: the same verbs, authorization and admission as over
 * HTTP, without bytes in between. Objects are the watch cache's own, frozen and shared.
 */
import type {
  Client,
  DeleteRequest,
  ListRequest,
  ObjectList,
  Patch,
  WatchEvent,
  WatchRequest,
  WriteOptions,
} from "#client/client.ts";
import type { DeleteOptions, KubeObject, ObjectKey } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { badRequest, StatusError } from "#machinery/status.ts";
import type { User } from "./access.ts";
import { redecoding, replace } from "./answer-resource.ts";
import { isLarge, type Call, type WriteCall } from "./call.ts";
import { refusal } from "./identify.ts";
import { WatchStream } from "./direct-client/watch-stream.ts";
import { patchScale, replaceScale } from "./direct-client/scale.ts";
import type { Served } from "./registry.ts";
import { viewOf } from "./render.ts";
import { listMetaOf } from "./reply-list.ts";
import { selectedName } from "./request-info.ts";
import type { Server } from "./server.ts";
import { StoredObject } from "./stored-object.ts";
import { create } from "./verbs/create.ts";
import { decodeDraft } from "./verbs/decode.ts";
import { removeCollection } from "./verbs/delete-collection.ts";
import { remove } from "./verbs/delete.ts";
import { get } from "./verbs/get.ts";
import { list, type ListOptions } from "./verbs/list.ts";
import { patch, type PatchBody } from "./verbs/patch.ts";
import { watch } from "./verbs/watch.ts";

export interface DirectClientOptions {
  readonly user: User;
  /** Ends every call. */
  readonly signal: AbortSignal;
}

export function createDirectClient(server: Server, options: DirectClientOptions): Client {
  return new DirectClient(server, options);
}

interface Asked {
  readonly verb: string;
  readonly key: ObjectKey;
  readonly subresource?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Of a write: what is sent has many values. */
  readonly large?: boolean;
}

class DirectClient implements Client {
  private readonly server: Server;
  private readonly user: User;
  private readonly signal: AbortSignal;

  constructor(server: Server, { user, signal }: DirectClientOptions) {
    this.server = server;
    this.user = user;
    this.signal = signal;
  }

  get name(): string {
    return this.user.name;
  }

  async get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, signal?: AbortSignal): Promise<T> {
    await this.turn();
    const call = this.call(resource, { verb: "get", key, signal });
    return this.shownOf(resource, call, await get(call, ""));
  }

  async list<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: ListRequest,
    signal?: AbortSignal,
  ): Promise<ObjectList<T>> {
    const call = this.call(resource, { verb: "list", ...selectionOf(request), signal });
    const page = await list(this.server, call, listOptionsOf(request));
    const items: T[] = [];
    for (const object of page.objects) {
      // Each may have to be decoded.
      const rest = this.server.turns.rest();
      if (rest) await rest;
      items.push(shownAs(resource, { served: call.served, object }));
    }
    return { metadata: listMetaOf(page), items };
  }

  async *watch<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    await this.turn();
    const left = new AbortController();
    const ending = AbortSignal.any([signal, left.signal, this.signal]);
    const call = this.call(resource, { verb: "watch", ...selectionOf(request), signal: ending });
    // Holds because only objects of that resource are watched.
    const stream = new WatchStream(call.served, request.fields) as unknown as WatchStream<T>;
    const fromStart = request.resourceVersion === undefined;
    const options = {
      ...listOptionsOf(request),
      resourceVersion: request.resourceVersion ?? "",
      resourceVersionMatch: fromStart ? "NotOlderThan" : "",
      allowBookmarks: true,
      sendInitialEvents: fromStart ? true : undefined,
      timeoutSeconds: Number.POSITIVE_INFINITY,
    };
    try {
      await watch(this.server, call, { options, sink: stream });
      yield* stream.events(ending);
    } finally {
      left.abort();
    }
  }

  async create<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    await this.turn();
    const key = { namespace: object.metadata.namespace ?? "", name: "" };
    const call = this.writeCall(resource, { verb: "create", key, large: isLargeValue(jsonOf(object)) }, options);
    if (call.isLarge) await this.server.turns.next();
    const decode = redecoding(call, { json: jsonOf(object), problems: [] });
    const answers = this.server.created.get(resource.id);
    // Both hold because the draft is of this kind.
    if (answers) return (await answers(decode() as unknown as KubeObject, call)) as T;
    const { object: made } = await create(this.server, call, decode);
    return this.shownOf(resource, call, made);
  }

  async update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    await this.turn();
    const key = { namespace: object.metadata.namespace ?? "", name: object.metadata.name ?? "" };
    const call = this.writeCall(resource, { verb: "update", key, large: isLargeValue(jsonOf(object)) }, options);
    if (call.isLarge) await this.server.turns.next();
    // Holds because a scale is asked for by its own type.
    if (isScale(call)) return (await replaceScale(this.server, call, jsonOf(object))) as unknown as T;
    const written = await replace(this.server, call, { json: jsonOf(object), problems: [] });
    return this.shownOf(resource, call, written.object);
  }

  async patch<T extends KubeObject>(
    target: { readonly resource: ResourceDefinition<T>; readonly key: ObjectKey },
    body: Patch,
    options?: WriteOptions,
  ): Promise<T> {
    await this.turn();
    const call = this.writeCall(target.resource, { verb: "patch", key: target.key }, options);
    const read = patchBodyOf(target.resource, body);
    // Holds because a scale is asked for by its own type.
    if (isScale(call)) return (await patchScale(this.server, call, read)) as unknown as T;
    return this.shownOf(target.resource, call, (await patch(this.server, call, read)).object);
  }

  async delete<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    key: ObjectKey,
    request?: DeleteRequest,
  ): Promise<T> {
    await this.turn();
    const call = this.writeCall(resource, { verb: "delete", key });
    const deleted = await remove(this.server, call, deleteOptionsOf(request));
    return shownAs(resource, { served: call.served, object: deleted.object });
  }

  async deleteCollection<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    selection: ListRequest,
    request?: DeleteRequest,
  ): Promise<void> {
    await this.turn();
    const call = this.writeCall(resource, { verb: "deletecollection", ...selectionOf(selection) });
    const options = deleteOptionsOf(request);
    await removeCollection(this.server, call, { selection: listOptionsOf(selection), options });
  }

  async post(
    target: { readonly resource: ResourceDefinition; readonly key: ObjectKey; readonly subresource: string },
    body: JsonObject,
  ): Promise<JsonValue> {
    await this.turn();
    const { resource, key, subresource } = target;
    const call = this.writeCall(resource, { verb: "create", key }, { subresource });
    const found = call.served.subresources.get(subresource);
    if (found?.kind !== "post")
      throw badRequest(`expected a subresource that can be posted to, found ${JSON.stringify(subresource)}`);
    const draft = decodeDraft({ definition: found.body, json: body }, call);
    draft.metadata["name"] ??= key.name;
    draft.metadata["namespace"] ??= key.namespace;
    // Holds because decoding filled in apiVersion, kind and metadata.
    return found.run(this.server, call, draft as unknown as KubeObject);
  }

  /**
   * Who calls in a loop, as many times as a pod has references, never waits for anything but promises that are kept at
   * once, and nobody else would be served until it is through.
   */
  private async turn(): Promise<void> {
    const rest = this.server.turns.rest();
    if (rest) await rest;
  }

  /** A large object that is not at hand is decoded in turns of its own. */
  private async shownOf<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    { served }: Call,
    object: StoredObject | KubeObject,
  ): Promise<T> {
    if (object instanceof StoredObject && isLarge(object.jsonBytes) && !object.isDecoded)
      await object.decode(this.server.turns);
    return shownAs(resource, { served, object });
  }

  /** @throws StatusError 403, 404 */
  private call<T extends KubeObject>(resource: ResourceDefinition<T>, asked: Asked): Call {
    const { server, user } = this;
    const { key, verb, subresource = "", fieldSelector = "", labelSelector = "", signal } = asked;
    const { group, version, plural } = resource;
    const name = verb === "list" || verb === "watch" ? selectedName(fieldSelector) : key.name;
    const namespace = resource.namespaced ? key.namespace : "";
    const attributes = { group, version, resource: plural, subresource, namespace, name, fieldSelector, labelSelector };
    const question = { kind: "resource" as const, user, verb, ...attributes };
    const decision = server.authorizer.authorize(question);
    if (decision.kind !== "allowed") throw refusal(question, decision.reason);
    const served = server.registry.of(untyped(resource));
    if (!served || (subresource !== "" && !served.subresources.has(subresource))) throw unknownResource();
    return { served, key: { namespace, name: key.name }, subresource, user, signal: signal ?? this.signal };
  }

  private writeCall<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    asked: Asked,
    options: WriteOptions = {},
  ): WriteCall {
    const { dryRun = false, fieldManager = this.name, subresource } = options;
    const call = this.call(resource, { ...asked, subresource });
    const quiet = { fieldValidation: "Ignore" as const, warn: () => undefined };
    return { ...call, ...quiet, dryRun, manager: fieldManager, isLarge: asked.large ?? false };
  }
}

// At some forty bytes a value, what is large in bytes.
const largeValuesMin = 1_500;

/** True for an object of many values; it is looked at no further. */
function isLargeValue(value: JsonValue): boolean {
  return valuesLeft(value, largeValuesMin) < 0;
}

function valuesLeft(value: JsonValue, most: number): number {
  let left = most - 1;
  if (typeof value !== "object" || value === null) return left;
  // Holds: any object, lists too, can be read by name.
  const members = value as Readonly<Record<string, JsonValue | undefined>>;
  for (const name in members) {
    if (left < 0) return left;
    left = valuesLeft(members[name] ?? null, left);
  }
  return left;
}

function unknownResource(): StatusError {
  const message = "the server could not find the requested resource";
  return new StatusError({ code: 404, reason: "NotFound", message, details: {} });
}

function isScale(call: Call): boolean {
  return call.served.subresources.get(call.subresource)?.kind === "scale";
}

/** @param _resource What was asked for. */
function shownAs<T extends KubeObject>(
  _resource: ResourceDefinition<T>,
  { served, object }: { served: Served; object: Parameters<typeof viewOf>[1] },
): T {
  // Holds because the object was read from or decoded by this resource.
  return viewOf(served, object) as T;
}

function jsonOf(object: KubeObject): JsonObject {
  // Holds because objects are JSON.
  return object as unknown as JsonObject;
}

function selectionOf(request: ListRequest): Pick<Asked, "key" | "fieldSelector" | "labelSelector"> {
  const { namespace = "", fieldSelector, labelSelector } = request;
  return { key: { namespace, name: "" }, fieldSelector, labelSelector };
}

function listOptionsOf(request: ListRequest): ListOptions {
  return {
    labelSelector: request.labelSelector ?? "",
    fieldSelector: request.fieldSelector ?? "",
    limit: request.limit ?? 0,
    continue: request.continue ?? "",
    resourceVersion: "",
    resourceVersionMatch: "",
  };
}

function patchBodyOf(resource: Pick<ResourceDefinition, "apiVersion" | "kind">, body: Patch): PatchBody {
  switch (body.type) {
    case "json":
      return { type: "json", patch: body.operations };
    case "merge":
    case "strategic":
      return { type: body.type, patch: body.body };
    case "apply": {
      const { apiVersion, kind } = resource;
      return { type: "apply", patch: { apiVersion, kind, ...body.body }, force: body.force };
    }
  }
}

function deleteOptionsOf(request: DeleteRequest = {}): DeleteOptions {
  const { gracePeriodSeconds, propagationPolicy, uid, resourceVersion } = request;
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
  };
}
