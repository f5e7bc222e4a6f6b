/**
 * Long work in short stretches. All long work that shares one `Turns` takes a few milliseconds together in each turn of
 * the event loop, whoever wants more waits in line, and everybody else is served in between.
 */
import type { Clock } from "./clock.ts";

// A fifth of the 50 ms that nobody may stall the loop for.
const stretchMsMax = 10;
const pauseMsMax = 50;

/** Work that could rest, without a rest. */
export function atOnce<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const next = work.next();
    if (next.done === true) return next.value;
  }
}

// From being woken through the functions that were waiting for one another to what they waited to do.
const microtasksToWork = 6;

function afterMicrotasks(count: number, work: () => void): void {
  queueMicrotask(() => (count > 1 ? afterMicrotasks(count - 1, work) : work()));
}

/** One that waits for its turn. */
interface Waiting {
  readonly wake: () => void;
  /** It is long by itself: it begins a turn, and nobody follows it in that turn. */
  readonly alone: boolean;
}

// Those who are given the same clock share one line: the API server, the kubelet, the controllers. No two of them have a long piece in one turn.
const byClock = new WeakMap<Clock, Turns>();

/** The turns of all who ask for those of this clock. */
export function turnsOf(clock: Clock): Turns {
  const known = byClock.get(clock) ?? new Turns(clock);
  byClock.set(clock, known);
  return known;
}

export class Turns {
  private readonly clock: Clock;
  // In the order they came. Each belongs to a request or a watch, which are bounded where they are let in.
  private waiting: Waiting[] = [];
  // Those before this place were woken.
  private first = 0;
  // When long work began in this turn of the event loop; undefined when there was none.
  private sinceMs: number | undefined;
  // True while the line waits because of a long turn. Others may work a little.
  private pausing = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Asked between two pieces of work. Undefined to go on at once, otherwise what is to be awaited first. */
  rest(): Promise<void> | undefined {
    const nowMs = this.clock.monotonicMs();
    if (this.sinceMs === undefined) this.begin(nowMs);
    else if (nowMs - this.sinceMs >= stretchMsMax) return this.inLine(false);
    return undefined;
  }

  /** Waits for a turn of the event loop in which there was no long work yet: for a piece that takes a turn by itself. */
  next(): Promise<void> {
    if (this.sinceMs === undefined) this.begin(this.clock.monotonicMs());
    return this.inLine(true);
  }

  /** Work that may rest wherever it yields. */
  async through<T>(work: Generator<undefined, T>): Promise<T> {
    for (;;) {
      const rest = this.rest();
      if (rest) await rest;
      const next = work.next();
      if (next.done === true) return next.value;
    }
  }

  /** Asks for the same work: it is done once, in its turn, for all that asked before. What it throws is not caught. */
  gathered(work: () => void): () => void {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      void this.next().then(() => {
        asked = false;
        work();
      });
    };
  }

  private inLine(alone: boolean): Promise<void> {
    return new Promise((resolve) => void this.waiting.push({ wake: resolve, alone }));
  }

  private begin(nowMs: number): void {
    this.sinceMs = nowMs;
    this.clock.after(0, () => {
      this.sinceMs = undefined;
      if (this.pausing) return;
      const tookMs = this.clock.monotonicMs() - nowMs;
      if (tookMs <= 2 * stretchMsMax) return this.follow();
      // A request comes in several turns of the event loop: pieces that took longer than they should leave it as long to others.
      this.pausing = true;
      this.clock.after(Math.min(tookMs, pauseMsMax), () => {
        this.pausing = false;
        this.follow();
      });
    });
  }

  private follow(): void {
    const next = this.take();
    if (!next) return;
    this.begin(this.clock.monotonicMs());
    this.wake(next);
  }

  private take(): Waiting | undefined {
    const next = this.waiting[this.first];
    if (!next) return undefined;
    this.first += 1;
    if (this.first * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.first);
      this.first = 0;
    }
    return next;
  }

  /** Wakes one after the other, as long as the turn lasts: much of what waits is short. */
  private wake({ wake, alone }: Waiting): void {
    wake();
    if (alone) return;
    afterMicrotasks(microtasksToWork, () => {
      const isOver = this.sinceMs === undefined || this.clock.monotonicMs() - this.sinceMs >= stretchMsMax;
      const follower = this.waiting[this.first];
      if (isOver || !follower || follower.alone) return;
      this.take();
      this.wake(follower);
    });
  }
}
