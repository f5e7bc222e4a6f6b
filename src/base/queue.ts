/**
 * Two queues everything shares: a bounded first-in-first-out stream between a producer and one consumer, and a work
 * queue of distinct keys with delays, the shape of client-go's workqueue.
 */
import { abortReason, type Clock, type Timer } from "./clock.ts";

/** A bounded stream. The producer never waits: `push` refuses when it is full, and the consumer is then cut off. */
export class BoundedStream<T> implements AsyncIterable<T> {
  private items: T[] = [];
  private wake: (() => void) | undefined;
  private ended = false;
  private failure: Error | undefined;
  private readonly itemsMax: number;

  constructor(itemsMax: number) {
    this.itemsMax = itemsMax;
  }

  /** False when the stream is full or over; the item was not taken. */
  push(item: T): boolean {
    if (this.ended || this.items.length >= this.itemsMax) return false;
    this.items.push(item);
    this.wake?.();
    return true;
  }

  /** Ends the stream after what was pushed; with an error, the consumer gets it thrown then. */
  end(failure?: Error): void {
    if (this.ended) return;
    this.ended = true;
    this.failure = failure;
    this.wake?.();
  }

  get length(): number {
    return this.items.length;
  }

  /** Everything that waits, at once; undefined when the stream is over. Rejects when the signal is aborted. */
  async take(signal?: AbortSignal): Promise<readonly T[] | undefined> {
    while (this.items.length === 0) {
      if (this.failure) throw this.failure;
      if (this.ended) return undefined;
      if (signal?.aborted) throw abortReason(signal);
      await this.waitForItem(signal);
    }
    const taken = this.items;
    this.items = [];
    return taken;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    try {
      for (let batch = await this.take(); batch; batch = await this.take()) yield* batch;
    } finally {
      // The consumer left: refuse further items, so that the producer lets go.
      this.end();
      this.items = [];
    }
  }

  private waitForItem(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.wake = undefined;
        signal?.removeEventListener("abort", done);
        resolve();
      };
      this.wake = done;
      signal?.addEventListener("abort", done, { once: true });
    });
  }
}

/**
 * Distinct keys that wait for work. A key is worked on by one worker at a time; one that is added while it is worked on
 * waits until that is done, then comes again.
 */
export class WorkQueue {
  private readonly clock: Clock;
  private readonly waiting = new Set<string>();
  private readonly working = new Set<string>();
  private readonly again = new Set<string>();
  private readonly delayed = new Map<string, { readonly dueMs: number; readonly timer: Timer }>();
  // Keys that are done and rest: they are in `working` until then.
  private readonly resting = new Map<string, Timer>();
  private wakers: (() => void)[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get length(): number {
    return this.waiting.size;
  }

  add(key: string): void {
    this.delayed.get(key)?.timer.cancel();
    this.delayed.delete(key);
    if (this.working.has(key)) this.again.add(key);
    else if (!this.waiting.has(key)) {
      this.waiting.add(key);
      this.wakers.shift()?.();
    }
  }

  /** Adds the key after `delayMs`. The earliest of several such calls wins. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueMs = this.clock.monotonicMs() + delayMs;
    const planned = this.delayed.get(key);
    if (planned && planned.dueMs <= dueMs) return;
    planned?.timer.cancel();
    const timer = this.clock.after(delayMs, () => this.add(key));
    this.delayed.set(key, { dueMs, timer });
  }

  /** The next key, once there is one. The caller must call `done` with it. Rejects when the signal is aborted. */
  async next(signal: AbortSignal): Promise<string> {
    for (;;) {
      if (signal.aborted) throw abortReason(signal);
      const first = this.waiting.values().next();
      if (!first.done) {
        this.waiting.delete(first.value);
        this.working.add(first.value);
        return first.value;
      }
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.wakers.push(done);
        signal.addEventListener("abort", done, { once: true });
      });
    }
  }

  /** @param restMs The key is not given out again before so long, whoever adds it meanwhile. */
  done(key: string, restMs = 0): void {
    if (restMs > 0) {
      this.resting.set(
        key,
        this.clock.after(restMs, () => {
          this.resting.delete(key);
          this.done(key);
        }),
      );
      return;
    }
    this.working.delete(key);
    if (this.again.delete(key)) this.add(key);
  }

  /** Cancels every delay. Keys that wait stay. */
  close(): void {
    for (const { timer } of this.delayed.values()) timer.cancel();
    this.delayed.clear();
    for (const timer of this.resting.values()) timer.cancel();
    this.resting.clear();
  }
}
