/**
 * Forgets what no revision from the target on can see: rows that were replaced up to it, and deletions up to it. Only
 * the stretch of the log since the last compaction is read, since every row names the one it replaced.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Revision } from "../store.ts";
import type { Counters } from "./counters.ts";
import { numberOf } from "./database.ts";
import type { Writer } from "./writer.ts";

/** Rows a step looks at: each may cost a page of the table and one of the index. */
const stepRows = 32;
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
       ORDER BY revision LIMIT ${stepRows}`,
    );
    this.remove = this.database.prepare("DELETE FROM log WHERE revision = ?");
  }

  /** @returns True when another step is due. */
  step(target: Revision): boolean {
    // An idle cluster forgets a few renewals every few minutes: not worth a dozen pages each time.
    if (target - this.counters.get("swept") < this.sweepRevisionsMin) return false;
    let more = false;
    this.writer.inBackground(() => {
      more = this.sweep(target) || this.shrink();
    });
    return more;
  }

  private sweep(target: Revision): boolean {
    if (this.counters.get("compacted") < target) this.counters.set("compacted", target);
    const rows = this.rows.all(this.counters.get("swept"), target);
    for (const { revision, previous, deletion } of rows) {
      if (typeof previous === "number") this.remove.run(previous);
      if (deletion === 1) this.remove.run(revision ?? null);
    }
    const last = rows.at(-1)?.["revision"];
    if (typeof last !== "number") return false;
    this.counters.set("swept", last);
    return rows.length === stepRows;
  }

  private shrink(): boolean {
    const free = numberOf(this.database, "freelist_count");
    if (free <= freePagesMax) return false;
    this.database.prepare(`PRAGMA incremental_vacuum(${stepPages})`).all();
    return free - stepPages > freePagesMax;
  }
}
