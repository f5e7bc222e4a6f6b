/**
 * Every object of one resource, in memory, fed by the store's watch. It answers get, list and watch without touching
 * the store: since a write's answer comes after its event, who reads here reads everything that was acknowledged.
 */
import type { Clock } from "#base/clock.ts";
import { futureResourceVersion, gone } from "#machinery/status.ts";
import { CompactedError, type Revision, type Store, type StoreEvent } from "#storage/store.ts";
import { Feed, type WatchSink } from "./watch-cache/feed.ts";
import { EventWindow, type CacheEvent } from "./watch-cache/event-window.ts";
import type { Selection } from "./selection.ts";
import type { StoredKind, StoredObject } from "./stored-object.ts";

export type { EventType, WatchSink } from "./watch-cache/feed.ts";

export interface WatchStart {
  /** Changes after this revision; undefined for everything there is, then changes. */
  readonly after: Revision | undefined;
  /** Ends the initial objects with a bookmark. */
  readonly initialBookmark: boolean;
}

export interface WatchCacheParts {
  readonly store: Store;
  readonly clock: Clock;
  /** Ends the store's watch. */
  readonly signal: AbortSignal;
}

// How long a read waits for a revision that has not arrived, as upstream.
const revisionWaitMs = 3_000;

export class WatchCache {
  readonly kind: StoredKind;
  private readonly parts: WatchCacheParts;
  private readonly objects = new Map<string, StoredObject>();
  // The same objects by rising key.
  private sorted: StoredObject[] = [];
  private window = new EventWindow(0);
  private current: Revision = 0;
  private lastChange: Revision = 0;
  private readonly feeds = new Map<string, Set<Feed>>();
  private waiting: (() => void)[] = [];
  private readonly stopping = new AbortController();
  private starting: Promise<void> | undefined;
  private started = false;

  constructor(kind: StoredKind, parts: WatchCacheParts) {
    this.kind = kind;
    this.parts = parts;
  }

  /** The store's revision that this cache has seen. */
  get revision(): Revision {
    return this.current;
  }

  get size(): number {
    return this.sorted.length;
  }

  /** Loads the resource on first use. Must be awaited before anything else. */
  ready(): Promise<void> | undefined {
    if (this.started) return undefined;
    this.starting ??= this.start().catch((error: unknown) => {
      this.starting = undefined;
      throw error;
    });
    return this.starting;
  }

  /** Ends every watch and lets go of the store: the resource is no longer served. */
  stop(): void {
    this.stopping.abort();
    for (const feeds of this.feeds.values()) for (const feed of feeds) feed.close();
    this.feeds.clear();
  }

  get(storeKey: string): StoredObject | undefined {
    return this.objects.get(storeKey);
  }

  /** The objects of a selection's scope, by rising key, not yet selected. The array is the caller's. */
  scope(selection: Selection): StoredObject[] {
    const { from } = selection;
    if (selection.isOne) {
      const found = this.objects.get(from);
      return found ? [found] : [];
    }
    if (from === this.kind.prefix) return this.sorted.slice();
    return this.sorted.slice(this.place(from), this.place(`${from.slice(0, -1)}0`));
  }

  /** The objects of a namespace, by rising name. The array is the caller's. */
  inNamespace(namespace: string): StoredObject[] {
    const from = `${this.kind.prefix}${namespace}/`;
    return this.sorted.slice(this.place(from), this.place(`${from.slice(0, -1)}0`));
  }

  /** True when nothing of this resource changed after `revision`: now is then. */
  unchangedSince(revision: Revision): boolean {
    return this.lastChange <= revision && revision <= this.current;
  }

  /** Waits until the cache has seen `revision`. @throws StatusError 504 when that takes too long. */
  async seen(revision: Revision, signal: AbortSignal): Promise<void> {
    if (this.current >= revision) return;
    const late = AbortSignal.any([signal, this.expired(revisionWaitMs)]);
    late.addEventListener("abort", this.wake, { once: true });
    while (this.current < revision && !late.aborted) await new Promise<void>((resolve) => this.waiting.push(resolve));
    late.removeEventListener("abort", this.wake);
    if (this.current < revision) throw futureResourceVersion(String(revision), String(this.current));
  }

  /**
   * Starts to feed `sink`, until the signal is aborted or the sink is too slow.
   *
   * @throws StatusError 410 when changes since the start are no longer known.
   */
  async watch(selection: Selection, start: WatchStart, to: { sink: WatchSink; signal: AbortSignal }): Promise<Feed> {
    const { after, initialBookmark } = start;
    const past: CacheEvent[] = [];
    let joined = after ?? 0;
    let recent = after === undefined ? [] : this.window.after(joined);
    while (!recent) {
      const read = await this.pastOf(joined, to.signal);
      past.push(...read.events);
      joined = read.revision;
      recent = this.window.after(joined);
    }
    // From here to `join` in one turn: what changes later goes into the feed's queue.
    const objects = after === undefined ? this.scope(selection).filter((object) => selection.selects(object)) : [];
    const events = [...past, ...recent].filter(({ storeKey }) => within(selection, storeKey));
    const feed = new Feed(selection.from, selection, to.sink);
    this.join(feed, to.signal);
    void feed.start({ objects, events, bookmark: initialBookmark ? this.current : undefined });
    return feed;
  }

