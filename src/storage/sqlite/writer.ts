/**
 * Decides and writes batches. A batch with a durable write is committed before it is answered: one transaction and one
 * fsync for all of it. Lazy writes wait in memory, where every read sees them, until the next commit takes them along.
 * So the disk always holds a prefix of the history, and an idle cluster writes nothing.
 */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { absent, firstRevision, LostWritesError, type Revision } from "../store.ts";
import { type Decision, decodeBatch, type ReceivedCommit, type ReceivedWrite } from "./batch-format.ts";
import type { Counters } from "./counters.ts";
import type { HighWater, Mark } from "./high-water.ts";
import type { Held, HeldKeys } from "./held-keys.ts";
import type { LogTable, Row } from "./log-table.ts";
import type { Answer, KeyRange } from "./protocol.ts";
import type { Reads } from "./reads.ts";

/** Revisions that lazy writes may use before the next reservation, which costs a commit. */
const reservedBlock = 1_000;
/** More lazy writes than this are committed at once: they are held in memory until then. */
const waitingRowsMax = 5_000;
const waitingBytesMax = 2 * 1024 * 1024;
/** Pages of the WAL after which it is copied into the database: a page that changes often is copied once for all of them. */
const walPagesMax = 1_024;

/** What a row of the batch under way put in the place of. */
interface Undo {
  readonly key: Uint8Array;
  readonly held: Held | undefined;
}

export interface WriterParts {
  readonly database: DatabaseSync;
  readonly table: LogTable;
  readonly index: HeldKeys;
  readonly reads: Reads;
  /** Rows that were answered, or will be with the batch under way, and are not on the disk. */
  readonly waiting: Map<Revision, Row>;
  readonly counters: Counters;
  readonly highWater: HighWater;
  readonly mark: Mark | undefined;
}

export class Writer {
  private readonly parts: WriterParts;
  // Invariant: committed and waiting revisions <= newest < next.
  private newest: Revision;
  // Moves on even when a batch fails: what a failed commit left behind is unknown, so its revisions are given up.
  private next: Revision;
  private liveBytes: number;
  // Lazy writes were answered with revisions up to this one at most, in this run or one before.
  private reserved: Revision;
  // The newest revision in the file. Invariant: durable <= newest.
  private durable: Revision;
  // Between a crash and `renew`.
  private mayHaveLost: boolean;
  private waitingBytes = 0;
  private undos: Undo[] = [];

