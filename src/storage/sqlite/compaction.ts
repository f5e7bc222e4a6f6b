/**
 * Forgets what no revision from the target on can see: rows that were replaced up to it, and deletions up to it. Only
 * the stretch of the log since the last compaction is read, since every row names the one it replaced. What is to go is
 * gathered first and removed in the order in which it stands in the file, so that a page is written once.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Revision } from "../store.ts";
import type { Counters } from "./counters.ts";
import { numberOf } from "./database.ts";
import type { HeldKeys } from "./held-keys.ts";
import type { Writer } from "./writer.ts";

/** A step ends after this time, and those who write have their turn. */
const stepMsMax = 2;
/** Rows that are looked at between two looks at the clock. */
const rowsAtOnce = 32;
/** Revisions that are gathered before they are removed: 16 bytes each. */
const gatheredMax = 100_000;
/** Free pages that stay in the file for the writes to come. */
const freePagesMax = 4_096;
/** Pages given back to the file system between two looks at the clock. */
const pagesAtOnce = 16;

export class Compaction {
  private readonly parts: CompactionParts;
  private readonly rows: StatementSync;
  private readonly remove: StatementSync;
  // From the first step to the last.
  private sweep: Sweep | undefined;
  // The target of the last sweep that came to its end.
  private done: Revision = 0;

  constructor(parts: CompactionParts) {
    this.parts = parts;
    // The newest row stays in any case: it holds the revision and the running total of live bytes.
    this.rows = parts.database.prepare(
      `SELECT revision, previous, iif(value IS NULL, key, NULL) AS deleted FROM log
       WHERE revision > ? AND revision <= ? AND revision < (SELECT max(revision) FROM log)
       ORDER BY revision LIMIT ${rowsAtOnce}`,
    );
    this.remove = parts.database.prepare("DELETE FROM log WHERE revision = ?");
  }

  /** @returns True when another step is due. */
  step(target: Revision): boolean {
    const { counters, sweepRevisionsMin } = this.parts;
    // An idle cluster forgets a few renewals every few minutes: not worth a dozen pages each time.
    const isDue = target > this.done && target - counters.get("swept") >= sweepRevisionsMin;
    if (!this.sweep && isDue) this.begin(target);
    const until = performance.now() + stepMsMax;
    if (!this.sweep) return this.shrinkUntil(until);
    try {
      this.sweepUntil(this.sweep, until);
    } catch (error) {
      // Nobody knows what of the step is gone: the next sweep looks again.
      this.sweep = undefined;
      throw error;
    }
    return true;
  }

  private begin(target: Revision): void {
    const { counters, writer } = this.parts;
    if (target > writer.durableRevision) writer.commitAll();
    writer.inBackground(() => {
      if (counters.get("compacted") < target) counters.set("compacted", target);
    });
    const swept = counters.get("swept");
    this.sweep = { target, through: swept, gathered: [], removed: 0, isGathering: true, isLast: false };
  }

  private sweepUntil(sweep: Sweep, until: number): void {
    if (sweep.isGathering) this.gatherUntil(sweep, until);
    else this.parts.writer.inBackground(() => this.removeUntil(sweep, until));
  }

  private gatherUntil(sweep: Sweep, until: number): void {
    while (performance.now() < until) {
      const rows = this.rows.all(sweep.through, sweep.target);
      for (const { revision, previous, deleted } of rows) {
        sweep.through = Number(revision);
        if (typeof previous === "number") sweep.gathered.push(previous);
        if (typeof deleted !== "string") continue;
        sweep.gathered.push(sweep.through);
        this.forgetKey(deleted, sweep.through);
      }
      sweep.isLast = rows.length < rowsAtOnce;
      if (!sweep.isLast && sweep.gathered.length < gatheredMax) continue;
      sweep.isGathering = false;
      // Rising, so that a deletion goes after what it deleted: a crash in between must not bring that back.
      sweep.gathered.sort((a, b) => a - b);
      return;
    }
  }

  private removeUntil(sweep: Sweep, until: number): void {
    const { counters } = this.parts;
    while (sweep.removed < sweep.gathered.length) {
      for (const revision of sweep.gathered.slice(sweep.removed, sweep.removed + rowsAtOnce)) this.remove.run(revision);
      sweep.removed += rowsAtOnce;
      if (performance.now() >= until) return;
    }
    counters.set("swept", sweep.through);
    if (sweep.isLast) {
      this.sweep = undefined;
      this.done = sweep.target;
    } else this.sweep = { ...sweep, gathered: [], removed: 0, isGathering: true };
  }

  /** No revision that may still be asked for sees the deletion. */
  private forgetKey(key: string, revision: Revision): void {
    const bytes = Buffer.from(key);
    if (this.parts.index.get(bytes)?.modRevision === revision) this.parts.index.delete(bytes);
  }

  private shrinkUntil(until: number): boolean {
    if (this.freePages() <= freePagesMax) return false;
    this.parts.writer.inBackground(() => {
      while (performance.now() < until && this.freePages() > freePagesMax)
        this.parts.database.prepare(`PRAGMA incremental_vacuum(${pagesAtOnce})`).all();
    });
    return true;
  }

  private freePages(): number {
    return numberOf(this.parts.database, "freelist_count");
  }
}

export interface CompactionParts {
  readonly database: DatabaseSync;
  readonly index: HeldKeys;
  readonly counters: Counters;
  readonly writer: Writer;
  readonly sweepRevisionsMin: number;
}

interface Sweep {
  readonly target: Revision;
  /** Rows up to this one were looked at. */
  through: Revision;
  gathered: Revision[];
  /** So many of what was gathered is gone. */
  removed: number;
  isGathering: boolean;
  /** Nothing is left to look at. */
  isLast: boolean;
}
