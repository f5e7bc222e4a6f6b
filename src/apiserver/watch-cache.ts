/**
 * Every object of one resource, in memory, fed by the store's watch. It answers get, list and watch without touching
 * the store: since a write's answer comes after its event, who reads here reads everything that was acknowledged.
 */
import { messageOf } from "#base/assert.ts";
import { abortReason, deadline, type Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { SortedView } from "#base/sorted-map.ts";
import type { Turns } from "#base/turns.ts";
import { futureResourceVersion, gone } from "#machinery/status.ts";
import {
  absent,
  type Entry,
  keyOf,
  type PastEvent,
  type Revision,
  type Store,
  type StoreEvent,
} from "#storage/store.ts";
import { Audience } from "./watch-cache/audience.ts";
import { EventWindow, type CacheEvent } from "./watch-cache/event-window.ts";
import { Feed, type WatchSink } from "./watch-cache/feed.ts";
import type { History } from "./watch-cache/history.ts";
import { KindObjects, scopeEnd, type Scope } from "./watch-cache/kind-objects.ts";
import type { Past, PastReader } from "./watch-cache/past.ts";
import type { Selection } from "./selection.ts";
import type { DamagedEntries, DamagedEntry } from "./damaged.ts";
import { StoredObject, type StoredKind } from "./stored-object.ts";

export { History } from "./watch-cache/history.ts";
export { scopeEnd, type Scope } from "./watch-cache/kind-objects.ts";
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
  /** Shared by all caches: what they hold of the past, and read of it for watchers that are behind. */
  readonly history: History;
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
  private readonly objects: KindObjects;
  private window: EventWindow;
  // Of the last event or reading: nothing happened here since, as far as the store has told.
  private current: Revision = 0;
  private lastChange: Revision = 0;
  private readonly audience = new Audience();
  private readonly stopping = new AbortController();
  // Ends the store's watch of the present start.
  private reading = new AbortController();
  private starting: Promise<void> | undefined;
  private started = false;

  constructor(kind: StoredKind, parts: WatchCacheParts) {
    this.kind = kind;
    this.parts = parts;
    this.objects = new KindObjects(parts.turns, parts.history);
    this.window = new EventWindow(0, parts.history);
  }

  /** The revision that this cache is complete up to. */
  get revision(): Revision {
    return this.started ? Math.max(this.current, this.parts.store.revision) : this.current;
  }

  get size(): number {
    return this.objects.size;
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
    this.audience.end();
    this.window.clear();
    this.objects.clear();
  }

  get(storeKey: string): StoredObject | undefined {
    return this.objects.get(storeKey);
  }

  /** What is known of an entry that cannot be read. */
  damagedAt(storeKey: string): DamagedEntry | undefined {
    return this.parts.damaged.at(storeKey);
  }

  /** Awaited before `scope`, for a selection that an index answers. */
  indexed(selection: Selection): Promise<void> {
    return this.objects.indexed(selection);
  }

  /** The objects now among which all of a selection are. */
  scope(selection: Selection): Scope {
    return this.objects.scope(selection);
  }

  /** Everything at a revision, when that is now or was kept for a list's pages. */
  viewAt(revision: Revision): SortedView<StoredObject> | undefined {
    return this.unchangedSince(revision) ? this.objects.view() : this.objects.viewAt(revision);
  }

  /** Everything there is now. */
  view(): SortedView<StoredObject> {
    return this.objects.view();
  }

  /** Keeps a view for the further pages of a list. @param revision The list's, which the view is of. */
  keepView(revision: Revision, view: SortedView<StoredObject>): void {
    this.objects.keepView(revision, view);
  }

  /** Everything there is now, by rising key. The array is the caller's. */
  all(): StoredObject[] {
    return this.objects.view().values();
  }

  /** The objects of a namespace, by rising name. The array is the caller's. */
  inNamespace(namespace: string): StoredObject[] {
    const from = `${this.kind.prefix}${namespace}/`;
    return [...this.objects.view().range(from, scopeEnd(from))];
  }

  /** True when nothing of this resource changed after `revision`: now is then. */
  private unchangedSince(revision: Revision): boolean {
    return this.lastChange <= revision && revision <= this.revision;
  }

  /** Waits until the cache has seen `revision`. @throws StatusError 504 when that takes too long. */
  async seen(revision: Revision, signal: AbortSignal): Promise<void> {
    if (this.revision >= revision) return;
    using late = deadline(this.parts.clock, revisionWaitMs, signal);
    await this.parts.store.reached(revision, late.signal);
    if (this.revision < revision) throw futureResourceVersion(String(revision), String(this.revision));
  }

  /**
   * Starts to feed `sink`, until the signal is aborted or the sink is too slow.
   *
   * @throws StatusError 410 when changes since the start are no longer known, or not yet, the signal's reason.
   */
  async watch(selection: Selection, start: WatchStart, to: { sink: WatchSink; signal: AbortSignal }): Promise<Feed> {
    const { after, initialBookmark } = start;
    if (after !== undefined && after > this.revision) await this.reached(after, to.signal);
    const past = after === undefined ? undefined : await this.pastAfter(after, to.signal);
    if (after === undefined) await this.indexed(selection);
    // From here to `join` in one turn: what changes later is in the window.
    const feed = new Feed({
      selection,
      sink: to.sink,
      window: this.window,
      turns: this.parts.turns,
      onFailure: (error) => this.parts.log.error("watch failed", { of: this.kind.prefix, error: messageOf(error) }),
      setAside: (object) => this.setAside(object),
    });
    const objects = after === undefined ? within(this.scope(selection)) : [];
    const bookmark = initialBookmark ? this.revision : undefined;
    // It never throws: a watcher's failure ends that watcher.
    void feed.start({ objects, bookmark, past, after: past?.through ?? after ?? this.revision });
    this.join(feed, selection, to.signal);
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
      throw gone(`too large resource version: ${revision}, current: ${this.revision}`);
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
        const eventOf = (event: PastEvent): CacheEvent => this.pastEvent(event);
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

  private join(feed: Feed, selection: Selection, signal: AbortSignal): void {
    const removed = this.audience.add(feed, selection);
    const leave = (): void => {
      removed();
      feed.close();
    };
    // A cache that was replaced meanwhile hears of no change any more: the watch ends, and starts anew at the new one.
    if (signal.aborted || this.stopping.signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  }

  private async start(): Promise<void> {
    const { store, signal } = this.parts;
    const { prefix, prefixEnd } = this.kind;
    const { entries, revision } = await store.range({ from: prefix, to: prefixEnd });
    this.objects.replaceAll(entries.flatMap((entry) => this.readable(entry) ?? []));
    this.current = revision;
    this.lastChange = revision;
    this.window = new EventWindow(revision, this.parts.history);
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
        this.takeOne(this.cacheEvent(event, this.replaced(event)));
        if (event.kind === "put" && !this.objects.get(event.entry.key)) this.readable(event.entry);
      }
    } catch (error) {
      this.parts.log.error("cache failed, it is read anew", { of: this.kind.prefix, error: messageOf(error) });
      this.reading.abort();
      this.started = false;
      this.starting = undefined;
      this.audience.end();
      this.window.clear();
    }
    this.current = Math.max(this.current, revision);
  }

  private takeOne(change: CacheEvent): void {
    this.objects.apply(change);
    this.parts.damaged.remove(change.storeKey);
    this.window.push(change);
    this.lastChange = change.revision;
    this.current = Math.max(this.current, change.revision);
    this.audience.offer(change, this.scopesOf(change.storeKey));
  }

  /** @param previous What the event replaced, if anything. */
  private cacheEvent(event: StoreEvent, previous: StoredObject | undefined): CacheEvent {
    if (event.kind === "deleted")
      return { revision: event.revision, storeKey: event.key, current: undefined, previous };
    const { entry } = event;
    const { key: storeKey, modRevision: revision } = entry;
    const held = this.objects.get(storeKey);
    const current = held?.revision === revision ? held : this.kind.read(entry);
    if (current instanceof StoredObject) return { revision, storeKey, current, previous };
    // What cannot be read is gone for watchers, as it is for lists.
    return { revision, storeKey, current: undefined, previous: previous ?? this.kind.stub(storeKey, revision) };
  }

  /** What is here of the state that a key had before an event. */
  private replaced(event: StoreEvent): StoredObject | undefined {
    const { previousRevision } = event;
    if (previousRevision === absent) return undefined;
    const storeKey = keyOf(event);
    const held = this.objects.get(storeKey);
    return held?.revision === previousRevision ? held : this.kind.stub(storeKey, previousRevision);
  }

  private pastEvent(event: PastEvent): CacheEvent {
    return this.cacheEvent(event, event.previous && this.known(event.previous));
  }

  /** The object of an entry, the one at hand if it is the same; what is left of it when it cannot be read. */
  private known(entry: Entry): StoredObject {
    const held = this.objects.get(entry.key);
    if (held?.revision === entry.modRevision) return held;
    const read = this.kind.read(entry);
    return read instanceof StoredObject ? read : this.kind.stub(entry.key, entry.modRevision);
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
    this.objects.apply({ storeKey, current: undefined });
    return true;
  }

  /** Whatever a watch may have as its scope that has this key. */
  private scopesOf(storeKey: string): readonly string[] {
    const { prefix, definition } = this.kind;
    if (!definition.namespaced) return [prefix, storeKey];
    return [prefix, storeKey.slice(0, storeKey.lastIndexOf("/") + 1), storeKey];
  }
}

function within({ objects, from, to }: Scope): Iterable<StoredObject> {
  return objects.range(from, to);
}
