/** Growing pauses: doubled from a first one up to a limit, and back to the first after a quiet time. */
import type { Clock } from "./clock.ts";

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Without a failure for this long, the next pause is the first one again. */
  readonly resetAfterMs: number;
  readonly clock: Clock;
}

export class Backoff {
  private readonly options: BackoffOptions;
  // Invariant: 0 (no failure yet) or firstMs <= currentMs <= maxMs.
  private currentMs = 0;
  private lastMs = 0;

  constructor(options: BackoffOptions) {
    this.options = options;
  }

  /** The pause that is due now, in milliseconds; the following one is longer. */
  nextMs(): number {
    const { firstMs, maxMs, resetAfterMs, clock } = this.options;
    const nowMs = clock.monotonicMs();
    const quiet = nowMs - this.lastMs > resetAfterMs + this.currentMs;
    this.currentMs = this.currentMs === 0 || quiet ? firstMs : Math.min(this.currentMs * 2, maxMs);
    this.lastMs = nowMs;
    return this.currentMs;
  }

  reset(): void {
    this.currentMs = 0;
  }
}
