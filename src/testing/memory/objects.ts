/** The objects of a memory cluster, their revisions and history. */
import { randomUUID } from "node:crypto";
import { rfc3339, type Clock } from "#base/clock.ts";
import type { DeleteRequest } from "#client/client.ts";
import { deepEqual } from "#machinery/equal.ts";
import { deepFreeze } from "#machinery/freeze.ts";
import { keyOf, keyText, type KubeObject, type ObjectKey, type ObjectMeta } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { alreadyExists, conflict, modified, notFound } from "#machinery/status.ts";

export interface HistoryEvent {
  readonly revision: number;
  readonly id: string;
  readonly type: "added" | "modified" | "deleted";
  readonly object: KubeObject;
  /** The object before; absent for added. */
  readonly old: KubeObject | undefined;
}

const historyMax = 10_000;

export class MemoryObjects {
  readonly clock: Clock;
  revision = 1;
  compacted = 0;
  private readonly tables = new Map<string, Map<string, KubeObject>>();
  private history: HistoryEvent[] = [];
  private readonly listeners = new Set<{ event(event: HistoryEvent): void; end(): void }>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  find(definition: ResourceDefinition, key: ObjectKey): KubeObject | undefined {
    return this.table(definition).get(keyText(key));
  }

  get(definition: ResourceDefinition, key: ObjectKey): KubeObject {
    const found = this.find(definition, key);
    if (!found) throw notFound(targetOf(definition, key.name));
    return found;
  }

  /** Sorted by key. */
  all(definition: ResourceDefinition): KubeObject[] {
    return [...this.table(definition)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  create(definition: ResourceDefinition, object: KubeObject, dryRun = false): KubeObject {
    const key = keyOf(object);
    if (this.find(definition, key)) throw alreadyExists(targetOf(definition, key.name));
    const stamped = withMeta(object, {
      uid: randomUUID(),
      generation: 1,
      creationTimestamp: rfc3339(this.clock.nowMs()),
    });
    return dryRun ? stamped : this.store(definition, "added", stamped);
  }

  update(definition: ResourceDefinition, object: KubeObject, dryRun = false): KubeObject {
    const key = keyOf(object);
    const live = this.get(definition, key);
    const { metadata } = live;
    const sent = object.metadata.resourceVersion;
    if (sent !== undefined && sent !== metadata.resourceVersion) throw modified(targetOf(definition, key.name));
    const { uid, creationTimestamp, deletionTimestamp, resourceVersion, generation = 1 } = metadata;
    const specChanged = !deepEqual(specOf(object), specOf(live));
    const kept = { uid, creationTimestamp, deletionTimestamp, resourceVersion };
    const stamped = withMeta(object, { ...kept, generation: specChanged ? generation + 1 : generation });
    if (dryRun || deepEqual(stamped, live)) return stamped;
    const gone = deletionTimestamp !== undefined && (stamped.metadata.finalizers ?? []).length === 0;
    return this.store(definition, gone ? "deleted" : "modified", stamped);
  }

  delete(definition: ResourceDefinition, key: ObjectKey, request: DeleteRequest): KubeObject {
    const live = this.get(definition, key);
    const { uid, resourceVersion, finalizers = [], deletionTimestamp } = live.metadata;
    if (request.uid !== undefined && request.uid !== uid)
      throw conflict(
        targetOf(definition, key.name),
        `Precondition failed: UID in precondition: ${request.uid}, UID in object meta: ${uid}`,
      );
    if (request.resourceVersion !== undefined && request.resourceVersion !== resourceVersion)
      throw modified(targetOf(definition, key.name));
    if (finalizers.length === 0) return this.store(definition, "deleted", live);
    if (deletionTimestamp !== undefined) return live;
    return this.store(definition, "modified", withMeta(live, { deletionTimestamp: rfc3339(this.clock.nowMs()) }));
  }

  /** Events after a revision, then what happens, until the returned function is called. */
  listen(listener: { event(event: HistoryEvent): void; end(): void }, afterRevision: number): () => void {
    for (const event of this.history) if (event.revision > afterRevision) listener.event(event);
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  compact(): void {
    this.compacted = this.revision;
    this.history = [];
  }

  closeWatches(): void {
    for (const listener of this.listeners) listener.end();
    this.listeners.clear();
  }

  private store(definition: ResourceDefinition, type: HistoryEvent["type"], object: KubeObject): KubeObject {
    this.revision += 1;
    const stored = deepFreeze(withMeta(object, { resourceVersion: String(this.revision) }));
    const table = this.table(definition);
    const key = keyText(keyOf(stored));
    const old = table.get(key);
    if (type === "deleted") table.delete(key);
    else table.set(key, stored);
    const event = { revision: this.revision, id: definition.id, type, object: stored, old };
    this.history.push(event);
    if (this.history.length > historyMax) this.compacted = this.history.shift()?.revision ?? this.compacted;
    for (const listener of this.listeners) listener.event(event);
    return stored;
  }

  private table(definition: ResourceDefinition): Map<string, KubeObject> {
    const known = this.tables.get(definition.id);
    if (known) return known;
    const table = new Map<string, KubeObject>();
    this.tables.set(definition.id, table);
    return table;
  }
}

function withMeta(
  object: KubeObject,
  meta: { readonly [K in keyof ObjectMeta]?: ObjectMeta[K] | undefined },
): KubeObject {
  const metadata = Object.fromEntries(
    Object.entries({ ...object.metadata, ...meta }).filter(([, value]) => value !== undefined),
  );
  return { ...object, metadata };
}

function specOf(object: KubeObject): unknown {
  // Holds because reading an absent property gives undefined.
  return (object as { readonly spec?: unknown }).spec;
}

function targetOf(definition: ResourceDefinition, name: string): { group: string; resource: string; name: string } {
  return { group: definition.group, resource: definition.plural, name };
}
