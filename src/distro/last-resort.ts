/**
 * What is thrown where nobody catches it, in a timer, an event or a promise that nobody waits for: a bug, which ends the
 * component that it is of and nothing else. What is nobody's is survived too, until there is too much of it: then the
 * process ends in order, and who supervises it starts it anew.
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import { blame } from "#base/component.ts";
import type { Log } from "#base/log.ts";

/** Errors of no component within a minute that are survived. */
export const strayErrorsMax = 30;
const minuteMs = 60_000;

export class LastResort {
  private readonly parts: { readonly clock: Clock; readonly log: Log; readonly end: (why: Error) => void };
  // Invariant: at most strayErrorsMax + 1 times, of the last minute, rising.
  private times: readonly number[] = [];

  /** @param parts `end` begins the orderly end of the process; it may be called more than once. */
  constructor(parts: LastResort["parts"]) {
    this.parts = parts;
  }

  /** Takes an error that nobody caught, in the context in which it was thrown. */
  take(error: unknown): void {
    const { clock, log, end } = this.parts;
    const component = blame(error);
    const stack = error instanceof Error ? (error.stack ?? "") : "";
    if (component !== undefined) {
      log.error("a component threw where nobody catches it", { component, error: messageOf(error), stack });
      return;
    }
    const nowMs = clock.monotonicMs();
    this.times = [...this.times.filter((timeMs) => nowMs - timeMs < minuteMs), nowMs].slice(-strayErrorsMax - 1);
    log.error("an error that nobody caught", { error: messageOf(error), stack, withinMinute: this.times.length });
    if (this.times.length > strayErrorsMax)
      end(new Error(`expected at most ${strayErrorsMax} errors a minute that nobody catches, found more`));
  }
}
