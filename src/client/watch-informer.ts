/**
 * Informers over any Client. One watch without a version brings every object there is and then each change; when it
 * breaks off it goes on from the last version seen, and begins anew when that is too old.
 */
import { Backoff } from "#base/backoff.ts";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { keyOf, keyText, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import type { Client, WatchEvent } from "./client.ts";
import type { Change, IndexFunction, Informer, InformerFactory } from "./informer.ts";
import { ObjectCache } from "./informer/object-cache.ts";
import { SeenRevisions } from "./informer/seen-revisions.ts";

export interface InformerParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Selection {
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export class WatchInformer<T extends KubeObject> implements Informer<T> {
  readonly resource: ResourceDefinition<T>;
  private readonly parts: InformerParts;
  private readonly selection: Selection;
  private readonly cache: ObjectCache<T>;
  private readonly handlers = new Set<(change: Change<T>) => void>();
  private readonly seen = new SeenRevisions();
  private isSynced = false;
  // Exclusive; undefined when the next watch must begin anew.
  private revision: string | undefined;
  // What a watch that begins anew has brought so far; undefined once its initial events are over.
  private beginning: Map<string, T> | undefined;

  constructor(resource: ResourceDefinition<T>, selection: Selection, parts: InformerParts) {
    this.resource = resource;
    this.selection = selection;
    this.parts = parts;
    this.cache = new ObjectCache((index, error) =>
      parts.log.error("an index failed", { resource: resource.id, index, error: messageOf(error) }),
    );
  }

  get synced(): boolean {
    return this.isSynced;
  }

  whenSynced(signal: AbortSignal): Promise<void> {
    return this.isSynced ? Promise.resolve() : this.seen.first(signal);
  }

  whenSeen(resourceVersion: string, signal: AbortSignal): Promise<void> {
    return this.seen.atLeast(resourceVersion, signal);
  }

  get(key: ObjectKey): T | undefined {
    return this.cache.get(key);
  }

  list(namespace = ""): readonly T[] {
    return this.cache.list(namespace);
  }

  addIndex(name: string, of: IndexFunction<T>): void {
    this.cache.addIndex(name, of);
  }

  byIndex(name: string, value: string): readonly T[] {
    return this.cache.byIndex(name, value);
  }

  onChange(handler: (change: Change<T>) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.handlers.add(handler);
    signal.addEventListener("abort", () => this.handlers.delete(handler), { once: true });
    for (const object of this.cache.list("")) this.tell(handler, { type: "added", object, old: undefined });
  }

  /** Watches until the signal is aborted. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts;
    const backoff = new Backoff({ firstMs: 100, maxMs: 30_000, resetAfterMs: 60_000, clock });
    while (!signal.aborted) {
      try {
        // A watch that brought no change before it ended is not asked for again at once.
        if (await this.watchOnce(signal)) continue;
      } catch (error) {
        if (signal.aborted) return;
        if (isReason(error, "Expired") || isReason(error, "Gone")) this.revision = undefined;
        else log.warn("watch failed", { resource: this.resource.id, error: messageOf(error) });
      }
      // The only way this sleep rejects is the abort, which ends the loop.
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  /** True when it brought a change, beyond what there was at its beginning. */
  private async watchOnce(signal: AbortSignal): Promise<boolean> {
    const from = this.revision === undefined ? {} : { resourceVersion: this.revision };
    this.beginning = this.revision === undefined ? new Map() : undefined;
    let any = false;
    for await (const event of this.parts.client.watch(this.resource, { ...this.selection, ...from }, signal)) {
      any ||= this.beginning === undefined;
      this.take(event);
    }
    return any;
  }

  private take(event: WatchEvent<T>): void {
    if (event.type === "bookmark") {
      if (this.beginning && event.initialEventsEnd) {
        this.replaceAll(this.beginning);
        this.seen.beginAnew();
      }
      if (!this.beginning) this.reached(event.resourceVersion);
      return;
    }
    if (this.beginning) this.begin(this.beginning, event);
    else {
      const change = this.cache.apply(event.type, event.object);
      if (change) this.emit(change);
      this.reached(event.object.metadata.resourceVersion ?? "0");
    }
  }

  private begin(beginning: Map<string, T>, event: Exclude<WatchEvent<T>, { type: "bookmark" }>): void {
    const key = this.cache.keyText(event.object);
    if (event.type === "deleted") beginning.delete(key);
    else beginning.set(key, event.object);
  }

  private replaceAll(objects: ReadonlyMap<string, T>): void {
    this.beginning = undefined;
    for (const change of this.cache.replaceAll(objects)) this.emit(change);
    this.isSynced = true;
  }

  private reached(revision: string): void {
    this.revision = revision;
    this.seen.reach(revision);
  }

  private emit(change: Change<T>): void {
    for (const handler of this.handlers) this.tell(handler, change);
  }

  /** A handler that fails reaches neither the watch nor other handlers. */
  private tell(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      const object = keyText(keyOf(change.object));
      this.parts.log.error("a handler failed", { resource: this.resource.id, object, error: messageOf(error) });
    }
  }
}

/**
 * One informer for each resource and selection, shared by all who ask and watched from the first request on, until the
 * signal is aborted.
 */
export function createInformers(
  client: Client,
  parts: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): InformerFactory {
  return new SharedInformers({ client, ...parts }, signal);
}

class SharedInformers implements InformerFactory {
  private readonly parts: InformerParts;
  private readonly signal: AbortSignal;
  private readonly informers = new Map<string, WatchInformer<KubeObject>>();

  constructor(parts: InformerParts, signal: AbortSignal) {
    this.parts = parts;
    this.signal = signal;
  }

  informer<T extends KubeObject>(resource: ResourceDefinition<T>, selection: Selection = {}): Informer<T> {
    const { namespace = "", fieldSelector = "", labelSelector = "" } = selection;
    const id = JSON.stringify([resource.apiVersion, resource.plural, namespace, fieldSelector, labelSelector]);
    const known = this.informers.get(id);
    const informer = known ?? new WatchInformer(untyped(resource), selection, this.parts);
    if (!known) {
      this.informers.set(id, informer);
      void informer.run(this.signal);
    }
    // Holds because an informer is only ever given objects of its own resource.
    return informer as unknown as Informer<T>;
  }
}
