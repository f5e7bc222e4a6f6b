/**
 * Something outside this process (the kernel's rules, a status in the API, a mount) that is to be as wanted. What it is
 * now is always looked at from outside and never remembered, for others write there too: each turn observes, compares
 * and acts on the difference. A turn comes when something else is wanted, when an event says that it changed outside,
 * and now and then in any case.
 */
import { messageOf } from "./assert.ts";
import { Backoff } from "./backoff.ts";
import { deadline, type Clock } from "./clock.ts";
import type { Component } from "./component.ts";
import type { Log } from "./log.ts";
import { WorkQueue } from "./queue.ts";

export interface Reconciling<Wanted, Seen, Change> {
  /** For logs; unique within its process. */
  readonly name: string;
  /** What is there now, read from outside. */
  readonly observe: (signal: AbortSignal) => Promise<Seen>;
  /** Pure: what must change, as data; undefined when it is as wanted. */
  readonly compare: (wanted: Wanted, seen: Seen) => Change | undefined;
  /** Makes the change. May fail half-way: the next turn sees what came of it. */
  readonly act: (change: Change, signal: AbortSignal) => Promise<void>;
}

export interface ReconciledOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** From the end of a turn to the next look without an event. */
  readonly lookEveryMs?: number;
  /** A turn that takes longer is given up and tried again. */
  readonly turnMs?: number;
  /** From an event to its turn, so that a burst is one turn. */
  readonly gatherMs?: number;
}

const turn = "turn";

export class Reconciled<Wanted, Seen, Change> implements Component {
  readonly name: string;
  private readonly how: Reconciling<Wanted, Seen, Change>;
  private readonly options: Required<ReconciledOptions>;
  private readonly queue: WorkQueue;
  private wanted: { readonly value: Wanted } | undefined;

  constructor(how: Reconciling<Wanted, Seen, Change>, options: ReconciledOptions) {
    this.name = how.name;
    this.how = how;
    this.options = { lookEveryMs: 30_000, turnMs: 20_000, gatherMs: 0, ...options };
    this.queue = new WorkQueue(options.clock);
  }

  /** Says what is wanted from now on. Nothing is done before the first call. */
  want(value: Wanted): void {
    this.wanted = { value };
    this.look();
  }

  /** Says that it may have changed outside, or will have within `afterMs`. The earliest of several such calls wins. */
  look(afterMs = this.options.gatherMs): void {
    this.queue.addAfter(turn, afterMs);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, lookEveryMs } = this.options;
    const backoff = new Backoff({ firstMs: 200, maxMs: lookEveryMs, resetAfterMs: 2 * lookEveryMs, clock });
    this.look();
    try {
      while (!signal.aborted) {
        const key = await this.queue.next(signal).catch(() => undefined);
        if (key === undefined) return;
        let againMs = lookEveryMs;
        try {
          await this.turn(signal);
        } catch (error) {
          if (signal.aborted) return;
          againMs = backoff.nextMs();
          log.warn("not as wanted yet", { what: this.name, error: messageOf(error), retryInMs: Math.round(againMs) });
        }
        this.queue.done(key);
        this.queue.addAfter(key, againMs);
      }
    } finally {
      this.queue.close();
    }
  }

  private async turn(signal: AbortSignal): Promise<void> {
    if (!this.wanted) return;
    using limit = deadline(this.options.clock, this.options.turnMs, signal);
    const seen = await withinTurn(this.how.observe(limit.signal), limit.signal);
    // Read after the wait: what is wanted may be newer than this turn.
    const change = this.how.compare(this.wanted.value, seen);
    if (change !== undefined) await withinTurn(this.how.act(change, limit.signal), limit.signal);
  }
}

/** Gives up on work that does not heed its signal, so that one hung call never silences the loop. */
function withinTurn<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const givenUp = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error("given up"));
  if (signal.aborted) givenUp();
  else signal.addEventListener("abort", givenUp, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener("abort", givenUp));
  return promise;
}
