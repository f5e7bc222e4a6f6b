/** What all resources together hold of the past, and when it is too old. */
import type { Clock } from "#base/clock.ts";

// How often what is held is looked through for what is too old.
const lookMs = 30_000;

export interface Expiring {
  /** Lets go of what is too old. True when something is left. */
  expire(): boolean;
}

export class History {
  readonly clock: Clock;
  /** What all event windows hold beyond what each may hold in any case. Counted by them. */
  windowBytes = 0;
  /** What all past views alone keep alive. Counted by them. */
  viewBytes = 0;
  private holders = new Set<Expiring>();
  private lookedMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.lookedMs = clock.monotonicMs();
  }

  /** Asked to expire from here on, until it says that nothing is left. */
  holds(holder: Expiring): void {
    this.holders.add(holder);
    // No timer: where nothing changes nothing more is held, and the renewals of nodes' leases are changes.
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.lookedMs < lookMs) return;
    this.lookedMs = nowMs;
    this.holders = new Set([...this.holders].filter((held) => held.expire()));
  }
}
