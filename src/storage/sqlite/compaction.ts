/**
 * Forgets what no revision from the target on can see: rows that were replaced up to it, and deletions up to it. Only
 * the stretch of the log since the last compaction is read, since every row names the one it replaced.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Revision } from "../store.ts";
import type { Counters } from "./counters.ts";
import { numberOf } from "./database.ts";
import type { Writer } from "./writer.ts";

/** A step removes this many rows at most, */
const stepRowsMax = 256;
/** and leaps this often from one place of the log to another: each leap is another page to write. */
const stepLeapsMax = 32;
/** Rows nearer than this are likely on one page. */
const neighbourRevisions = 4;
/** Free pages that stay in the file for the writes to come. */
const freePagesMax = 4_096;
/** Pages a step gives back to the file system. */
const stepPages = 128;

export class Compaction {
  private readonly database: DatabaseSync;
  private readonly counters: Counters;
  private readonly writer: Writer;
  private readonly rows: StatementSync;
  private readonly remove: StatementSync;
  private readonly sweepRevisionsMin: number;
  // Between the first and the last step of a sweep.
  private sweeping = false;

  constructor(parts: {
    readonly database: DatabaseSync;
    readonly counters: Counters;
    readonly writer: Writer;
    readonly sweepRevisionsMin: number;
  }) {
    this.sweepRevisionsMin = parts.sweepRevisionsMin;
    this.database = parts.database;
    this.counters = parts.counters;
    this.writer = parts.writer;
    // The newest row stays in any case: it holds the revision and the running total of live bytes.
    this.rows = this.database.prepare(
      `SELECT revision, previous, value IS NULL AS deletion FROM log
       WHERE revision > ? AND revision <= ? AND revision < (SELECT max(revision) FROM log)
       ORDER BY revision LIMIT ${stepRowsMax}`,
    );
    this.remove = this.database.prepare("DELETE FROM log WHERE revision = ?");
  }

  /** @returns True when another step is due. */
  step(target: Revision): boolean {
    // An idle cluster forgets a few renewals every few minutes: not worth a dozen pages each time.
    this.sweeping ||= target - this.counters.get("swept") >= this.sweepRevisionsMin;
    if (!this.sweeping && this.freePages() <= freePagesMax) return false;
    let more = false;
    this.writer.inBackground(() => {
      this.sweeping &&= this.sweep(target);
      more = this.sweeping || this.shrink();
    });
    return more;
  }

  private sweep(target: Revision): boolean {
    if (this.counters.get("compacted") < target) this.counters.set("compacted", target);
    let swept = this.counters.get("swept");
    const rows = this.rows.all(swept, target);
    let seen = 0;
    let leaps = 0;
    let lastRemoved = 0;
    for (const { revision, previous, deletion } of rows) {
      if (leaps > stepLeapsMax) break;
      for (const removed of [...(previous === null ? [] : [previous]), ...(deletion === 1 ? [revision] : [])]) {
        this.remove.run(removed ?? null);
        if (Math.abs(Number(removed) - lastRemoved) > neighbourRevisions) leaps += 1;
        lastRemoved = Number(removed);
      }
      seen += 1;
      swept = Number(revision);
    }
    this.counters.set("swept", swept);
    return seen < rows.length || rows.length === stepRowsMax;
  }

  private shrink(): boolean {
    if (this.freePages() <= freePagesMax) return false;
    this.database.prepare(`PRAGMA incremental_vacuum(${stepPages})`).all();
    return this.freePages() > freePagesMax;
  }

  private freePages(): number {
    return numberOf(this.database, "freelist_count");
  }
}
