/** Things to do later, told in steps: one timer for all of them, and none while there are none. */
import type { Clock, Timer } from "#base/clock.ts";

/** How late a thing may be told. */
export const stepMs = 100;

export class TimeWheel<T> {
  private readonly clock: Clock;
  private readonly tell: (item: T) => void;
  // By the number of the step they are due in.
  private readonly steps = new Map<number, T[]>();
  private timer: Timer | undefined;
  private last: number;

  /** @param tell Called for each thing in its time; must be quick. */
  constructor(clock: Clock, tell: (item: T) => void) {
    this.clock = clock;
    this.tell = tell;
    this.last = this.stepOf(0);
  }

  add(delayMs: number, item: T): void {
    if (this.steps.size === 0) this.last = this.stepOf(0);
    const due = Math.max(this.stepOf(delayMs), this.last + 1);
    const there = this.steps.get(due);
    if (there) there.push(item);
    else this.steps.set(due, [item]);
    this.timer ??= this.clock.after(stepMs, () => this.turn());
  }

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.steps.clear();
  }

  private turn(): void {
    this.timer = undefined;
    const now = this.stepOf(0);
    for (; this.last < now && this.steps.size > 0; this.last += 1) {
      const items = this.steps.get(this.last + 1) ?? [];
      this.steps.delete(this.last + 1);
      for (const item of items) this.tell(item);
    }
    this.last = now;
    if (this.steps.size > 0) this.timer ??= this.clock.after(stepMs, () => this.turn());
  }

  private stepOf(delayMs: number): number {
    return Math.ceil((this.clock.monotonicMs() + delayMs) / stepMs);
  }
}
