/**
 * A process that can be killed between any two instructions: from then on none of its timers runs, nothing it waits for
 * comes, and nothing is tidied up. Its wall clock can be set.
 */
import { sleepOn, type Clock, type Timer } from "#base/clock.ts";

export class Process {
  readonly name: string;
  readonly clock: ProcessClock;
  private readonly end = new AbortController();

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.clock = new ProcessClock(clock);
  }

  get dead(): boolean {
    return this.clock.frozen;
  }

  /** Aborted when the process is killed; for whoever is outside of it. */
  get killed(): AbortSignal {
    return this.end.signal;
  }

  kill(): void {
    this.clock.frozen = true;
    this.end.abort(new Error(`${this.name} was killed`));
  }

  /** Does what is outside of the process, whose answer a dead process never gets. */
  async outside<R>(work: () => Promise<R> | R): Promise<R> {
    if (this.dead) return await never();
    try {
      const answer = await work();
      return this.dead ? await never() : answer;
    } catch (error) {
      if (this.dead) return await never();
      throw error;
    }
  }

  /** The same object, whose methods are outside of the process; those that are given a signal end with it. */
  fence<T extends object>(outer: T): T {
    return new Proxy(outer, {
      get: (target, name): unknown => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...args: readonly unknown[]): unknown => {
          const given = args.map((one) => (one instanceof AbortSignal ? AbortSignal.any([one, this.killed]) : one));
          if (this.dead) return never();
          const answer: unknown = Reflect.apply(value, target, given);
          return answer instanceof Promise ? this.outside(() => answer) : answer;
        };
      },
    });
  }
}

/** A process' own clock: time goes by as everywhere, and what it shows may be wrong. */
export class ProcessClock implements Clock {
  frozen = false;
  /** What its wall clock shows beyond the true time. */
  aheadMs = 0;
  private readonly inner: Clock;

  constructor(inner: Clock) {
    this.inner = inner;
  }

  nowMs(): number {
    return this.inner.nowMs() + this.aheadMs;
  }

  monotonicMs(): number {
    return this.inner.monotonicMs();
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.inner.after(delayMs, () => {
      if (!this.frozen) callback();
    });
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
