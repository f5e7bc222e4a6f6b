/**
 * A Client over HTTPS, for parts on another machine and for any other Kubernetes API server.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import { messageOf } from "#base/assert.ts";
import { textOf, utf8 } from "#base/bytes.ts";
import { own } from "#base/own.ts";
import { deepFreeze } from "#machinery/freeze.ts";
import { isObject } from "#machinery/json-object.ts";
import { readWrittenJson } from "#machinery/json-reader.ts";
import { keyOf, type KubeObject, type ListMeta, type ObjectKey } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { picked } from "./picked.ts";
import { fromStatus, StatusError, unavailable } from "#machinery/status.ts";
import type { HttpClient, HttpReply } from "#wire/http-client.ts";
import type {
  Client,
  DeleteRequest,
  ListRequest,
  ObjectList,
  Patch,
  WatchEvent,
  WatchRequest,
  WriteOptions,
} from "./client.ts";
import { linesOf } from "./https/lines.ts";
import { listQuery, placeOf, targetOf, writeQuery } from "./https/paths.ts";

// A list of all pods of a large cluster.
const replyBytesMax = 512 * 1024 * 1024;
const never = new AbortController().signal;

const patchTypes: Readonly<Record<Patch["type"], string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

interface Call {
  readonly method: string;
  readonly target: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

export class HttpsClient implements Client {
  readonly name: string;
  private readonly http: HttpClient;

  /** @param name The user the credentials of `http` are of; also the field manager of writes. */
  constructor(http: HttpClient, name: string) {
    this.http = http;
    this.name = name;
  }

  get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, signal?: AbortSignal): Promise<T> {
    return this.object(resource, { method: "GET", target: targetOf(placeOf(untyped(resource), key)), signal });
  }

  async list<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: ListRequest,
    signal?: AbortSignal,
  ): Promise<ObjectList<T>> {
    const { namespace = "" } = request;
    const target = targetOf({ resource: untyped(resource), namespace }, listQuery(request));
    // Holds because the API answers a list with a list.
    const read = (await this.json({ method: "GET", target, signal })) as {
      metadata?: ListMeta;
      items?: readonly JsonObject[];
    };
    const items = (read.items ?? []).map((item) => whole<T>(resource, item));
    return deepFreeze({ metadata: read.metadata ?? {}, items });
  }

  async *watch<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const { namespace = "", resourceVersion } = request;
    const from =
      resourceVersion === undefined
        ? { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" }
        : { resourceVersion };
    const query = { ...listQuery(request), watch: true, allowWatchBookmarks: true, ...from };
    const reply = await this.send({
      method: "GET",
      target: targetOf({ resource: untyped(resource), namespace }, query),
      signal,
    });
    try {
      for await (const line of linesOf(reply.body))
        if (line !== "") yield picked(eventOf(resource, line), request.fields);
    } catch (error) {
      throw signal.aborted ? signal.reason : unreachableUnlessRefused(error);
    } finally {
      reply.body.destroy();
    }
    signal.throwIfAborted();
  }

  create<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace } = keyOf(object);
    const target = targetOf({ resource: untyped(resource), namespace }, writeQuery(options, this.name));
    return this.object(resource, { method: "POST", target, body: object });
  }

  update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const place = placeOf(untyped(resource), keyOf(object), options.subresource);
    return this.object(resource, {
      method: "PUT",
      target: targetOf(place, writeQuery(options, this.name)),
      body: object,
    });
  }

  patch<T extends KubeObject>(
    { resource, key }: { readonly resource: ResourceDefinition<T>; readonly key: ObjectKey },
    patch: Patch,
    options: WriteOptions = {},
  ): Promise<T> {
    const force = patch.type === "apply" && patch.force ? true : undefined;
    const query = { ...writeQuery(options, this.name), force };
    return this.object(resource, {
      method: "PATCH",
      target: targetOf(placeOf(untyped(resource), key, options.subresource), query),
      body: patch.type === "json" ? patch.operations : patch.body,
      contentType: patchTypes[patch.type],
    });
  }

  /** A server may answer with a Status instead of the object, which then says only what was deleted. */
  async delete<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    key: ObjectKey,
    request: DeleteRequest = {},
  ): Promise<T> {
    const target = targetOf(placeOf(untyped(resource), key));
    return this.object(resource, { method: "DELETE", target, body: deleteOptions(request) });
  }

  async deleteCollection<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    selection: ListRequest,
    request: DeleteRequest = {},
  ): Promise<void> {
    const { namespace = "" } = selection;
    const target = targetOf({ resource: untyped(resource), namespace }, listQuery(selection));
    await this.json({ method: "DELETE", target, body: deleteOptions(request) });
  }

  async post(
    target: { readonly resource: ResourceDefinition; readonly key: ObjectKey; readonly subresource: string },
    body: JsonObject,
  ): Promise<JsonValue> {
    const place = placeOf(target.resource, target.key, target.subresource);
    return deepFreeze(await this.json({ method: "POST", target: targetOf(place), body }));
  }

  private async object<T extends KubeObject>(resource: ResourceDefinition<T>, call: Call): Promise<T> {
    const value = await this.json(call);
    return deepFreeze(whole<T>(resource, isObject(value) ? value : {}));
  }

  private async json(call: Call): Promise<JsonValue> {
    const reply = await this.send(call);
    try {
      return readWrittenJson(textOf(await reply.bytes(replyBytesMax)));
    } catch (error) {
      throw call.signal?.aborted ? call.signal.reason : unreachableUnlessRefused(error);
    }
  }

  /** A reply that is no refusal. */
  private async send({ method, target, body, contentType, signal = never }: Call): Promise<HttpReply> {
    signal.throwIfAborted();
    const headers = {
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": contentType ?? "application/json" }),
    };
    let reply: HttpReply;
    try {
      const bytes = body === undefined ? {} : { body: utf8(JSON.stringify(body)) };
      reply = await this.http.request({ method, target, headers, signal, ...bytes });
    } catch (error) {
      throw signal.aborted ? signal.reason : unavailable(messageOf(error));
    }
    if (reply.status >= 400) throw await refusalOf(reply);
    return reply;
  }
}

