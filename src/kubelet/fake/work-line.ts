/** Writes of many nodes, a bounded number at a time, in the order they came. */
import { abortReason } from "#base/clock.ts";

// Enough to keep the log busy, and few enough that others get their turn.
const atOnceMax = 32;

export class WorkLine {
  private readonly signal: AbortSignal;
  // Each node and each pod has one or two of them at a time: as many as there are nodes and pods.
  private waiting: (() => Promise<void>)[] = [];
  private first = 0;
  private running = 0;
  private fail: (error: unknown) => void = () => undefined;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** @param work What it throws ends the component: it should not. */
  add(work: () => Promise<void>): void {
    if (this.signal.aborted) return;
    this.waiting.push(work);
    if (this.running < atOnceMax) void this.work();
  }

  /** Resolves when the signal is aborted; rejects with what work threw. */
  whenAborted(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.fail = reject;
      if (this.signal.aborted) reject(abortReason(this.signal));
      this.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  private async work(): Promise<void> {
    this.running += 1;
    try {
      for (let work = this.take(); work && !this.signal.aborted; work = this.take()) await work();
    } catch (error) {
      this.fail(error);
    } finally {
      this.running -= 1;
    }
  }

  private take(): (() => Promise<void>) | undefined {
    const work = this.waiting[this.first];
    if (!work) return undefined;
    this.first += 1;
    if (this.first * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.first);
      this.first = 0;
    }
    return work;
  }
}
