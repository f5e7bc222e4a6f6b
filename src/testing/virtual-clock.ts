/** A clock that stands still until a test lets it go on: hours pass in milliseconds, and every run is the same. */
import { setImmediate } from "node:timers/promises";
import { sleepOn, type Clock, type Timer } from "#base/clock.ts";

interface Waiting {
  readonly dueMs: number;
  readonly callback: () => void;
}

// Turns of the event loop in which a chain of calls comes to rest before time goes on.
const settlingTurns = 20;

export class VirtualClock implements Clock {
  private currentMs: number;
  private readonly waiting = new Set<Waiting>();

  constructor(startMs = Date.parse("2026-01-01T00:00:00Z")) {
    this.currentMs = startMs;
  }

  nowMs(): number {
    return this.currentMs;
  }

  monotonicMs(): number {
    return this.currentMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer: Waiting = { dueMs: this.currentMs + Math.max(0, delayMs), callback };
    this.waiting.add(timer);
    const cancel = (): void => void this.waiting.delete(timer);
    return { cancel, [Symbol.dispose]: cancel };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /**
   * Lets time go on from timer to timer until the condition holds.
   *
   * @throws Error when it does not within `limitMs` of virtual time.
   */
  async until(holds: () => boolean, limitMs: number, what: string | (() => string)): Promise<void> {
    const endMs = this.currentMs + limitMs;
    for (;;) {
      for (let turn = 0; turn < settlingTurns; turn += 1) await setImmediate();
      if (holds()) return;
      const nextMs = Math.min(...[...this.waiting].map(({ dueMs }) => dueMs));
      if (nextMs > endMs) {
        const why = typeof what === "string" ? what : what();
        throw new Error(`not within ${limitMs} ms of virtual time: ${why}`);
      }
      this.currentMs = Math.max(this.currentMs, nextMs);
      const due = [...this.waiting].filter(({ dueMs }) => dueMs <= this.currentMs);
      for (const timer of due) this.waiting.delete(timer);
      for (const { callback } of due) callback();
    }
  }
}
