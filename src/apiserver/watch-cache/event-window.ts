/**
 * The latest changes of one resource, kept so that a watch can start in the past without asking the store, and so that
 * a watcher that does not keep up finds what it missed: nobody has a queue of its own.
 */
import type { Revision } from "#storage/store.ts";
import type { StoredObject } from "../stored-object.ts";
import type { History } from "./history.ts";

/** One change: `current` is absent when the object was deleted, `previous` when it was created. */
export interface CacheEvent {
  readonly revision: Revision;
  readonly storeKey: string;
  readonly current: StoredObject | undefined;
  readonly previous: StoredObject | undefined;
}

/** How much of the past stays in memory; what is older is read from the store's log. */
export const windowLimits = {
  /** Upstream's clients, too, come back within this time or list anew. */
  keptMs: 5 * 60_000,
  /** What one resource may hold in any case. */
  ofOneBytes: 1024 * 1024,
  /** What all resources together hold beyond that. */
  totalBytesMax: 16 * 1024 * 1024,
  /** What an event takes beside the values it keeps alive. */
  eventBytes: 256,
} as const;

// Dropped events are let go of in steps of so many.
const droppedMax = 500;

interface Kept {
  readonly event: CacheEvent;
  readonly atMs: number;
}

export class EventWindow {
  private readonly history: History;
  private events: Kept[] = [];
  // Events before this index were dropped.
  private first = 0;
  private sizeBytes = 0;
  /** Events after this revision are all here. */
  floor: Revision;

  constructor(floor: Revision, history: History) {
    this.floor = floor;
    this.history = history;
  }

  push(event: CacheEvent): void {
    this.events.push({ event, atMs: this.history.clock.monotonicMs() });
    this.resize(bytesOf(event));
    this.history.holds(this);
    const { ofOneBytes, totalBytesMax } = windowLimits;
    while (this.sizeBytes > ofOneBytes && this.history.windowBytes > totalBytesMax) this.dropFirst();
  }

  /** Drops what is too old. True when something is left. */
  expire(): boolean {
    const oldestMs = this.history.clock.monotonicMs() - windowLimits.keptMs;
    for (let oldest = this.events[this.first]; oldest && oldest.atMs <= oldestMs; oldest = this.events[this.first])
      this.dropFirst();
    return this.first < this.events.length;
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
      if ((this.events[middle]?.event.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.events[low]?.event;
  }

  private dropFirst(): void {
    const dropped = this.events[this.first]?.event;
    if (!dropped) return;
    this.resize(-bytesOf(dropped));
    this.floor = dropped.revision;
    this.first += 1;
    if (this.first < droppedMax && this.first < this.events.length) return;
    this.events = this.events.slice(this.first);
    this.first = 0;
  }

  private resize(bytes: number): void {
    const before = Math.max(this.sizeBytes - windowLimits.ofOneBytes, 0);
    this.sizeBytes += bytes;
    this.history.windowBytes += Math.max(this.sizeBytes - windowLimits.ofOneBytes, 0) - before;
  }
}

/** What is held for the event's sake alone: the new value is there anyway, or is the previous one of a later event. */
export function bytesOf(event: CacheEvent): number {
  return (event.previous?.entry.value.length ?? 0) + windowLimits.eventBytes;
}
