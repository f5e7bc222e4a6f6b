/**
 * A small API in memory, for tests of parts that only need somewhere to read and write objects: no validation, no
 * defaults, no admission. Deleting a pod follows its grace period, as the API server does.
 */
import { picked } from "#client/picked.ts";
import { BoundedStream } from "#base/queue.ts";
import { machineClock, rfc3339, type Clock } from "#base/clock.ts";
import { machineRandom } from "#base/random.ts";
import type { Client, DeleteRequest, ListRequest, Patch, WatchEvent, WatchRequest } from "#client/client.ts";
import type { Change, Informer, InformerFactory } from "#client/informer.ts";
import type { ObjectEvent, Recorder } from "#client/recorder.ts";
import { keyOf, type KubeObject, type Named, type ObjectKey } from "#machinery/meta.ts";
import type { Readable, ResourceDefinition } from "#machinery/resource.ts";
import { fieldsOf, pick, resourceOf, type FieldTree } from "#machinery/view.ts";
import { applyMergePatch } from "#machinery/merge-patch.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { applyStrategicMerge } from "#machinery/strategic-merge.ts";
import { alreadyExists, conflict, notFound } from "#machinery/status.ts";

const eventsMax = 10_000;

interface Watcher {
  readonly id: string;
  readonly request: ListRequest;
  readonly stream: BoundedStream<WatchEvent<KubeObject>>;
}

type Plain = Record<string, unknown>;

export interface RecordedEvent extends ObjectEvent {
  readonly about: string;
}

export class MemoryApi implements Client, InformerFactory, Recorder {
  readonly name = "test";
  readonly events: RecordedEvent[] = [];
  /** How long informers do not hear of a change. */
  informersLateMs = 0;
  private readonly clock: Clock;
  private readonly objects = new Map<string, KubeObject>();
  private readonly watchers = new Set<Watcher>();
  private revision = 1;
  private waiters: (() => void)[] = [];

  constructor(clock: Clock = machineClock) {
    this.clock = clock;
  }

  record(about: KubeObject, event: ObjectEvent): void {
    this.events.push({ ...event, about: about.metadata.name ?? "" });
    this.wake();
  }

