/**
 * The latest changes of one resource, kept so that a watch can start a little in the past without asking the store, and
 * so that a watcher that does not keep up finds what it missed: nobody has a queue of its own.
 */
import type { Revision } from "#storage/store.ts";
import type { StoredObject } from "../stored-object.ts";

/** One change: `current` is absent when the object was deleted, `previous` when it was created. */
export interface CacheEvent {
  readonly revision: Revision;
  readonly storeKey: string;
  readonly current: StoredObject | undefined;
  readonly previous: StoredObject | undefined;
}

/** How much of the past stays in memory. Sizes are those of the objects, which the events keep alive. */
export const windowLimits = {
  /** Kept in any case, for the usual list-then-watch; what is older is read from the store's log. */
  eventsMax: 1_000,
  bytesMax: 1024 * 1024,
  /** Kept for watchers that lag behind; one that needs still older events is cut, and resumes by itself. */
  laggingEventsMax: 10_000,
  laggingBytesMax: 16 * 1024 * 1024,
  /** The same for all resources together, beyond what is kept in any case. */
  laggingTotalBytesMax: 64 * 1024 * 1024,
} as const;

// Dropped events are let go of in steps of so many.
const droppedMax = 500;

/** What all windows together hold for watchers that lag. */
export class LaggingBytes {
  used = 0;
}

export class EventWindow {
  private events: CacheEvent[] = [];
  // Events before this index were dropped.
  private first = 0;
  private sizeBytes = 0;
  private readonly lagging: LaggingBytes;
  /** Events after this revision are all here. */
  floor: Revision;

  constructor(floor: Revision, lagging: LaggingBytes) {
    this.floor = floor;
    this.lagging = lagging;
  }

  /** @param isNeeded True while a watcher lags. */
  push(event: CacheEvent, isNeeded: boolean): void {
    this.events.push(event);
    this.resize(bytesOf(event));
    while (this.isTooLarge(isNeeded)) {
      const dropped = this.events[this.first];
      if (!dropped) break;
      this.resize(-bytesOf(dropped));
      this.floor = dropped.revision;
      this.first += 1;
    }
    if (this.first > droppedMax) {
      this.events = this.events.slice(this.first);
      this.first = 0;
    }
  }

  /** Lets go of everything. */
  clear(): void {
    this.resize(-this.sizeBytes);
    this.events = [];
    this.first = 0;
  }

  /** True when every change after `revision` is here. */
  covers(revision: Revision): boolean {
    return revision >= this.floor;
  }

  /** The first change after `revision` of those that are here. */
  next(revision: Revision): CacheEvent | undefined {
    let low = this.first;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.events[low];
  }

  private isTooLarge(isNeeded: boolean): boolean {
    const count = this.events.length - this.first;
    const { eventsMax, bytesMax, laggingEventsMax, laggingBytesMax, laggingTotalBytesMax } = windowLimits;
    if (count <= eventsMax && this.sizeBytes <= bytesMax) return false;
    return (
      !isNeeded ||
      count > laggingEventsMax ||
      this.sizeBytes > laggingBytesMax ||
      this.lagging.used > laggingTotalBytesMax
    );
  }

  private resize(bytes: number): void {
    const before = Math.max(this.sizeBytes - windowLimits.bytesMax, 0);
    this.sizeBytes += bytes;
    this.lagging.used += Math.max(this.sizeBytes - windowLimits.bytesMax, 0) - before;
  }
}

export function bytesOf(event: CacheEvent): number {
  return (event.previous?.entry.value.length ?? 0) + (event.current?.entry.value.length ?? 0);
}
