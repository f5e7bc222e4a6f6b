/**
 * An API server in memory, for tests of what speaks to one: decoding, resource versions, watches, patches, finalizers
 * and managed fields as the real one has them, but no validation, no admission and no users.
 */
import { badRequest, conflict } from "#machinery/status.ts";
import { isObject } from "#machinery/json-object.ts";
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
import { picked } from "#client/picked.ts";
import type { Clock } from "#base/clock.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import { keyOf } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { untyped } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { MemoryObjects } from "./memory/objects.ts";
import { selectionOf, watchObjects } from "./memory/watch.ts";
import { patched, prepared } from "./memory/write.ts";

export class MemoryCluster {
  readonly objects: MemoryObjects;

  constructor(clock: Clock) {
    this.objects = new MemoryObjects(clock);
  }

  client(name: string): Client {
    return new MemoryClient(this.objects, name);
  }

  /** Forgets history: watches from before now are refused as "Expired". */
  compact(): void {
    this.objects.compact();
  }

  /** Ends every watch, as a server does that goes down. */
  closeWatches(): void {
    this.objects.closeWatches();
  }
}

interface Target<T extends KubeObject> {
  readonly resource: ResourceDefinition<T>;
  readonly key: ObjectKey;
}

class MemoryClient implements Client {
  readonly name: string;
  private readonly objects: MemoryObjects;

  constructor(objects: MemoryObjects, name: string) {
    this.objects = objects;
    this.name = name;
  }

  async get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, signal?: AbortSignal): Promise<T> {
    await turn(signal);
    return typed(resource, this.objects.get(untyped(resource), key));
  }

  async list<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: ListRequest,
    signal?: AbortSignal,
  ): Promise<ObjectList<T>> {
    await turn(signal);
    const selects = selectionOf(untyped(resource), request);
    const all = this.objects.all(untyped(resource)).filter(selects);
    const start = request.continue === undefined ? 0 : Number(request.continue);
    const end = request.limit ? start + request.limit : all.length;
    const more = end < all.length;
    return {
      metadata: {
        resourceVersion: String(this.objects.revision),
        ...(more ? { continue: String(end), remainingItemCount: all.length - end } : {}),
      },
      items: all.slice(start, end).map((object) => typed(resource, object)),
    };
  }

  async *watch<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    for await (const event of watchObjects(this.objects, { resource: untyped(resource), request }, signal))
      yield event.type === "bookmark"
        ? event
        : picked({ type: event.type, object: typed(resource, event.object) }, request.fields);
  }

  async create<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    await turn();
    const definition = untyped(resource);
    const write = { definition, live: undefined, options: this.withManager(options) };
    return typed(
      resource,
      this.objects.create(definition, prepared(write, json(object), this.objects.clock), options?.dryRun),
    );
  }

  async update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    await turn();
    const definition = untyped(resource);
    const live = this.objects.get(definition, keyOf(object));
    const write = { definition, live, options: this.withManager(options) };
    return typed(
      resource,
      this.objects.update(definition, prepared(write, json(object), this.objects.clock), options?.dryRun),
    );
  }

  async patch<T extends KubeObject>(target: Target<T>, patch: Patch, options?: WriteOptions): Promise<T> {
    await turn();
    const definition = untyped(target.resource);
    const live =
      patch.type === "apply" ? this.objects.find(definition, target.key) : this.objects.get(definition, target.key);
    const write = { definition, live, options: this.withManager(options) };
    const object = patched(write, { patch, key: target.key }, this.objects.clock);
    return typed(
      target.resource,
      live
        ? this.objects.update(definition, object, options?.dryRun)
        : this.objects.create(definition, object, options?.dryRun),
    );
  }

  async delete<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    key: ObjectKey,
    request?: DeleteRequest,
  ): Promise<T> {
    await turn();
    return typed(resource, this.objects.delete(untyped(resource), key, request ?? {}));
  }

  async deleteCollection<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    selection: ListRequest,
    request?: DeleteRequest,
  ): Promise<void> {
    const { items } = await this.list(resource, selection);
    for (const item of items) this.objects.delete(untyped(resource), keyOf(item), request ?? {});
  }

  async post(
    target: { readonly resource: ResourceDefinition; readonly key: ObjectKey; readonly subresource: string },
    body: JsonObject,
  ): Promise<JsonValue> {
    await turn();
    if (target.subresource === "binding") return this.bind(target, body);
    throw badRequest(`${target.resource.plural}/${target.subresource} is not served in memory`);
  }

  private bind({ resource, key }: Omit<Target<KubeObject>, "subresource">, body: JsonObject): JsonValue {
    const pod = json(this.objects.get(resource, key));
    const { target } = body;
    if (!isObject(target) || !isObject(pod["spec"])) throw badRequest("expected a Binding with a target");
    const taken = pod["spec"]["nodeName"];
    if (typeof taken === "string" && taken !== "")
      throw conflict({ group: "", resource: "pods/binding", name: key.name }, `already assigned to ${taken}`);
    const bound = { ...pod, spec: { ...pod["spec"], nodeName: target["name"] } };
    // Holds because a pod with another node is still one.
    this.objects.update(resource, bound as unknown as KubeObject);
    return { kind: "Status", apiVersion: "v1", status: "Success" };
  }

  private withManager(options: WriteOptions = {}): WriteOptions & { readonly fieldManager: string } {
    return { ...options, fieldManager: options.fieldManager ?? this.name };
  }
}

/** As over a wire, no answer comes in the same turn. */
async function turn(signal?: AbortSignal): Promise<void> {
  await Promise.resolve();
  signal?.throwIfAborted();
}

function typed<T extends KubeObject>(_resource: ResourceDefinition<T>, object: KubeObject): T {
  // Holds because objects of a resource were decoded by its own shape.
  return object as T;
}

function json(object: KubeObject): JsonObject {
  // Holds because objects are JSON, which their interfaces do not say.
  return object as unknown as JsonObject;
}