  /** Resolves with the first defined answer of `look`, which is asked after every change. */
  async until<T>(look: () => T | undefined, signal: AbortSignal): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.waiters.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  find<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey): T | undefined {
    // Holds because only objects of that resource are stored under its id.
    return this.objects.get(idOf(resource, key)) as T | undefined;
  }

  get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey): Promise<T> {
    const found = this.find(resource, key);
    return found ? Promise.resolve(found) : Promise.reject(notFound(targetOf(resource, key)));
  }

  list<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: ListRequest,
  ): Promise<{ metadata: object; items: T[] }> {
    return Promise.resolve({
      metadata: { resourceVersion: String(this.revision) },
      items: this.select(resource, request),
    });
  }

  async *watch<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const stream = new BoundedStream<WatchEvent<KubeObject>>(eventsMax);
    const watcher = { id: resource.id, request, stream };
    for (const object of this.select(resource, request)) stream.push({ type: "added", object });
    stream.push({ type: "bookmark", resourceVersion: String(this.revision), initialEventsEnd: true });
    this.watchers.add(watcher);
    signal.addEventListener("abort", () => stream.end(), { once: true });
    try {
      // Holds because the watcher only gets objects of its resource.
      for await (const event of stream) yield picked(event as WatchEvent<T>, request.fields);
    } finally {
      this.watchers.delete(watcher);
    }
  }

  async create<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Promise<T> {
    if (this.find(resource, keyOf(object))) throw alreadyExists(targetOf(resource, keyOf(object)));
    const { metadata } = object;
    const uid = metadata.uid ?? machineRandom.uuid();
    const creationTimestamp = rfc3339(this.clock.nowMs());
    return this.store(
      resource,
      { ...object, metadata: { generation: 1, ...metadata, uid, creationTimestamp } },
      "added",
    );
  }

  async update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Promise<T> {
    await this.get(resource, keyOf(object));
    return this.store(resource, object, "modified");
  }

  async patch<T extends KubeObject>(
    { resource, key }: { readonly resource: ResourceDefinition<T>; readonly key: ObjectKey },
    patch: Patch,
  ): Promise<T> {
    const before = await this.get(resource, key);
    if (patch.type !== "merge" && patch.type !== "strategic")
      throw new Error(`patch type ${patch.type} is not used here`);
    const uid = (patch.body["metadata"] as { uid?: string } | undefined)?.uid;
    if (uid !== undefined && uid !== before.metadata.uid) throw conflict(targetOf(resource, key), "another uid");
    // Holds because objects are JSON, and a patched object is still one.
    const object = before as unknown as JsonObject;
    const after = (patch.type === "merge"
      ? applyMergePatch(object, patch.body)
      : applyStrategicMerge(object, patch.body, resource.shape)) as unknown as T;
    return this.store(resource, after, "modified");
  }

  async delete<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    key: ObjectKey,
    request: DeleteRequest = {},
  ): Promise<T> {
    const before = await this.get(resource, key);
    if (request.uid !== undefined && request.uid !== before.metadata.uid)
      throw conflict(targetOf(resource, key), "another uid");
    const { spec } = before as { spec?: { nodeName?: string; terminationGracePeriodSeconds?: number } };
    const grace = request.gracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? 30;
    if (resource.id === "pods" && spec?.nodeName && grace > 0) {
      const deletionTimestamp = rfc3339(this.clock.nowMs() + grace * 1000);
      const generation = (before.metadata.generation ?? 1) + 1;
      const metadata = { ...before.metadata, deletionTimestamp, deletionGracePeriodSeconds: grace, generation };
      return this.store(resource, { ...before, metadata }, "modified");
    }
    if ((before.metadata.finalizers ?? []).length > 0) {
      const deletionTimestamp = rfc3339(this.clock.nowMs());
      const metadata = { ...before.metadata, deletionTimestamp, deletionGracePeriodSeconds: 0 };
      return this.store(resource, { ...before, metadata }, "modified");
    }
    this.objects.delete(idOf(resource, key));
    this.tell(resource, { type: "deleted", object: before });
    return before;
  }

  async deleteCollection<T extends KubeObject>(resource: ResourceDefinition<T>, selection: ListRequest): Promise<void> {
    for (const object of this.select(resource, selection)) await this.delete(resource, keyOf(object));
  }

  /** Answers token requests only. */
  post(): Promise<JsonValue> {
    const expirationTimestamp = rfc3339(this.clock.nowMs() + 3_600_000);
    return Promise.resolve({ status: { token: "token", expirationTimestamp } });
  }

  informer<T extends Named>(what: Readable<T>, selection: ListRequest = {}): Informer<T> {
    const [resource, fields] = [resourceOf(what), fieldsOf(what)];
    // Holds because objects of a resource are asked for by it, and as the view says.
    const seen = (object: KubeObject): T => (fields ? pick(object, fields) : object) as unknown as T;
    const list = (namespace = ""): T[] => this.select(resource, { ...selection, namespace }).map(seen);
    return {
      synced: true,
      whenSynced: () => Promise.resolve(),
      get: (key) => {
        const object = this.find(resource, key);
        return object && seen(object);
      },
      list,
      addIndex: () => undefined,
      byIndex: () => [],
      whenSeen: () => Promise.resolve(),
      onChange: (handler, signal) => void this.follow({ resource, fields, selection, handler, signal }),
    };
  }

  private async follow<T extends Named>(of: {
    readonly resource: ResourceDefinition;
    readonly fields: FieldTree | undefined;
    readonly selection: ListRequest;
    readonly handler: (change: Change<T>) => void;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const seen = new Map<string, T>();
    const request = { ...of.selection, ...(of.fields && { fields: of.fields }) };
    for await (const whole of this.watch(of.resource, request, of.signal)) {
      // Holds as in `informer`.
      const event = whole as unknown as WatchEvent<T>;
      if (event.type === "bookmark") continue;
      if (this.informersLateMs > 0) await this.clock.sleep(this.informersLateMs, of.signal);
      const id = idOf(of.resource, keyOf(event.object));
      const old = seen.get(id);
      if (event.type === "deleted") {
        seen.delete(id);
        of.handler({ type: "deleted", object: event.object, old: old ?? event.object });
      } else {
        seen.set(id, event.object);
        of.handler(
          old ? { type: "modified", object: event.object, old } : { type: "added", object: event.object, old },
        );
      }
    }
  }

  private select<T extends KubeObject>(resource: ResourceDefinition<T>, request: ListRequest): T[] {
    return [...this.objects]
      .filter(([id, object]) => id.startsWith(`${resource.id}|`) && matches(object, request))
      .map(([, object]) => object as T);
  }

  private store<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, type: "added" | "modified"): T {
    this.revision += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.revision) } };
    this.objects.set(idOf(resource, keyOf(object)), stored);
    this.tell(resource, { type, object: stored });
    return stored;
  }

  private tell<T extends KubeObject>(resource: ResourceDefinition<T>, event: WatchEvent<T> & { object: T }): void {
    for (const watcher of this.watchers)
      if (watcher.id === resource.id && matches(event.object, watcher.request)) watcher.stream.push(event);
    this.wake();
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}

function idOf(resource: { readonly id: string }, key: ObjectKey): string {
  return `${resource.id}|${key.namespace}/${key.name}`;
}

function targetOf(
  resource: { readonly group: string; readonly plural: string },
  key: ObjectKey,
): Parameters<typeof notFound>[0] {
  return { group: resource.group, resource: resource.plural, name: key.name };
}

function matches(object: KubeObject, { namespace = "", fieldSelector }: ListRequest): boolean {
  if (namespace !== "" && object.metadata.namespace !== namespace) return false;
  const [path, value] = fieldSelector?.split("=") ?? [];
  if (path === undefined) return true;
  let at: unknown = object;
  for (const name of path.split(".")) at = (at as Plain | undefined)?.[name];
  return at === value;
}
