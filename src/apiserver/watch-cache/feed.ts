/**
 * One watcher's way out of the cache: first what is there already, then every change, in order and without gap. A
 * receiver that does not keep up reads on from the shared window of events when it can; one that needs what is no
 * longer there is cut off. Nobody else waits for it, and what it throws ends it alone.
 */
import type { Turns } from "#base/turns.ts";
import type { Revision } from "#storage/store.ts";
import { isLarge } from "../call.ts";
import type { StoredObject } from "../stored-object.ts";
import type { Selection } from "../selection.ts";
import type { CacheEvent, EventWindow } from "./event-window.ts";
import type { Past } from "./past.ts";

export type EventType = "ADDED" | "MODIFIED" | "DELETED";

/** Where a watcher's events go. */
export interface WatchSink {
  /** Takes the event in any case. False when the receiver does not keep up: wait for `drained`. */
  send(type: EventType, object: StoredObject): boolean;
  bookmark(revision: Revision, initialEventsEnd: boolean): boolean;
  /** Must also resolve when the receiver is gone. */
  drained(): Promise<void>;
  /** The watch is over; the receiver may watch again from where it is. */
  end(): void;
}

/** What a watcher is sent before the changes. */
export interface Start {
  /** Sent as added, as far as they are selected. */
  readonly objects: Iterable<StoredObject>;
  /** Revision of the bookmark that ends the initial objects, when it was asked for. */
  readonly bookmark: Revision | undefined;
  /** Changes from before the window. */
  readonly past: Past | undefined;
  /** Changes after this revision come from the window. */
  readonly after: Revision;
}

export interface FeedParts {
  readonly selection: Selection;
  readonly sink: WatchSink;
  readonly window: EventWindow;
  readonly turns: Turns;
  /** Told why the feed ended, when that is a fault. */
  readonly onFailure: (error: unknown) => void;
  /** Sets an object aside when it cannot be read. False when it can, so that the fault is another. */
  readonly setAside: (object: StoredObject) => boolean;
}

export class Feed {
  private readonly parts: FeedParts;
  // Invariant: while not live, everything up to this revision was sent, or is what is sent next.
  private sentTo: Revision = 0;
  // Invariant: live only when everything in the window was sent and the receiver keeps up.
  private live = false;
  private closed = false;

  constructor(parts: FeedParts) {
    this.parts = parts;
  }

  /** True when the receiver has everything that happened. */
  get caughtUp(): boolean {
    return this.live && !this.closed;
  }

  /** Sends what comes first, then goes live. Resolves when that is done or the feed was closed. Never throws. */
  async start(start: Start): Promise<void> {
    this.sentTo = start.after;
    try {
      await this.begin(start);
      await this.catchUp();
    } catch (error) {
      this.fail(error);
    } finally {
      start.past?.release();
    }
  }

