/**
 * Every object of one resource, in memory, fed by the store's watch. It answers get, list and watch without touching
 * the store: since a write's answer comes after its event, who reads here reads everything that was acknowledged.
 */
import { messageOf } from "#base/assert.ts";
import { abortReason, deadline, type Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Turns } from "#base/turns.ts";
import { futureResourceVersion, gone } from "#machinery/status.ts";
import type { Entry, Revision, Store, StoreEvent } from "#storage/store.ts";
import { EventWindow, type CacheEvent, type LaggingBytes } from "./watch-cache/event-window.ts";
import { Feed, type WatchSink } from "./watch-cache/feed.ts";
import type { Past, PastReader } from "./watch-cache/past.ts";
import type { Selection } from "./selection.ts";
import type { DamagedEntries, DamagedEntry } from "./damaged.ts";
import { StoredObject, type StoredKind } from "./stored-object.ts";

export { LaggingBytes } from "./watch-cache/event-window.ts";
export type { EventType, WatchSink } from "./watch-cache/feed.ts";
export { PastReader } from "./watch-cache/past.ts";

export interface WatchStart {
  /** Changes after this revision; undefined for everything there is, then changes. */
  readonly after: Revision | undefined;
  /** Ends the initial objects with a bookmark. */
  readonly initialBookmark: boolean;
}

export interface WatchCacheParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Shared by all that works long in this thread. */
  readonly turns: Turns;
  /** Shared by all caches: what they hold and read for watchers that are behind. */
  readonly lagging: LaggingBytes;
  readonly past: PastReader;
  /** Ends the store's watch. */
  readonly signal: AbortSignal;
  /** Takes the entries that cannot be read. */
  readonly damaged: DamagedEntries;
}

// How long a read waits for a revision that has not arrived, as upstream.
const revisionWaitMs = 3_000;

export class WatchCache {
  readonly kind: StoredKind;
  private readonly parts: WatchCacheParts;
  private readonly objects = new Map<string, StoredObject>();
  // The same objects by rising key.
  private sorted: StoredObject[] = [];
  // True when somebody holds `sorted` itself: it is copied before it is changed.
  private isLent = false;
  private window: EventWindow;
  private current: Revision = 0;
  private lastChange: Revision = 0;
  private readonly feeds = new Map<string, Set<Feed>>();
  private readonly lagging = new Set<Feed>();
  private waiting: (() => void)[] = [];
  private readonly stopping = new AbortController();
  // Ends the store's watch of the present start.
  private reading = new AbortController();
  private starting: Promise<void> | undefined;
  private started = false;

  constructor(kind: StoredKind, parts: WatchCacheParts) {
    this.kind = kind;
    this.parts = parts;
    this.window = new EventWindow(0, parts.lagging);
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
    this.reading.abort();
    this.endFeeds();
    this.window.clear();
  }

  get(storeKey: string): StoredObject | undefined {
    return this.objects.get(storeKey);
  }

  /** What is known of an entry that cannot be read. */
  damagedAt(storeKey: string): DamagedEntry | undefined {
    return this.parts.damaged.at(storeKey);
  }

  /** The objects of a selection's scope, by rising key, not yet selected. Shared: not to be changed. */
  scope(selection: Selection): readonly StoredObject[] {
    const { from } = selection;
    if (selection.isOne) {
      const found = this.objects.get(from);
      return found ? [found] : [];
    }
    if (from === this.kind.prefix) {
      this.isLent = true;
      return this.sorted;
    }
    return this.sorted.slice(this.place(from), this.place(`${from.slice(0, -1)}0`));
  }

  /** Everything there is now, by rising key. Shared: not to be changed. */
  all(): readonly StoredObject[] {
    this.isLent = true;
    return this.sorted;
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
    using late = deadline(this.parts.clock, revisionWaitMs, signal);
    late.signal.addEventListener("abort", this.wake, { once: true });
    while (this.current < revision && !late.signal.aborted)
      await new Promise<void>((resolve) => void this.waiting.push(resolve));
    late.signal.removeEventListener("abort", this.wake);
    if (this.current < revision) throw futureResourceVersion(String(revision), String(this.current));
  }

  /**
   * Starts to feed `sink`, until the signal is aborted or the sink is too slow.
   *
   * @throws StatusError 410 when changes since the start are no longer known, or not yet, the signal's reason.
   */
  async watch(selection: Selection, start: WatchStart, to: { sink: WatchSink; signal: AbortSignal }): Promise<Feed> {
    const { after, initialBookmark } = start;
    if (after !== undefined && after > this.current) await this.reached(after, to.signal);
    const past = after === undefined ? undefined : await this.pastAfter(after, to.signal);
    // From here to `join` in one turn: what changes later is in the window.
    const feed = new Feed({
      selection,
      sink: to.sink,
      window: this.window,
      turns: this.parts.turns,
      onLag: (lagging, lags) => void (lags ? this.lagging.add(lagging) : this.lagging.delete(lagging)),
      onFailure: (error) => this.parts.log.error("watch failed", { of: this.kind.prefix, error: messageOf(error) }),
      setAside: (object) => this.setAside(object),
    });
    const objects = after === undefined ? this.scope(selection) : [];
    const bookmark = initialBookmark ? this.current : undefined;
    // It never throws: a watcher's failure ends that watcher.
    void feed.start({ objects, bookmark, past, after: past?.through ?? after ?? this.current });
    this.join(feed, to.signal);
    return feed;
  }

