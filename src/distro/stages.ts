/** The stages of a start, each printed with its time as soon as it is reached. */
import type { Clock } from "#base/clock.ts";

export class Stages {
  private readonly clock: Clock;
  private readonly write: (line: string) => void;
  private readonly startMs: number;
  private lastMs: number;

  /** @param startMs Monotonic time at which the process began; the times printed count from there. */
  constructor(clock: Clock, startMs: number, write: (line: string) => void) {
    this.clock = clock;
    this.write = write;
    this.startMs = startMs;
    this.lastMs = startMs;
  }

  /** Prints that `what` is done. @returns Seconds since the start, as text */
  reached(what: string): string {
    const nowMs = this.clock.monotonicMs();
    const total = seconds(nowMs - this.startMs);
    this.write(`${total.padStart(7)} s  ${what} (${Math.round(nowMs - this.lastMs)} ms)`);
    this.lastMs = nowMs;
    return total;
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
