/**
 * Decides and writes batches. A batch with a durable write is committed before it is answered: one transaction and one
 * fsync for all of it. Lazy writes stay in the open transaction, where every read of this connection sees them, until
 * the next commit takes them along. So the disk always holds a prefix of the history, and an idle cluster writes nothing.
 */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { absent, firstRevision, LostWritesError, type Entry, type Revision } from "../store.ts";
import type { Counters } from "./counters.ts";
import type { HighWater, Mark } from "./high-water.ts";
import type { LogTable, Row } from "./log-table.ts";
import type { Answer, Batch, Decision, KeyRange, RangeStep, SentCommit } from "./protocol.ts";

/** Revisions that lazy writes may use before the next reservation, which costs a commit. */
const reservedBlock = 1_000;
/** More lazy writes than this are committed at once: they are held in memory until then. */
const uncommittedRowsMax = 5_000;
const uncommittedBytesMax = 2 * 1024 * 1024;
/** Pages of the WAL after which it is copied into the database. */
const walPagesMax = 256;

export class Writer {
  private readonly database: DatabaseSync;
  private readonly log: LogTable;
  private readonly counters: Counters;
  private readonly highWater: HighWater;
  // Invariant: committed and uncommitted revisions <= newest < next.
  private newest: Revision;
  // Moves on even when a batch fails: what a failed commit left behind is unknown, so its revisions are given up.
  private next: Revision;
  private liveBytes: number;
  // Lazy writes were answered with revisions up to this one at most, in this run or one before.
  private reserved: Revision;
  // The newest revision in the file. Invariant: durable <= newest.
  private durable: Revision;
  private open = false;
  // Between a crash and `renew`.
  private mayHaveLost: boolean;
  // Lazy rows of the open transaction, to write them again should it fail.
  private uncommitted: Row[] = [];
  private uncommittedBytes = 0;

  /** @throws LostWritesError when the log ends before the mark */
  constructor(parts: {
    readonly database: DatabaseSync;
    readonly log: LogTable;
    readonly counters: Counters;
    readonly highWater: HighWater;
    readonly mark: Mark | undefined;
  }) {
    const { database, log, counters, highWater, mark } = parts;
    this.database = database;
    this.log = log;
    this.counters = counters;
    this.highWater = highWater;
    const last = log.last();
    if (mark && last.revision < mark.revision)
      throw new LostWritesError(
        `expected the log to reach revision "${mark.revision}", found it end at "${last.revision}"`,
      );
    this.reserved = Math.max(counters.get("reserved"), mark?.reserved ?? 0);
    this.liveBytes = last.liveBytes;
    this.durable = last.revision;
    this.newest = Math.max(last.revision, this.reserved, firstRevision);
    this.next = this.newest + 1;
    this.mayHaveLost = this.reserved > last.revision;
  }

  /**
   * After a crash, writes every entry of these ranges anew as it is: lazy writes to them may be lost, and whoever saw
   * one must not see its revision go back, nor miss that it did.
   */
  renew(ranges: readonly KeyRange[]): void {
    if (!this.mayHaveLost) return;
    this.mayHaveLost = false;
    for (const { from, to } of ranges) {
      let step: RangeStep | undefined = { from, afterFrom: false, to, limit: Infinity, revision: undefined };
      // Later steps read on from the state before the first.
      const revision = this.newest;
      while (step) {
        const answer: Answer<"range"> = this.log.range(step, revision);
        this.begin();
        for (const entry of answer.entries) if (entry.damage === undefined) this.append(entry.key, entry.value, entry);
        step =
          answer.last === undefined ? undefined : { from: answer.last, afterFrom: true, to, limit: Infinity, revision };
      }
    }
    if (this.open) this.commit();
  }

  get revision(): Revision {
    return this.newest;
  }

  /** On a failure nothing of the batch happened, not even what was lazy in it. */
  write(batch: Batch): Answer<"write"> {
    const before = { newest: this.newest, liveBytes: this.liveBytes, uncommitted: this.uncommitted.length };
    try {
      this.begin();
      const decisions = this.decide(batch);
      const durable = batch.commits.some(({ lazy }, at) => !lazy && decisions[at]?.kind === "made");
      if (durable || this.isLarge() || this.reserve()) this.commit();
      return { decisions, revision: this.newest, uncommitted: this.uncommitted.length };
    } catch (error) {
      this.newest = before.newest;
      this.liveBytes = before.liveBytes;
      this.restore(before.uncommitted);
      throw error;
    }
  }

  /** Makes what waits durable. */
  commitAll(): void {
    if (!this.open) return;
    try {
      this.commit();
    } catch (error) {
      this.restore(this.uncommitted.length);
      throw error;
    }
  }

