/**
 * Long work in short stretches. All long work of one thread shares one `Turns`: in each turn of the event loop it takes
 * a few milliseconds together, whoever wants more waits in line, and everybody else is served in between.
 */
import type { Clock } from "./clock.ts";

// A fifth of the 50 ms that nobody may stall the loop for.
const stretchMsMax = 10;

/** Work that could rest, without a rest. */
export function atOnce<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const next = work.next();
    if (next.done === true) return next.value;
  }
}

export class Turns {
  private readonly clock: Clock;
  // In the order they came. Each belongs to a request or a watch, which are bounded where they are let in.
  private readonly waiting: (() => void)[] = [];
  // When long work began in this turn of the event loop; undefined when there was none.
  private sinceMs: number | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Asked between two pieces of work. Undefined to go on at once, otherwise what is to be awaited first. */
  rest(): Promise<void> | undefined {
    const nowMs = this.clock.monotonicMs();
    if (this.sinceMs === undefined) this.begin(nowMs);
    else if (nowMs - this.sinceMs >= stretchMsMax) return new Promise((resolve) => void this.waiting.push(resolve));
    return undefined;
  }

  /** Waits for a turn of the event loop in which there was no long work yet: for a piece that takes a turn by itself. */
  next(): Promise<void> {
    if (this.sinceMs === undefined) this.begin(this.clock.monotonicMs());
    return new Promise((resolve) => void this.waiting.push(resolve));
  }

  /** Work that may rest wherever it yields. */
  async through<T>(work: Generator<undefined, T>): Promise<T> {
    for (let next = work.next(); ; next = work.next()) {
      if (next.done === true) return next.value;
      const rest = this.rest();
      if (rest) await rest;
    }
  }

  private begin(nowMs: number): void {
    this.sinceMs = nowMs;
    this.clock.after(0, () => {
      this.sinceMs = undefined;
      const next = this.waiting.shift();
      if (!next) return;
      this.begin(this.clock.monotonicMs());
      next();
    });
  }
}
