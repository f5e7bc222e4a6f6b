/**
 * Live watchers of a store: hands each batch of events, whole, to everyone who watches a range. Every backend uses it,
 * so that the promise "the event comes before the write's answer" is kept in one place.
 */
import { keyOf, type Revision, type StoreEvent, type WatchListener } from "./store.ts";

interface Watcher {
  readonly from: string;
  readonly to: string;
  readonly listener: WatchListener;
}

const nothing: readonly StoreEvent[] = [];

export class WatchHub {
  private readonly watchers = new Set<Watcher>();
  // The distinct bounds of all ranges, rising; `covers[at]` watches the keys from bounds[at] to bounds[at + 1].
  private bounds: string[] = [];
  private covers: Watcher[][] = [];
  private stale = false;

  /** Hands over every batch from now on until the signal is aborted. */
  add(watcher: Watcher, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.watchers.add(watcher);
    this.stale = true;
    const remove = (): void => {
      this.watchers.delete(watcher);
      this.stale = true;
    };
    signal.addEventListener("abort", remove, { once: true });
  }

  /** Calls every listener once: with its events of the batch, or with none as a report of progress. */
  publish(events: readonly StoreEvent[], revision: Revision): void {
    if (this.stale) this.arrange();
    const batches = new Map<Watcher, StoreEvent[]>();
    for (const event of events) {
      for (const watcher of this.watchersOf(keyOf(event))) {
        const batch = batches.get(watcher);
        if (batch) batch.push(event);
        else batches.set(watcher, [event]);
      }
    }
    for (const watcher of this.watchers) watcher.listener(batches.get(watcher) ?? nothing, revision);
  }

  private watchersOf(key: string): readonly Watcher[] {
    let low = 0;
    let high = this.bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.bounds[middle] ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return this.covers[low - 1] ?? [];
  }

  private arrange(): void {
    this.stale = false;
    const watchers = [...this.watchers];
    this.bounds = [...new Set(watchers.flatMap(({ from, to }) => [from, to]))].sort((a, b) => (a < b ? -1 : 1));
    this.covers = this.bounds.map((bound) => watchers.filter(({ from, to }) => from <= bound && bound < to));
  }
}
