/**
 * Stored entries that cannot be read as objects: damaged on the disk, or written by something else. They are set aside:
 * lists show the rest, a get says so, and they can be deleted. One entry never keeps the rest from being served.
 */
import type { Log } from "#base/log.ts";
import type { Metrics } from "#base/metrics.ts";
import { internal, type StatusError } from "#machinery/status.ts";
import type { Revision } from "#storage/store.ts";

export interface DamagedEntry {
  readonly revision: Revision;
  readonly why: string;
}

// What /readyz names; the rest is counted.
const namedMax = 5;

export class DamagedEntries {
  private readonly log: Log;
  // By key in the store: at most one for each entry that is stored, which the store bounds.
  private readonly entries = new Map<string, DamagedEntry>();

  constructor(log: Log, metrics: Metrics) {
    this.log = log;
    metrics.gaugeFrom(
      "kedge_storage_damaged_entries",
      "Stored entries that cannot be read and are set aside.",
      () => this.entries.size,
    );
  }

  at(storeKey: string): DamagedEntry | undefined {
    return this.entries.get(storeKey);
  }

  /** Sets an entry aside, and says so the first time. */
  add(storeKey: string, entry: DamagedEntry): void {
    const known = this.entries.get(storeKey);
    this.entries.set(storeKey, entry);
    if (known?.revision === entry.revision) return;
    this.log.error("a stored object is damaged and set aside; delete it, or restore a backup", {
      key: storeKey,
      revision: entry.revision,
      why: entry.why,
    });
  }

  /** The entry was written anew, or is gone. */
  remove(storeKey: string): void {
    if (this.entries.size > 0) this.entries.delete(storeKey);
  }

  /** For /readyz; undefined when there is nothing to say. */
  summary(): string | undefined {
    const { size } = this.entries;
    if (size === 0) return undefined;
    const named = [...this.entries.keys()].slice(0, namedMax).map((key) => JSON.stringify(key));
    const rest = size > namedMax ? ` and ${size - namedMax} more` : "";
    return `expected every stored object to be readable, found ${size} damaged and set aside: ${named.join(", ")}${rest}`;
  }
}

/** Why an object cannot be read, and what to do. */
export function unreadable(storeKey: string, { why }: DamagedEntry): StatusError {
  return internal(
    `corrupt object: expected the stored object ${JSON.stringify(storeKey)} to be as it was written, found it damaged (${why}): restore a backup, or delete it with ignoreStoreReadErrorWithClusterBreakingPotential=true`,
  );
}