  /** @throws LostWritesError when the log ends before the mark */
  constructor(parts: WriterParts) {
    this.parts = parts;
    const { mark, counters } = parts;
    const last = parts.table.last();
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

  get revision(): Revision {
    return this.newest;
  }

  get durableRevision(): Revision {
    return this.durable;
  }

  /**
   * After a crash, writes every entry of these ranges anew as it is: lazy writes to them may be lost, and whoever saw
   * one must not see its revision go back, nor miss that it did.
   */
  renew(ranges: readonly KeyRange[]): void {
    if (!this.mayHaveLost) return;
    this.mayHaveLost = false;
    const { reads, index } = this.parts;
    // Later steps read on from the state before the first.
    const revision = this.newest;
    for (const { from, to } of ranges) {
      let at: string | undefined = from;
      while (at !== undefined) {
        const step = { from: at, afterFrom: at !== from, to, limit: Infinity, revision };
        const answer: Answer<"range"> = reads.range(step, revision);
        for (const { key, value, damage } of answer.entries) {
          const bytes = Buffer.from(key);
          if (damage === undefined) this.append({ key: bytes, value, expected: absent }, index.get(bytes));
        }
        at = answer.last;
      }
    }
    this.commitAll();
  }

  /** On a failure nothing of the batch happened, not even what was lazy in it. */
  write(batch: Uint8Array): {
    readonly decisions: readonly Decision[];
    readonly revision: Revision;
    readonly waiting: number;
  } {
    const { newest, liveBytes, waitingBytes } = this;
    const commits = decodeBatch(batch);
    try {
      const decisions = commits.map((commit) => this.decide(commit));
      const durable = commits.some(({ lazy }, at) => !lazy && decisions[at]?.kind === "made");
      if (durable || this.isLarge()) this.commit();
      else if (this.mustReserve()) this.commit(this.newest + reservedBlock);
      this.undos = [];
      return { decisions, revision: this.newest, waiting: this.parts.waiting.size };
    } catch (error) {
      this.takeBack(newest);
      this.newest = newest;
      this.liveBytes = liveBytes;
      this.waitingBytes = waitingBytes;
      throw error;
    }
  }

  /** Makes what waits durable. */
  commitAll(): void {
    if (this.parts.waiting.size > 0) this.commit();
  }

  /** Runs `work` in a transaction of its own, which may wait for the next fsync: losing it costs only its repetition. */
  inBackground(work: () => void): void {
    const { database } = this.parts;
    database.exec("PRAGMA synchronous = NORMAL");
    try {
      this.inTransaction(work);
    } finally {
      database.exec("PRAGMA synchronous = FULL");
    }
  }

  /** Copies the WAL into the database once it has that many pages. Its failure fails nobody: the WAL still holds everything. */
  checkpoint(pagesMin = walPagesMax): void {
    const { database } = this.parts;
    const pages = Number(database.prepare("PRAGMA wal_checkpoint(NOOP)").get()?.["log"] ?? 0);
    if (pages >= pagesMin) database.exec("PRAGMA wal_checkpoint(PASSIVE)");
  }

  /** Everything durable, no revision reserved that was not told to anyone, the WAL empty. */
  finish(): void {
    const { waiting, database } = this.parts;
    if (waiting.size > 0 || this.reserved > this.newest) this.commit(this.newest);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  size(path: string): Answer<"size"> {
    const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    return { totalBytes: sizeOf(path) + sizeOf(`${path}-wal`), liveBytes: this.liveBytes };
  }

  private decide({ writes }: ReceivedCommit): Decision {
    const held = writes.map(({ key }) => this.parts.index.get(key));
    for (const [at, { expected }] of writes.entries()) {
      const found = held[at];
      const revision = found?.sizeBytes === undefined ? absent : found.modRevision;
      if (revision !== expected) return { kind: "held", at, revision };
    }
    const rows = writes.map((write, at) => this.append(write, held[at]));
    return {
      kind: "made",
      first: rows[0]?.revision ?? absent,
      created: rows.map(({ createRevision }) => createRevision),
    };
  }

  /** @param held What the key has. */
  private append({ key, value }: ReceivedWrite, held: Held | undefined): Row {
    const revision = this.next++;
    const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("utf8");
    const createRevision = held?.sizeBytes === undefined ? revision : held.createRevision;
    const sizeBytes = value && text.length + value.length;
    const liveBytes = this.liveBytes + (sizeBytes ?? 0) - (held?.sizeBytes ?? 0);
    const row = { revision, key: text, createRevision, previous: held?.modRevision, liveBytes, value };
    this.undos.push({ key, held });
    this.parts.index.set(key, { modRevision: revision, createRevision, sizeBytes });
    this.parts.waiting.set(revision, row);
    this.waitingBytes += sizeBytes ?? 0;
    this.liveBytes = liveBytes;
    this.newest = revision;
    return row;
  }

  /** True when lazy writes have come to the end of the revisions that were reserved for them. */
  private mustReserve(): boolean {
    return this.parts.waiting.size > 0 && this.newest > this.reserved;
  }

  private isLarge(): boolean {
    return this.parts.waiting.size > waitingRowsMax || this.waitingBytes > waitingBytesMax;
  }

  /** @param reserved The revisions that lazy writes may use from now on. */
  private commit(reserved = this.reserved): void {
    const { table, waiting, counters, highWater } = this.parts;
    this.inTransaction(() => {
      for (const row of waiting.values()) table.append(row);
      if (reserved !== this.reserved) counters.set("reserved", reserved);
    });
    this.reserved = reserved;
    if (waiting.size > 0) this.durable = this.newest;
    highWater.write({ revision: this.durable, reserved });
    waiting.clear();
    this.waitingBytes = 0;
  }

  private inTransaction(work: () => void): void {
    const { database } = this.parts;
    database.exec("BEGIN IMMEDIATE");
    try {
      work();
      database.exec("COMMIT");
    } catch (error) {
      // SQLite ends the transaction by itself after some failures.
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  /** After a failure: rows of the batch go, lazy writes that were answered before it go on waiting. */
  private takeBack(answered: Revision): void {
    const { index, waiting } = this.parts;
    for (const { key, held } of this.undos.reverse())
      if (held) index.set(key, held);
      else index.delete(key);
    this.undos = [];
    for (const revision of waiting.keys()) if (revision > answered) waiting.delete(revision);
  }
}
