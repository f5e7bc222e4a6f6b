/**
 * One watcher's way out of the cache: first what is there already, then every change, in order and without gap. A
 * receiver that does not keep up is waited for with a bounded queue, then cut off; nobody else waits for it.
 */
import type { Revision } from "#storage/store.ts";
import { StoredObject } from "../stored-object.ts";
import type { Selection } from "../selection.ts";
import type { CacheEvent } from "./event-window.ts";

export type EventType = "ADDED" | "MODIFIED" | "DELETED";

/** Where a watcher's events go. */
export interface WatchSink {
  /** Takes the event in any case. False when the receiver does not keep up: wait for `drained`. */
  send(type: EventType, object: StoredObject): boolean;
  bookmark(revision: Revision, initialEventsEnd: boolean): boolean;
  drained(): Promise<void>;
  /** The watch is over; the receiver may watch again from where it is. */
  end(): void;
}

/** What a watcher is sent before the changes. */
export interface Start {
  /** Sent as added. */
  readonly objects: readonly StoredObject[];
  /** Sent before live changes, all later than the objects. */
  readonly events: readonly CacheEvent[];
  /** Revision of the bookmark that ends the initial objects, when it was asked for. */
  readonly bookmark: Revision | undefined;
}

// Events that wait for one receiver. They are references, but they keep old objects alive.
const queueMax = 8_192;

export class Feed {
  readonly scope: string;
  private readonly selection: Selection;
  private readonly sink: WatchSink;
  private queue: CacheEvent[] = [];
  // Invariant: live only when nothing waits and the receiver keeps up.
  private live = false;
  private closed = false;
  private cut = false;

  constructor(scope: string, selection: Selection, sink: WatchSink) {
    this.scope = scope;
    this.selection = selection;
    this.sink = sink;
  }

  /** True when the receiver has everything that happened. */
  get caughtUp(): boolean {
    return this.live && !this.closed;
  }

  /** True when the receiver was too slow. */
  get tooSlow(): boolean {
    return this.cut;
  }

  /** Takes a change, by rising revision. Never waits, never throws. */
  offer(event: CacheEvent): void {
    if (this.closed) return;
    if (this.live) {
      if (!this.pass(event)) {
        this.live = false;
        void this.pump();
      }
      return;
    }
    this.queue.push(event);
    if (this.queue.length > queueMax) {
      this.cut = true;
      this.close();
    }
  }

  bookmark(revision: Revision): void {
    if (this.caughtUp) this.sink.bookmark(revision, false);
  }

  /** Sends what comes first, then goes live. Ends when that is done or the feed was closed. */
  async start(start: Start): Promise<void> {
    for (const object of start.objects) {
      if (this.closed) return;
      if (!this.sink.send("ADDED", object)) await this.sink.drained();
    }
    if (start.bookmark !== undefined && !this.closed) this.sink.bookmark(start.bookmark, true);
    for (const event of start.events) {
      if (this.closed) return;
      if (!this.pass(event)) await this.sink.drained();
    }
    await this.pump();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.queue = [];
    this.sink.end();
  }

  private async pump(): Promise<void> {
    // The queue grows while we wait, so it is read anew each time; `offer` bounds it.
    if (this.queue.length === 0) await this.sink.drained();
    while (!this.closed && this.queue.length > 0) {
      const batch = this.queue;
      this.queue = [];
      for (const [at, event] of batch.entries()) {
        if (this.pass(event)) continue;
        this.queue = [...batch.slice(at + 1), ...this.queue];
        break;
      }
      await this.sink.drained();
    }
    this.live = !this.closed;
  }

  /** Sends the event as this watcher sees it. False when the receiver does not keep up. */
  private pass(event: CacheEvent): boolean {
    const { current, previous } = event;
    const isIn = current !== undefined && this.selection.selects(current);
    const wasIn = previous !== undefined && this.selection.selects(previous);
    if (isIn) return this.sink.send(wasIn ? "MODIFIED" : "ADDED", current);
    if (!wasIn) return true;
    // What leaves is shown as it was, at the revision of its leaving.
    return this.sink.send("DELETED", departed(event, previous));
  }
}

// One event leaves many watchers: the object is made once.
let lastEvent: CacheEvent | undefined;
let lastDeparted: StoredObject | undefined;

function departed(event: CacheEvent, previous: StoredObject): StoredObject {
  if (lastEvent !== event || !lastDeparted) {
    lastEvent = event;
    lastDeparted = new StoredObject(previous.kind, previous.entry, event.revision);
  }
  return lastDeparted;
}
