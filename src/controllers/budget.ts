/**
 * What one plan may cost. A plan comes from an object that anybody may have written, so how many calls it makes and how
 * long they take is bounded here and not left to each controller: what is over the budget waits for the next look.
 */
import type { Clock } from "#base/clock.ts";

/** Calls to the API in one look. Controllers make or delete up to 500 objects at once; a status and releases come with it. */
export const callsMax = 2_000;
/** From the first call of a plan to its last. */
export const planMsMax = 30_000;

/** A plan that was cut. Its key is looked at again. */
export class OverBudgetError extends Error {
  override readonly name = "OverBudgetError";
}

export class Budget {
  private readonly clock: Clock;
  private readonly untilMs: number;
  private calls = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.untilMs = clock.monotonicMs() + planMsMax;
  }

  /** One more call. @throws OverBudgetError when there is none left, or no time. */
  spend(): void {
    this.calls += 1;
    if (this.calls > callsMax) throw new OverBudgetError(`the plan makes more than ${callsMax} calls`);
    if (this.clock.monotonicMs() > this.untilMs) throw new OverBudgetError(`the plan takes more than ${planMsMax} ms`);
  }
}
