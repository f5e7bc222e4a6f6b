/**
 * How many requests are worked on at once. Reads, writes and connections that last are counted apart, so that one kind
 * cannot shut out another; a few more may wait, the rest is told to come back.
 *
 * @see https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
import { tooManyRequests } from "#machinery/status.ts";

export type SeatKind = "read" | "write" | "long";

interface Row {
  readonly seatsMax: number;
  readonly waitingMax: number;
}

const rows: Readonly<Record<SeatKind, Row>> = {
  read: { seatsMax: 400, waitingMax: 2_000 },
  write: { seatsMax: 400, waitingMax: 2_000 },
  long: { seatsMax: 20_000, waitingMax: 0 },
};

export class Seats {
  private readonly taken: Record<SeatKind, number> = { read: 0, write: 0, long: 0 };
  private readonly waiting: Record<SeatKind, (() => void)[]> = { read: [], write: [], long: [] };

  inUse(kind: SeatKind): number {
    return this.taken[kind];
  }

  /** Takes a seat, waiting for it if need be. @throws StatusError 429 when too many wait. */
  take(kind: SeatKind): Promise<void> | undefined {
    const { seatsMax, waitingMax } = rows[kind];
    if (this.taken[kind] < seatsMax) {
      this.taken[kind] += 1;
      return undefined;
    }
    const queue = this.waiting[kind];
    if (queue.length >= waitingMax) throw tooManyRequests("Too many requests, please try again later.");
    return new Promise((resolve) => queue.push(resolve));
  }

  leave(kind: SeatKind): void {
    const next = this.waiting[kind].shift();
    // The seat is handed on as it is.
    if (next) next();
    else this.taken[kind] -= 1;
  }
}
