/** The latest changes of one resource, kept so that a watch can start a little in the past without asking the store. */
import type { Revision } from "#storage/store.ts";
import type { StoredObject } from "../stored-object.ts";

/** One change: `current` is absent when the object was deleted, `previous` when it was created. */
export interface CacheEvent {
  readonly revision: Revision;
  readonly storeKey: string;
  readonly current: StoredObject | undefined;
  readonly previous: StoredObject | undefined;
}

// What is older is read from the store's log, so the window only has to bridge the usual list-then-watch.
const eventsMax = 1_000;
const bytesMax = 1024 * 1024;
const droppedMax = 500;

export class EventWindow {
  private events: CacheEvent[] = [];
  // Events before this index were dropped.
  private first = 0;
  private sizeBytes = 0;
  /** Events after this revision are all here. */
  floor: Revision;

  constructor(floor: Revision) {
    this.floor = floor;
  }

  push(event: CacheEvent): void {
    this.events.push(event);
    this.sizeBytes += bytesOf(event);
    while (this.events.length - this.first > eventsMax || this.sizeBytes > bytesMax) {
      const dropped = this.events[this.first];
      if (!dropped) break;
      this.sizeBytes -= bytesOf(dropped);
      this.floor = dropped.revision;
      this.first += 1;
    }
    if (this.first > droppedMax) {
      this.events = this.events.slice(this.first);
      this.first = 0;
    }
  }

  /** Changes after `revision`, oldest first; undefined when some of them were dropped. */
  after(revision: Revision): readonly CacheEvent[] | undefined {
    if (revision < this.floor) return undefined;
    let from = this.events.length;
    while (from > this.first && (this.events[from - 1]?.revision ?? 0) > revision) from -= 1;
    return this.events.slice(from);
  }
}

function bytesOf(event: CacheEvent): number {
  return (event.previous?.entry.value.length ?? 0) + (event.current?.entry.value.length ?? 0);
}