  /** Takes a change, by rising revision. Never waits, never throws. */
  offer(event: CacheEvent): void {
    if (!this.live || this.closed) return;
    try {
      const large = isLargeEvent(event) ? event : undefined;
      if (!large && this.pass(event)) return;
      this.sentTo = event.revision;
      this.live = false;
      void this.resume(large);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Never throws. */
  bookmark(revision: Revision): void {
    try {
      if (this.caughtUp) this.parts.sink.bookmark(revision, false);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Never throws. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.parts.sink.end();
    } catch (error) {
      this.parts.onFailure(error);
    }
  }

  private fail(error: unknown): void {
    if (this.closed) return;
    this.parts.onFailure(error);
    this.close();
  }

  private async begin({ objects, bookmark, past }: Start): Promise<void> {
    const { sink, turns } = this.parts;
    for (const object of objects) {
      if (isLarge(object.jsonBytes)) await atHand(object, turns);
      if (this.closed) return;
      if (!this.passInitial(object)) await sink.drained();
      const rest = turns.rest();
      if (rest) await rest;
    }
    if (bookmark !== undefined && !this.closed) sink.bookmark(bookmark, true);
    for (const event of past?.events ?? []) {
      if (this.closed) return;
      await this.passInTurn(event);
    }
  }

  /** @param first A large event, which is not sent yet: that takes turns of its own, for here others' writes are acknowledged. */
  private async resume(first: CacheEvent | undefined): Promise<void> {
    try {
      if (first) await this.passInTurn(first);
      await this.parts.sink.drained();
      await this.catchUp();
    } catch (error) {
      this.fail(error);
    }
  }

  private async catchUp(): Promise<void> {
    const { window } = this.parts;
    while (!this.closed) {
      if (!window.covers(this.sentTo)) return this.close();
      const event = window.next(this.sentTo);
      if (!event) {
        this.live = true;
        return;
      }
      this.sentTo = event.revision;
      await this.passInTurn(event);
    }
  }

  /** Sends the event and waits for the receiver, as one among others. */
  private async passInTurn(event: CacheEvent): Promise<void> {
    const { sink, turns } = this.parts;
    if (isLargeEvent(event)) await this.prepare(event);
    if (this.closed) return;
    if (!this.pass(event)) await sink.drained();
    const rest = turns.rest();
    if (rest) await rest;
  }

  /** Puts at hand what is read of a large event. What cannot be read is told when it is passed on. */
  private async prepare({ current, previous }: CacheEvent): Promise<void> {
    const { selection, turns } = this.parts;
    if (previous && (!current || !selection.selectsAll)) {
      await atHand(previous, turns);
      // The object remembers what it is selected by: it may not be at hand any more when the current one is.
      if (current) ignoringFaults(() => selection.selects(previous));
    }
    if (current) await atHand(current, turns);
  }

  private passInitial(object: StoredObject): boolean {
    const { selection, sink, setAside } = this.parts;
    try {
      return !selection.selects(object) || sink.send("ADDED", object);
    } catch (error) {
      if (setAside(object)) return true;
      throw error;
    }
  }

  /** Sends the event as this watcher sees it. False when the receiver does not keep up. */
  private pass(event: CacheEvent): boolean {
    try {
      return this.passReadable(event);
    } catch (error) {
      // A watch that ended here would come back to the same event, again and again.
      if (event.current && this.parts.setAside(event.current)) return true;
      throw error;
    }
  }

  private passReadable(event: CacheEvent): boolean {
    const { selection, sink } = this.parts;
    const { current, previous } = event;
    if (!selection.covers(event.storeKey)) return true;
    const isIn = current !== undefined && selection.selects(current);
    const wasIn = previous !== undefined && selection.selects(previous);
    if (isIn) return sink.send(wasIn ? "MODIFIED" : "ADDED", current);
    if (!wasIn) return true;
    // What leaves is shown as it was, at the revision of its leaving.
    return sink.send("DELETED", departed(event, previous));
  }
}

export function isLargeEvent({ current, previous }: CacheEvent): boolean {
  return isLarge(Math.max(current?.jsonBytes ?? 0, previous?.jsonBytes ?? 0));
}

/** Decodes the object in turns of its own, unless it is decoded. What cannot be read is told to whoever passes it on. */
async function atHand(object: StoredObject, turns: Turns): Promise<void> {
  if (isLarge(object.jsonBytes) && !object.isDecoded) await object.decode(turns).catch(() => undefined);
}

function ignoringFaults(work: () => void): void {
  try {
    work();
  } catch {
    // Told when the event is passed on.
  }
}

// One event leaves many watchers: the object is made once.
let lastEvent: CacheEvent | undefined;
let lastDeparted: StoredObject | undefined;

function departed(event: CacheEvent, previous: StoredObject): StoredObject {
  if (lastEvent !== event || !lastDeparted) {
    lastEvent = event;
    lastDeparted = previous.at(event.revision);
  }
  return lastDeparted;
}
