/** A watch's events on their way to a part in this process. */
import type { WatchEvent } from "#client/client.ts";
import { Interned } from "#machinery/interned.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { pick, type FieldTree } from "#machinery/view.ts";
import { ViewReader } from "#machinery/view-reader.ts";
import type { Revision } from "#storage/store.ts";
import { shown, type Served } from "../registry.ts";
import type { StoredObject } from "../stored-object.ts";
import type { EventType, WatchSink } from "../watch-cache.ts";

// Events that wait for the part; the feed holds further ones back, bounded too.
const waitingMax = 1_024;

const types: Readonly<Record<EventType, "added" | "modified" | "deleted">> = {
  ADDED: "added",
  MODIFIED: "modified",
  DELETED: "deleted",
};

// Of all parts of this process: they look at the same objects.
const interned = new Interned();

export class WatchStream<T extends KubeObject> implements WatchSink {
  private readonly served: Served;
  // Undefined when the objects are wanted whole.
  private readonly fields: FieldTree | undefined;
  private readonly reader: ViewReader | undefined;
  private waiting: WatchEvent<T>[] = [];
  private wakeReader: (() => void) | undefined;
  private wakeFeed: (() => void) | undefined;
  private ended = false;

  constructor(served: Served, fields: FieldTree | undefined) {
    this.served = served;
    this.fields = fields;
    this.reader = fields && new ViewReader(fields, interned);
  }

  send(type: EventType, object: StoredObject): boolean {
    // Holds because only objects of that resource are watched.
    return this.push({ type: types[type], object: this.asked(object) as T });
  }

  private asked(object: StoredObject): KubeObject {
    const { fields, reader, served } = this;
    if (!fields || !reader) return shown(served, object);
    // What is stored in another version has to be decoded to be shown in this one.
    return served.definition.storedAs ? pick(shown(served, object), fields) : object.view(reader);
  }

  bookmark(revision: Revision, initialEventsEnd: boolean): boolean {
    return this.push({ type: "bookmark", resourceVersion: String(revision), initialEventsEnd });
  }

  async drained(): Promise<void> {
    if (this.waiting.length < waitingMax || this.ended) return;
    await new Promise<void>((resolve) => {
      this.wakeFeed = resolve;
    });
  }

  end(): void {
    this.ended = true;
    this.wakeReader?.();
    this.wakeFeed?.();
  }

  /** Until the watch ends. @throws the signal's reason when it is aborted. */
  async *events(signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    for (;;) {
      const batch = this.waiting;
      this.waiting = [];
      this.wakeFeed?.();
      this.wakeFeed = undefined;
      for (const event of batch) {
        signal.throwIfAborted();
        yield event;
      }
      if (this.waiting.length > 0) continue;
      signal.throwIfAborted();
      if (this.ended) return;
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve;
      });
      this.wakeReader = undefined;
    }
  }

  private push(event: WatchEvent<T>): boolean {
    this.waiting.push(event);
    this.wakeReader?.();
    return this.waiting.length < waitingMax;
  }
}