  /** Changes that left the window, from the store's log, and the revision up to which they are complete. */
  private async pastOf(after: Revision, signal: AbortSignal): Promise<{ events: CacheEvent[]; revision: Revision }> {
    const events: StoreEvent[] = [];
    let revision = after;
    const reading = new AbortController();
    const request = { from: this.kind.prefix, to: this.kind.prefixEnd, afterRevision: after };
    const listener = (batch: readonly StoreEvent[], seen: Revision): void => {
      events.push(...batch);
      revision = seen;
    };
    try {
      await this.parts.store.watch(request, listener, AbortSignal.any([reading.signal, signal]));
    } catch (error) {
      if (error instanceof CompactedError) throw gone(`too old resource version: ${after} (${error.oldest})`);
      throw error;
    } finally {
      reading.abort();
    }
    return { events: events.map((event) => this.cacheEvent(event)), revision };
  }

  private expired(afterMs: number): AbortSignal {
    const controller = new AbortController();
    this.parts.clock.after(afterMs, () => controller.abort());
    return controller.signal;
  }

  private join(feed: Feed, signal: AbortSignal): void {
    const feeds = this.feeds.get(feed.scope) ?? new Set();
    this.feeds.set(feed.scope, feeds);
    feeds.add(feed);
    const leave = (): void => {
      feeds.delete(feed);
      if (feeds.size === 0 && this.feeds.get(feed.scope) === feeds) this.feeds.delete(feed.scope);
      feed.close();
    };
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  }

  private async start(): Promise<void> {
    const { store, signal } = this.parts;
    const { prefix, prefixEnd } = this.kind;
    const { entries, revision } = await store.range({ from: prefix, to: prefixEnd });
    this.sorted = entries.map((entry) => this.kind.fromEntry(entry));
    this.objects.clear();
    for (const object of this.sorted) this.objects.set(object.storeKey, object);
    this.current = revision;
    this.lastChange = revision;
    this.window = new EventWindow(revision);
    await store.watch(
      { from: prefix, to: prefixEnd, afterRevision: revision },
      (events, seen) => this.take(events, seen),
      AbortSignal.any([signal, this.stopping.signal]),
    );
    this.started = true;
  }

  private take(events: readonly StoreEvent[], revision: Revision): void {
    for (const event of events) {
      const change = this.cacheEvent(event);
      this.apply(change);
      this.window.push(change);
      this.lastChange = change.revision;
      this.current = Math.max(this.current, change.revision);
      this.publish(change);
    }
    this.current = Math.max(this.current, revision);
    if (this.waiting.length > 0) this.wake();
  }

  private readonly wake = (): void => {
    const woken = this.waiting;
    this.waiting = [];
    for (const resolve of woken) resolve();
  };

  private cacheEvent(event: StoreEvent): CacheEvent {
    const previous = event.previous ? this.known(event.previous) : undefined;
    if (event.kind === "deleted")
      return { revision: event.revision, storeKey: event.key, current: undefined, previous };
    const { entry } = event;
    return { revision: entry.modRevision, storeKey: entry.key, current: this.known(entry), previous };
  }

  /** The object of an entry, the one at hand if it is the same. */
  private known(entry: StoreEvent["previous"] & object): StoredObject {
    const held = this.objects.get(entry.key);
    return held?.revision === entry.modRevision ? held : this.kind.fromEntry(entry);
  }

  private apply({ storeKey, current }: CacheEvent): void {
    const at = this.place(storeKey);
    const isHeld = this.sorted[at]?.storeKey === storeKey;
    if (current) {
      this.objects.set(storeKey, current);
      if (isHeld) this.sorted[at] = current;
      else if (at === this.sorted.length) this.sorted.push(current);
      else this.sorted.splice(at, 0, current);
    } else if (isHeld) {
      this.objects.delete(storeKey);
      this.sorted.splice(at, 1);
    }
  }

  private publish(change: CacheEvent): void {
    if (this.feeds.size === 0) return;
    const { storeKey } = change;
    const scopes = [this.kind.prefix, storeKey];
    if (this.kind.definition.namespaced) scopes.push(storeKey.slice(0, storeKey.lastIndexOf("/") + 1));
    for (const scope of scopes) {
      const feeds = this.feeds.get(scope);
      if (feeds) for (const feed of feeds) feed.offer(change);
    }
  }

  /** Where the first object stands whose key is not below `key`. */
  private place(key: string): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const held = this.sorted[middle];
      if (held && held.storeKey < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function within(selection: Selection, storeKey: string): boolean {
  return selection.isOne ? storeKey === selection.from : storeKey.startsWith(selection.from);
}
