/**
 * Who may look at the quotas of a namespace: writes are charged one after another, and a recount has its turn when no
 * charged write is on its way. A turn is held only while quotas are read and written, never across another's admission.
 */
import type { Clock } from "#base/clock.ts";
import { conflict } from "#machinery/status.ts";
import type { WriteAttempt } from "../access.ts";

/** A recount that waits longer for the writes under way comes back later. */
const settleMsMax = 2_000;

interface Line {
  /** The end of the last turn. */
  tail: Promise<void>;
  turns: number;
  /** Charged, neither written nor given up. */
  readonly underWay: Set<WriteAttempt>;
  settled: (() => void) | undefined;
}

export class QuotaLines {
  private readonly clock: Clock;
  // Namespaces with somebody in line or under way: at most one for each request that is served.
  private readonly lines = new Map<string, Line>();
  private readonly namespaces = new Map<WriteAttempt, string>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Runs `work`, which charges; the attempt counts as under way until `settle`. @throws what `work` throws */
  async charge(namespace: string, attempt: WriteAttempt, work: () => Promise<void>): Promise<void> {
    await this.turn(namespace, attempt.signal, async (line) => {
      line.underWay.add(attempt);
      this.namespaces.set(attempt, namespace);
      await work();
    });
  }

  /** The attempt's charge is in an object now, or was given back. */
  settle(attempt: WriteAttempt): void {
    const namespace = this.namespaces.get(attempt);
    if (namespace === undefined) return;
    this.namespaces.delete(attempt);
    const line = this.lines.get(namespace);
    if (!line) return;
    line.underWay.delete(attempt);
    if (line.underWay.size === 0) line.settled?.();
    this.forget(namespace, line);
  }

  /**
   * Runs `work`, which counts what there is, while nothing is charged and nothing charged is on its way.
   *
   * @throws StatusError 409 when that does not come about in time
   */
  async recount(namespace: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    await this.turn(namespace, signal, async (line) => {
      await this.whenSettled(namespace, line, signal);
      await work();
    });
  }

  private async turn(namespace: string, signal: AbortSignal, work: (line: Line) => Promise<void>): Promise<void> {
    const line = this.lines.get(namespace) ?? {
      tail: Promise.resolve(),
      turns: 0,
      underWay: new Set<WriteAttempt>(),
      settled: undefined,
    };
    this.lines.set(namespace, line);
    const before = line.tail;
    const { promise: mine, resolve: finish } = Promise.withResolvers<void>();
    // Who leaves early must not let those behind pass those before.
    line.tail = before.then(() => mine);
    line.turns += 1;
    try {
      await untilAborted(before, signal);
      await work(line);
    } finally {
      finish();
      line.turns -= 1;
      this.forget(namespace, line);
    }
  }

  private async whenSettled(namespace: string, line: Line, signal: AbortSignal): Promise<void> {
    if (line.underWay.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    line.settled = resolve;
    using _limit = this.clock.after(settleMsMax, resolve);
    try {
      await untilAborted(promise, signal);
    } finally {
      line.settled = undefined;
    }
    if (line.underWay.size > 0)
      throw conflict(
        { group: "", resource: "resourcequotas", name: "" },
        `expected the writes that are charged in namespace ${JSON.stringify(namespace)} to end, found ${line.underWay.size} under way`,
      );
  }

  private forget(namespace: string, line: Line): void {
    if (line.turns === 0 && line.underWay.size === 0) this.lines.delete(namespace);
  }
}

async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise: left, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    await Promise.race([work, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
