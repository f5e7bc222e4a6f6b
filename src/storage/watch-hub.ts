/**
 * Live watchers of a store: hands each batch of events, whole, to those who watch a range it touches. Every backend uses
 * it, so that the promise "the event comes before the write's answer" is kept in one place.
 */
import { keyOf, type Revision, type StoreEvent, type WatchListener } from "./store.ts";

interface Watcher {
  readonly from: string;
  readonly to: string;
  readonly listener: WatchListener;
}

interface Waiter {
  readonly revision: Revision;
  readonly resolve: () => void;
}

const nobody: readonly Watcher[] = [];

export class WatchHub {
  private readonly watchers = new Set<Watcher>();
  // The distinct bounds of all ranges, rising; `covers[at]` watches the keys from bounds[at] to bounds[at + 1].
  private bounds: string[] = [];
  private covers: (readonly Watcher[])[] = [];
  private stale = false;
  private readonly waiters = new Set<Waiter>();

  /** Hands over every batch from now on until the signal is aborted. */
  add(watcher: Watcher, signal: AbortSignal): void {
    if (signal.aborted || watcher.from >= watcher.to) return;
    this.watchers.add(watcher);
    this.stale = true;
    const remove = (): void => {
      this.watchers.delete(watcher);
      this.stale = true;
    };
    signal.addEventListener("abort", remove, { once: true });
  }

  /** Calls each listener that the batch concerns once, with all its events. */
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
    for (const [watcher, batch] of batches) watcher.listener(batch, revision);
  }

  /** Resolves when `reached` comes to the revision, or the signal is aborted. */
  waitFor(revision: Revision, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.waiters.delete(waiter);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const waiter = { revision, resolve: end };
      this.waiters.add(waiter);
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
    });
  }

  /** @param revision Everything up to it was published. */
  reached(revision: Revision): void {
    for (const waiter of this.waiters) if (waiter.revision <= revision) waiter.resolve();
  }

  private watchersOf(key: string): readonly Watcher[] {
    let low = 0;
    let high = this.bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.bounds[middle] ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return this.covers[low - 1] ?? nobody;
  }

  /** Goes over the bounds once, with those who watch what is behind each. */
  private arrange(): void {
    this.stale = false;
    const starts = Map.groupBy(this.watchers, ({ from }) => from);
    const ends = Map.groupBy(this.watchers, ({ to }) => to);
    this.bounds = [...new Set([...starts.keys(), ...ends.keys()])].sort((a, b) => (a < b ? -1 : 1));
    const watching = new Set<Watcher>();
    this.covers = this.bounds.map((bound) => {
      for (const watcher of starts.get(bound) ?? nobody) watching.add(watcher);
      for (const watcher of ends.get(bound) ?? nobody) watching.delete(watcher);
      return watching.size === 0 ? nobody : [...watching];
    });
  }
}
