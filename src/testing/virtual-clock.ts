/** Time that stands still until a test moves it: timers run in the order they are due, and nothing waits for real. */
import { sleepOn, type Clock, type Timer } from "#base/clock.ts";
import { Heap } from "#scheduler/heap.ts";

interface Pending {
  readonly dueMs: number;
  /** Timers that are due at once run in the order they were set. */
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

// Work that goes on for so many turns without any time passing never settles.
const turnsMax = 10_000;

// Turns of the event loop in which a chain of calls comes to rest before time goes on.
const settlingTurns = 20;

export class VirtualClock implements Clock {
  private now: number;
  // What the wall clock shows beyond the time that went by.
  private steppedMs = 0;
  private order = 0;
  private readonly turns: number;
  private readonly pending = new Heap<Pending>(
    (a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order),
  );

  /** @param turns Of the event loop between two timers; 1 is enough where nothing but promises is waited for. */
  constructor(startMs = Date.parse("2026-01-01T00:00:00Z"), turns = settlingTurns) {
    this.now = startMs;
    this.turns = turns;
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
    const dueMs = this.now + Math.max(delayMs, 0);
    const pending: Pending = { dueMs, order: this.order++, run: callback, cancelled: false };
    this.pending.push(pending);
    const cancel = (): void => void (pending.cancelled = true);
    return { cancel, [Symbol.dispose]: cancel };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** Lets everything happen that needs no time, then `ms` pass. */
  async advance(ms: number): Promise<void> {
    const endMs = this.now + ms;
    await settled(this.turns);
    for (let turns = 0; ; turns += 1) {
      const next = this.first();
      if (!next || next.dueMs > endMs) break;
      if (turns === turnsMax) throw new Error(`more than ${turnsMax} timers ran within ${ms} ms`);
      this.pending.pop();
      this.now = Math.max(this.now, next.dueMs);
      next.run();
      await settled(this.turns);
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
    await settled(this.turns);
    while (!holds()) {
      const next = this.first();
      if (!next || next.dueMs > startMs + msMax)
        throw new Error(`expected it to hold within ${msMax} ms of virtual time, found ${seen()}`);
      await this.advance(Math.max(next.dueMs - this.now, 0));
    }
    return this.now - startMs;
  }

  private first(): Pending | undefined {
    for (let first = this.pending.least; first?.cancelled === true; first = this.pending.least) this.pending.pop();
    return this.pending.least;
  }
}

/** Resolves when nothing is left that needs only other promises. */
export async function settled(turns = settlingTurns): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
}
