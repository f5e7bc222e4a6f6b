/** Time that passes when a test says so. */
import { sleepOn, type Clock, type Timer } from "#base/clock.ts";

interface Pending {
  readonly dueMs: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  private readonly startMs: number;
  private passedMs = 0;
  // In the order in which they were made, which is the order in which those of one moment fire.
  private readonly pending = new Set<Pending>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.startMs = startMs;
  }

  nowMs(): number {
    return this.startMs + this.passedMs;
  }

  monotonicMs(): number {
    return this.passedMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.passedMs + Math.max(delayMs, 0), callback };
    this.pending.add(timer);
    const cancel = (): void => void this.pending.delete(timer);
    return { cancel, [Symbol.dispose]: cancel };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** Lets time pass. What a timer sets off in promises is done before the next one fires. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.passedMs + byMs;
    await settled();
    for (let next = this.next(untilMs); next; next = this.next(untilMs)) {
      this.pending.delete(next);
      this.passedMs = Math.max(this.passedMs, next.dueMs);
      next.callback();
      await settled();
    }
    this.passedMs = untilMs;
  }

  private next(untilMs: number): Pending | undefined {
    let next: Pending | undefined;
    for (const timer of this.pending) if (timer.dueMs <= untilMs && !(next && next.dueMs <= timer.dueMs)) next = timer;
    return next;
  }
}

/** Resolves when no promise is left that needs no more than other promises. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
