/**
 * Informers over any Client. One watch without a version brings every object there is and then each change; when it
 * breaks off it goes on from the last version seen, and begins anew when that is too old.
 */
import { Backoff } from "#base/backoff.ts";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { turnsOf, type Turns } from "#base/turns.ts";
import { keyOf, keyText, type Named, type ObjectKey } from "#machinery/meta.ts";
import type { Readable, ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { covers, fieldsOf, resourceOf, union, type FieldTree } from "#machinery/view.ts";
import type { Client, WatchEvent } from "./client.ts";
import type { Change, IndexFunction, Informer, InformerFactory, Selection } from "./informer.ts";
import { ObjectCache } from "./informer/object-cache.ts";
import { SeenRevisions } from "./informer/seen-revisions.ts";

export interface InformerParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
}

/** What an informer holds of which objects. */
interface Scope {
  readonly resource: ResourceDefinition;
  readonly selection: Selection;
  /** Undefined for whole objects. */
  readonly fields: FieldTree | undefined;
}

/** All there is, by key text, at a revision. */
interface Beginning<T> {
  readonly objects: ReadonlyMap<string, T>;
  readonly revision: string;
}

export class WatchInformer<T extends Named> implements Informer<T> {
  private readonly parts: InformerParts;
  private readonly resource: ResourceDefinition;
  private readonly selection: Selection;
  private fields: FieldTree | undefined;
  // What is held of objects is settled with the first watch.
  private begun = false;
  private readonly turns: Turns;
  private readonly cache: ObjectCache<T>;
  private readonly handlers = new Set<(change: Change<T>) => void>();
  private readonly seen = new SeenRevisions();
  private isSynced = false;
  // Exclusive; undefined when the next watch must begin anew.
  private revision: string | undefined;
  // What a watch that begins anew has brought so far; undefined once its initial events are over.
  private beginning: Map<string, T> | undefined;

  constructor({ resource, selection, fields }: Scope, parts: InformerParts) {
    this.resource = resource;
    this.selection = selection;
    this.fields = fields;
    this.parts = parts;
    this.turns = turnsOf(parts.clock);
    this.cache = new ObjectCache((index, error) =>
      parts.log.error("an index failed", { resource: resource.id, index, error: messageOf(error) }),
    );
  }

  /** Sees to it that these fields are held, too. False when it is too late for that. */
  holds(fields: FieldTree | undefined): boolean {
    if (!this.begun) this.fields = union(this.fields, fields);
    return covers(this.fields, fields);
  }

  /** What is held of each object; undefined for all of it. */
  get held(): FieldTree | undefined {
    return this.fields;
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
    this.begun = true;
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
    const { client } = this.parts;
    const from = this.revision === undefined ? {} : { resourceVersion: this.revision };
    const what = { ...this.selection, ...from, ...(this.fields && { fields: this.fields }) };
    this.beginning = this.revision === undefined ? new Map() : undefined;
    let any = false;
    for await (const event of client.watch(this.resource, what, signal)) {
      any ||= this.beginning === undefined;
      // Holds because the watch brings what was asked for, which is what `T` says.
      const beginning = this.take(event as unknown as WatchEvent<T>);
      // Changes are never held up: who has just been given a right is to have it at once.
      if (beginning) await this.replaceAll(beginning);
    }
    return any;
  }

  /** What there is, once a watch that began anew has brought all of it. */
  private take(event: WatchEvent<T>): Beginning<T> | undefined {
    const { beginning } = this;
    if (event.type === "bookmark") {
      if (beginning && event.initialEventsEnd) return { objects: beginning, revision: event.resourceVersion };
      if (!beginning) this.reached(event.resourceVersion);
    } else if (beginning) this.begin(beginning, event);
    else {
      const change = this.cache.apply(event.type, event.object);
      if (change) this.emit(change);
      this.reached(event.object.metadata.resourceVersion ?? "0");
    }
    return undefined;
  }

  private begin(beginning: Map<string, T>, event: Exclude<WatchEvent<T>, { type: "bookmark" }>): void {
    const key = this.cache.keyText(event.object);
    if (event.type === "deleted") beginning.delete(key);
    else beginning.set(key, event.object);
  }

  /** In pieces: handlers hear of every object there is, and there may be 150,000. */
  private async replaceAll({ objects, revision }: Beginning<T>): Promise<void> {
    for (const change of this.cache.replaceAll(objects)) {
      this.emit(change);
      const rest = this.turns.rest();
      if (rest) await rest;
    }
    this.beginning = undefined;
    this.isSynced = true;
    this.seen.beginAnew();
    this.reached(revision);
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
): SharedInformers {
  return new SharedInformers({ client, ...parts }, signal);
}

export class SharedInformers implements InformerFactory {
  private readonly parts: InformerParts;
  private readonly signal: AbortSignal;
  // By resource and selection; more than one only where somebody came late who reads more than those before.
  private readonly informers = new Map<string, WatchInformer<Named>[]>();
  // What will be asked for, by the same.
  private readonly expected = new Map<string, FieldTree | undefined>();

  constructor(parts: InformerParts, signal: AbortSignal) {
    this.parts = parts;
    this.signal = signal;
  }

  /** Says what will be asked for later, so that an informer that begins now holds it, too. */
  expect(what: Readable<Named>, selection: Selection = {}): void {
    const id = idOf(what, selection);
    this.expected.set(id, this.expected.has(id) ? union(this.expected.get(id), fieldsOf(what)) : fieldsOf(what));
  }

  informer<T extends Named>(what: Readable<T>, selection: Selection = {}): Informer<T> {
    const id = idOf(what, selection);
    const known = this.informers.get(id) ?? [];
    this.informers.set(id, known);
    const informer = known.find((one) => one.holds(fieldsOf(what))) ?? this.begin(what, selection);
    if (!known.includes(informer)) known.unshift(informer);
    // Holds because an informer is only ever given objects of its own resource, with at least the fields that were asked for.
    return informer as unknown as Informer<T>;
  }

  /** How many informers there are, and how many kinds and selections they are of. */
  get counts(): { readonly informers: number; readonly kinds: number } {
    const all = [...this.informers.values()];
    return { informers: all.reduce((sum, { length }) => sum + length, 0), kinds: all.length };
  }

  private begin(what: Readable<Named>, selection: Selection): WatchInformer<Named> {
    const id = idOf(what, selection);
    let fields = this.expected.has(id) ? union(this.expected.get(id), fieldsOf(what)) : fieldsOf(what);
    // Those who read less than a latecomer are served by what they have; whoever comes next finds all in one.
    for (const { held } of this.informers.get(id) ?? []) fields = union(fields, held);
    const informer = new WatchInformer<Named>({ resource: resourceOf(what), selection, fields }, this.parts);
    // What others ask for in this turn is held, too.
    queueMicrotask(() => void informer.run(this.signal));
    return informer;
  }
}

function idOf(what: Readable<Named>, selection: Selection): string {
  const { apiVersion, plural } = resourceOf(what);
  const { namespace = "", fieldSelector = "", labelSelector = "" } = selection;
  return JSON.stringify([apiVersion, plural, namespace, fieldSelector, labelSelector]);
}
