/** Time that stands still until a test moves it: timers run in the order they are due, and nothing waits for real. */
import { sleepOn, type Clock, type Timer } from "#base/clock.ts";

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
}

// Work that goes on for so many turns without any time passing never settles.
const turnsMax = 10_000;

export class VirtualClock implements Clock {
  private now: number;
  // What the wall clock shows beyond the time that went by.
  private steppedMs = 0;
  private order = 0;
  private readonly pending = new Set<Pending>();

  constructor(startMs = Date.parse("2026-01-01T00:00:00Z")) {
    this.now = startMs;
  }

  nowMs(): number {
    return this.now + this.steppedMs;
  }

  /** Somebody sets the wall clock; no time goes by. */
  step(ms: number): void {
    this.steppedMs += ms;
  }

  monotonicMs(): number {
    return this.now;
  }

  after(delayMs: number, callback: () => void): Timer {
    const pending = { dueMs: this.now + Math.max(delayMs, 0), order: this.order++, run: callback };
    this.pending.add(pending);
    const cancel = (): void => void this.pending.delete(pending);
    return { cancel, [Symbol.dispose]: cancel };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** Lets everything happen that needs no time, then `ms` pass. */
  async advance(ms: number): Promise<void> {
    const endMs = this.now + ms;
    await settled();
    for (let turns = 0; ; turns += 1) {
      const next = this.first();
      if (!next || next.dueMs > endMs) break;
      if (turns === turnsMax) throw new Error(`more than ${turnsMax} timers ran within ${ms} ms`);
      this.pending.delete(next);
      this.now = Math.max(this.now, next.dueMs);
      next.run();
      await settled();
    }
    this.now = endMs;
  }

  /**
   * Lets time pass until `holds`, `msMax` at most.
   *
   * @param seen Says what there was instead, when it never held.
   * @returns How long it took.
   */
  async until(holds: () => boolean, msMax = 3_600_000, seen: () => string = () => "nothing due"): Promise<number> {
    const startMs = this.now;
    await settled();
    while (!holds()) {
      const next = this.first();
      if (!next || next.dueMs > startMs + msMax)
        throw new Error(`expected it to hold within ${msMax} ms of virtual time, found ${seen()}`);
      await this.advance(Math.max(next.dueMs - this.now, 0));
    }
    return this.now - startMs;
  }

  private first(): Pending | undefined {
    let first: Pending | undefined;
    for (const one of this.pending)
      if (!first || one.dueMs < first.dueMs || (one.dueMs === first.dueMs && one.order < first.order)) first = one;
    return first;
  }
}

// Turns of the event loop in which a chain of calls comes to rest before time goes on.
const settlingTurns = 20;

/** Resolves when nothing is left that needs only other promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < settlingTurns; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
}