  /** Runs `work` in a transaction of its own, which may wait for the next fsync: losing it costs only its repetition. */
  inBackground(work: () => void): void {
    this.commitAll();
    this.database.exec("PRAGMA synchronous = NORMAL");
    try {
      this.database.exec("BEGIN IMMEDIATE");
      work();
      this.database.exec("COMMIT");
    } catch (error) {
      this.rollback();
      throw error;
    } finally {
      this.database.exec("PRAGMA synchronous = FULL");
    }
  }

  /** Copies the WAL into the database once it has that many pages. Its failure fails nobody: the WAL still holds everything. */
  checkpoint(pagesMin = walPagesMax): void {
    if (this.open) return;
    const pages = Number(this.database.prepare("PRAGMA wal_checkpoint(NOOP)").get()?.["log"] ?? 0);
    if (pages >= pagesMin) this.database.exec("PRAGMA wal_checkpoint(PASSIVE)");
  }

  /** Everything durable, no revision reserved that was not told to anyone, the WAL empty. */
  finish(): void {
    if (this.reserved > this.newest) {
      this.begin();
      this.counters.set("reserved", this.newest);
      this.reserved = this.newest;
    }
    this.commitAll();
    this.database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  size(path: string): Answer<"size"> {
    const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    return { totalBytes: sizeOf(path) + sizeOf(`${path}-wal`), liveBytes: this.liveBytes };
  }

  private decide({ commits, values }: Batch): Decision[] {
    let offset = 0;
    const take = (sizeBytes: number): Uint8Array => {
      offset += sizeBytes;
      return values.subarray(offset - sizeBytes, offset);
    };
    return commits.map((commit) => this.decideOne(commit, take));
  }

  /** @param take The next of the batch's bytes. */
  private decideOne({ writes }: SentCommit, take: (sizeBytes: number) => Uint8Array): Decision {
    const values = writes.map(({ sizeBytes }) => (sizeBytes === undefined ? undefined : take(sizeBytes)));
    const held = writes.map(({ key }) => this.log.newest(key));
    for (const [at, { key, expected }] of writes.entries()) {
      const revision = held[at]?.modRevision ?? absent;
      if (revision !== expected) return { kind: "held", key, revision };
    }
    const rows = writes.map(({ key }, at) => this.append(key, values[at], held[at]));
    return {
      kind: "made",
      revisions: rows.map(({ revision }) => revision),
      created: rows.map(({ createRevision }) => createRevision),
    };
  }

  private append(key: string, value: Uint8Array | undefined, previous: Entry | undefined): Row {
    const revision = this.next++;
    const row: Row = {
      revision,
      key,
      createRevision: previous?.createRevision ?? revision,
      previous: previous?.modRevision,
      liveBytes: this.liveBytes + bytesOf(key, value) - bytesOf(key, previous?.value),
      value,
    };
    this.log.append(row);
    this.uncommitted.push(row);
    this.uncommittedBytes += bytesOf(row.key, value);
    this.liveBytes = row.liveBytes;
    this.newest = revision;
    return row;
  }

  /** True when a reservation was written that must be durable before the batch is answered. */
  private reserve(): boolean {
    if (this.uncommitted.length === 0 || this.newest <= this.reserved) return false;
    this.reserved = this.newest + reservedBlock;
    this.counters.set("reserved", this.reserved);
    return true;
  }

  private isLarge(): boolean {
    return this.uncommitted.length > uncommittedRowsMax || this.uncommittedBytes > uncommittedBytesMax;
  }

  private begin(): void {
    if (this.open) return;
    this.database.exec("BEGIN IMMEDIATE");
    this.open = true;
  }

  private commit(): void {
    this.database.exec("COMMIT");
    this.open = false;
    if (this.uncommitted.length > 0) this.durable = this.newest;
    this.highWater.write({ revision: this.durable, reserved: this.reserved });
    this.uncommitted = [];
    this.uncommittedBytes = 0;
  }

  /** After a failure: the lazy writes that were answered before it happen again, under the same revisions. */
  private restore(answered: number): void {
    this.rollback();
    this.open = false;
    this.reserved = this.counters.get("reserved");
    this.uncommitted = this.uncommitted.slice(0, answered);
    this.uncommittedBytes = this.uncommitted.reduce((sum, row) => sum + bytesOf(row.key, row.value), 0);
    if (answered === 0) return;
    this.begin();
    for (const row of this.uncommitted) this.log.append(row);
  }

  private rollback(): void {
    // SQLite ends the transaction by itself after some failures.
    if (this.database.isTransaction) this.database.exec("ROLLBACK");
  }
}

function bytesOf(key: string, value: Uint8Array | undefined): number {
  return value ? key.length + value.length : 0;
}