  /**
   * A revision that never comes is of another history, as before a backup was restored: whoever has it begins anew
   * instead of hearing nothing until this history is as long.
   */
  private async reached(revision: Revision, signal: AbortSignal): Promise<void> {
    try {
      await this.seen(revision, signal);
    } catch {
      // It never came, or nobody waits any more.
      if (signal.aborted) throw abortReason(signal);
      throw gone(`too large resource version: ${revision}, current: ${this.current}`);
    }
  }

  /** Changes after a revision that the window does not reach back to. @throws as `watch` */
  private async pastAfter(after: Revision, signal: AbortSignal): Promise<Past | undefined> {
    const events: CacheEvent[] = [];
    const pieces: Past[] = [];
    let through = after;
    const release = (): void => {
      for (const piece of pieces) piece.release();
    };
    try {
      // The window moves on while the past is read, so that a bit may be missing again.
      while (!this.window.covers(through)) {
        if (signal.aborted) throw abortReason(signal);
        const { store, past } = this.parts;
        const { prefix: from, prefixEnd: to } = this.kind;
        const eventOf = (event: StoreEvent): CacheEvent => this.cacheEvent(event);
        const piece = await past.read({ store, from, to, after: through, eventOf, signal });
        pieces.push(piece);
        for (const event of piece.events) events.push(event);
        through = piece.through;
      }
    } catch (error) {
      release();
      throw error;
    }
    return pieces.length === 0 ? undefined : { events, through, release };
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
    // A cache that was replaced meanwhile hears of no change any more: the watch ends, and starts anew at the new one.
    if (signal.aborted || this.stopping.signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  }

  private endFeeds(): void {
    for (const feeds of this.feeds.values()) for (const feed of feeds) feed.close();
    this.feeds.clear();
    this.lagging.clear();
  }

  private async start(): Promise<void> {
    const { store, signal } = this.parts;
    const { prefix, prefixEnd } = this.kind;
    const { entries, revision } = await store.range({ from: prefix, to: prefixEnd });
    this.isLent = false;
    this.sorted = entries.flatMap((entry) => this.readable(entry) ?? []);
    this.objects.clear();
    for (const object of this.sorted) this.objects.set(object.storeKey, object);
    this.current = revision;
    this.lastChange = revision;
    this.window = new EventWindow(revision, this.parts.lagging);
    const reading = new AbortController();
    this.reading = reading;
    if (signal.aborted || this.stopping.signal.aborted) reading.abort();
    await store.watch(
      { from: prefix, to: prefixEnd, afterRevision: revision },
      (events, seen) => {
        if (!reading.signal.aborted) this.take(events, seen);
      },
      AbortSignal.any([signal, reading.signal]),
    );
    this.started = true;
  }

  /** Never throws: it is called where others' writes are acknowledged. A cache that fails is read anew when it is asked. */
  private take(events: readonly StoreEvent[], revision: Revision): void {
    try {
      for (const event of events) {
        this.takeOne(this.cacheEvent(event));
        if (event.kind === "put" && !this.objects.has(event.entry.key)) this.readable(event.entry);
      }
    } catch (error) {
      this.parts.log.error("cache failed, it is read anew", { of: this.kind.prefix, error: messageOf(error) });
      this.reading.abort();
      this.started = false;
      this.starting = undefined;
      this.endFeeds();
      this.window.clear();
    }
    this.current = Math.max(this.current, revision);
    if (this.waiting.length > 0) this.wake();
  }

  private takeOne(change: CacheEvent): void {
    this.apply(change);
    this.parts.damaged.remove(change.storeKey);
    this.window.push(change, this.lagging.size > 0);
    this.lastChange = change.revision;
    this.current = Math.max(this.current, change.revision);
    for (const feed of this.lagging) if (!this.window.covers(feed.position)) feed.close();
    this.publish(change);
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
    const { key: storeKey, modRevision: revision } = entry;
    const held = this.objects.get(storeKey);
    const current = held?.revision === revision ? held : this.kind.read(entry);
    if (current instanceof StoredObject) return { revision, storeKey, current, previous };
    // What cannot be read is gone for watchers, as it is for lists.
    return { revision, storeKey, current: undefined, previous: previous ?? this.kind.stub(entry) };
  }

  /** The object of an entry, the one at hand if it is the same; what is left of it when it cannot be read. */
  private known(entry: StoreEvent["previous"] & object): StoredObject {
    const held = this.objects.get(entry.key);
    if (held?.revision === entry.modRevision) return held;
    const read = this.kind.read(entry);
    return read instanceof StoredObject ? read : this.kind.stub(entry);
  }

  /** The object of an entry that is there now; one that cannot be read is set aside. */
  private readable(entry: Entry): StoredObject | undefined {
    const read = this.kind.read(entry);
    if (read instanceof StoredObject) return read;
    this.parts.damaged.add(entry.key, { revision: entry.modRevision, why: read.why });
    return undefined;
  }

  /** What looked sound and cannot be read after all: it is gone for everybody until it is written anew. */
  private setAside(object: StoredObject): boolean {
    const why = object.fault();
    if (why === undefined) return false;
    const { storeKey, revision } = object;
    if (this.objects.get(storeKey) !== object) return true;
    this.parts.damaged.add(storeKey, { revision, why });
    this.apply({ storeKey, current: undefined });
    return true;
  }

  private apply({ storeKey, current }: Pick<CacheEvent, "storeKey" | "current">): void {
    if (this.isLent) {
      this.isLent = false;
      this.sorted = this.sorted.slice();
    }
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
