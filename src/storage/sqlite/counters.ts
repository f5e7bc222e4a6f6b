/** The few numbers that the log itself does not tell. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

export type CounterName =
  /** Revisions up to this one may have been given to lazy writes. */
  | "reserved"
  /** States older than this revision are gone, or on their way. */
  | "compacted"
  /** Rows up to this revision are swept. Invariant: swept <= compacted. */
  | "swept";

export class Counters {
  private readonly read: StatementSync;
  private readonly write: StatementSync;

  constructor(database: DatabaseSync) {
    this.read = database.prepare("SELECT value FROM counters WHERE name = ?");
    this.write = database.prepare("INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = ?2");
  }

  /** 0 when it was never set. */
  get(name: CounterName): number {
    return Number(this.read.get(name)?.["value"] ?? 0);
  }

  set(name: CounterName, value: number): void {
    this.write.run(name, value);
  }
}