async function refusalOf(reply: HttpReply): Promise<StatusError> {
  const text = await reply.bytes(replyBytesMax).then(textOf, () => "");
  try {
    const value = readWrittenJson(text);
    if (isObject(value) && value["kind"] === "Status") return fromStatus(value, reply.status);
  } catch {
    // A proxy in between answers with text of its own, which is told below.
  }
  const message = text === "" ? `the server answered with code "${reply.status}"` : text.slice(0, 1_000);
  return new StatusError({
    code: reply.status,
    reason: reply.status === 503 ? "ServiceUnavailable" : "Unknown",
    message,
  });
}

/** What broke off a reply is the server out of reach; what the server said stands. */
function unreachableUnlessRefused(error: unknown): StatusError {
  return error instanceof StatusError ? error : unavailable(messageOf(error));
}

/** Objects in lists come without their kind. */
function whole<T extends KubeObject>(resource: ResourceDefinition<T>, object: JsonObject): T {
  const { apiVersion, kind } = resource;
  // Holds because the API answers with objects of the resource that was asked for.
  return (object["kind"] === undefined ? { apiVersion, kind, ...object } : object) as unknown as T;
}

const eventTypes: Readonly<Record<string, "added" | "modified" | "deleted">> = {
  ADDED: "added",
  MODIFIED: "modified",
  DELETED: "deleted",
};

function eventOf<T extends KubeObject>(resource: ResourceDefinition<T>, line: string): WatchEvent<T> {
  const value = readWrittenJson(line);
  const { type, object } = isObject(value) ? value : {};
  if (typeof type !== "string" || !isObject(object)) throw unavailable("expected a watch event, found something else");
  if (type === "ERROR") throw fromStatus(object, 500);
  const known = own(eventTypes, type);
  if (known) return { type: known, object: deepFreeze(whole<T>(resource, object)) };
  const { metadata } = whole(resource, object);
  const initialEventsEnd = metadata.annotations?.["k8s.io/initial-events-end"] === "true";
  return { type: "bookmark", resourceVersion: metadata.resourceVersion ?? "0", initialEventsEnd };
}

function deleteOptions({ gracePeriodSeconds, propagationPolicy, uid, resourceVersion }: DeleteRequest): JsonObject {
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return {
    apiVersion: "v1",
    kind: "DeleteOptions",
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
  };
}
