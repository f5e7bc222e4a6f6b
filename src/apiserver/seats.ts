/**
 * How many requests are worked on at once. Each kind of work is counted apart, so that one cannot shut out another, and
 * so is each level: health, nodes and administrators are served however much everybody else asks. Within a level nobody
 * has more than a share; who waits is served in turn with the others who wait, not before them.
 *
 * Differs from upstream: there are no flow schemas to configure.
 *
 * @see https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
import { must } from "#base/assert.ts";
import { abortReason } from "#base/clock.ts";
import { tooManyRequests } from "#machinery/status.ts";
import { superusers, type User } from "./access.ts";

/** `body`: its bytes are coming in. `sending`: a long list is on its way out. `connection`: logs, exec, proxies. */
export type SeatKind = "read" | "write" | "body" | "sending" | "watch" | "connection";

interface Row {
  readonly seatsMax: number;
  /** Of these, those of one owner. */
  readonly seatsOfOneMax: number;
  readonly waitingMax: number;
  readonly waitingOfOneMax: number;
}

/** For each level. Reads and writes are upstream's numbers; they last milliseconds, so that few wait at any time. */
export const seatLimits: Readonly<Record<SeatKind, Row>> = {
  read: { seatsMax: 400, seatsOfOneMax: 100, waitingMax: 2_000, waitingOfOneMax: 500 },
  write: { seatsMax: 400, seatsOfOneMax: 100, waitingMax: 2_000, waitingOfOneMax: 500 },
  body: { seatsMax: 2_000, seatsOfOneMax: 400, waitingMax: 0, waitingOfOneMax: 0 },
  sending: { seatsMax: 2_000, seatsOfOneMax: 200, waitingMax: 0, waitingOfOneMax: 0 },
  watch: { seatsMax: 20_000, seatsOfOneMax: 10_000, waitingMax: 0, waitingOfOneMax: 0 },
  connection: { seatsMax: 2_000, seatsOfOneMax: 500, waitingMax: 0, waitingOfOneMax: 0 },
};

export type Level = "health" | "administrators" | "nodes" | "others";

/** Whose share a request is counted to. */
export interface Owner {
  readonly level: Level;
  readonly name: string;
}

const nodesGroup = "system:nodes";
const accountPrefix = "system:serviceaccount:";

/** Service accounts of a namespace share: whoever may make one may make many. */
export function ownerOf({ name, groups }: User): Owner {
  if (groups.includes(superusers)) return { level: "administrators", name };
  if (groups.includes(nodesGroup)) return { level: "nodes", name };
  const isAccount = name.startsWith(accountPrefix);
  return { level: "others", name: isAccount ? name.slice(0, name.indexOf(":", accountPrefix.length)) : name };
}

interface Share {
  taken: number;
  readonly waiting: Set<() => void>;
}

/** The seats of one kind and level. */
class Table {
  taken = 0;
  private waiting = 0;
  private readonly row: Row;
  // Owners that have a seat or wait for one.
  private readonly shares = new Map<string, Share>();
  // Those that wait, the one whose turn it is first.
  private readonly turns = new Set<string>();

  constructor(row: Row) {
    this.row = row;
  }

  take(owner: string, signal: () => AbortSignal): Promise<void> | undefined {
    const { seatsMax, seatsOfOneMax, waitingMax, waitingOfOneMax } = this.row;
    const share = this.shares.get(owner) ?? { taken: 0, waiting: new Set() };
    if (this.taken < seatsMax && share.taken < seatsOfOneMax && share.waiting.size === 0) {
      this.shares.set(owner, share);
      this.taken += 1;
      share.taken += 1;
      return undefined;
    }
    if (this.waiting >= waitingMax || share.waiting.size >= waitingOfOneMax)
      throw tooManyRequests("Too many requests, please try again later.");
    return this.wait(owner, share, signal());
  }

  leave(owner: string): void {
    this.taken -= 1;
    const share = this.shares.get(owner);
    if (share) share.taken -= 1;
    this.admit();
    if (share?.taken === 0 && share.waiting.size === 0) this.shares.delete(owner);
  }

  private wait(owner: string, share: Share, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        share.waiting.delete(admitted);
        this.waiting -= 1;
        if (share.waiting.size === 0) this.turns.delete(owner);
        signal.removeEventListener("abort", onAbort);
      };
      const admitted = (): void => {
        settle();
        resolve();
      };
      const onAbort = (): void => {
        settle();
        if (share.taken === 0 && share.waiting.size === 0) this.shares.delete(owner);
        reject(abortReason(signal));
      };
      if (signal.aborted) return reject(abortReason(signal));
      this.shares.set(owner, share);
      share.waiting.add(admitted);
      this.waiting += 1;
      this.turns.add(owner);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Hands a free seat to the first owner in turn that has not its share yet. */
  private admit(): void {
    for (const owner of this.turns) {
      if (this.taken >= this.row.seatsMax) return;
      const share = this.shares.get(owner);
      const [next] = share?.waiting ?? [];
      if (!share || !next || share.taken >= this.row.seatsOfOneMax) continue;
      this.taken += 1;
      share.taken += 1;
      this.turns.delete(owner);
      if (share.waiting.size > 1) this.turns.add(owner);
      next();
      return;
    }
  }
}

/** The right to be worked on. Disposing of it gives it back. */
export class Seat implements Disposable {
  private readonly seats: Seats;
  private readonly owner: Owner;
  private kind: SeatKind | undefined;

  /** For `Seats`, when it is taken. */
  constructor(seats: Seats, kind: SeatKind, owner: Owner) {
    this.seats = seats;
    this.kind = kind;
    this.owner = owner;
  }

  /** Goes on as work of another kind. @throws StatusError 429 when there is no such seat; this one stays taken then. */
  become(kind: SeatKind): void {
    this.seats.exchange(this.owner, this.kind, kind);
    this.kind = kind;
  }

  [Symbol.dispose](): void {
    if (this.kind) this.seats.leave(this.kind, this.owner);
    this.kind = undefined;
  }
}

const levels: readonly Level[] = ["health", "administrators", "nodes", "others"];
const never = new AbortController().signal;

export class Seats {
  private readonly tables = new Map<string, Table>();

  constructor() {
    for (const level of levels)
      for (const kind of kinds) this.tables.set(`${level} ${kind}`, new Table(seatLimits[kind]));
  }

  inUse(kind: SeatKind): number {
    return levels.reduce((sum, level) => sum + this.table(level, kind).taken, 0);
  }

  /** Takes a seat, waiting for it if need be. @throws StatusError 429 when too many wait, the signal's reason. */
  async take(kind: SeatKind, owner: Owner, signal: () => AbortSignal): Promise<Seat> {
    const turn = this.table(owner.level, kind).take(owner.name, signal);
    if (turn) await turn;
    return new Seat(this, kind, owner);
  }

  /** For seats. */
  exchange(owner: Owner, from: SeatKind | undefined, to: SeatKind): void {
    // A kind that is changed to has no queue, so this takes a seat or throws.
    void this.table(owner.level, to).take(owner.name, () => never);
    if (from) this.leave(from, owner);
  }

  /** For seats. */
  leave(kind: SeatKind, owner: Owner): void {
    this.table(owner.level, kind).leave(owner.name);
  }

  private table(level: Level, kind: SeatKind): Table {
    return must(this.tables.get(`${level} ${kind}`), `no seats of kind "${kind}" for "${level}"`);
  }
}

const kinds: readonly SeatKind[] = ["read", "write", "body", "sending", "watch", "connection"];
