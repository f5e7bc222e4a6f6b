/**
 * Reads what can be read of a table whose pages are damaged: up to the damage, then from the first revision behind it
 * that can be found again, back down to it.
 */
import type { Revision } from "../store.ts";
import { isDamage } from "./failures.ts";
import type { LogTable, ReadRow } from "./log-table.ts";

/** So many revisions are tried one by one behind a damage; then the leaps double. */
const triedOneByOne = 4_096;

/** Revisions that cannot be read, both exclusive; the end is unknown when nothing behind can be read. */
export interface Gap {
  readonly after: Revision;
  readonly before: Revision | undefined;
}

/** @param last No row is above it. */
export function* salvage(table: LogTable, last: Revision, gaps: Gap[]): Generator<ReadRow, void, undefined> {
  for (let at: Revision = 0; ;) {
    const up = readable(table.above(at));
    for (const row of up) {
      at = row.revision;
      yield row;
    }
    if (!up.isDamaged) return;
    const next = firstAfter(table, at, last);
    if (next === undefined) {
      gaps.push({ after: at, before: undefined });
      return;
    }
    const behind = [...readable(table.below(next, at))].reverse();
    gaps.push({ after: at, before: behind[0]?.revision ?? next });
    yield* behind;
    // Reading goes on with `next` itself.
    at = next - 1;
  }
}

/** The rows up to the first that cannot be read. */
function readable(rows: Iterable<ReadRow>): Iterable<ReadRow> & { readonly isDamaged: boolean } {
  const reading = {
    isDamaged: false,
    *[Symbol.iterator](): Generator<ReadRow, void, undefined> {
      try {
        yield* rows;
      } catch (error) {
        if (!isDamage(error)) throw error;
        reading.isDamaged = true;
      }
    },
  };
  return reading;
}

/** A revision behind a damage whose row can be read; undefined when there is none. */
function firstAfter(table: LogTable, at: Revision, last: Revision): Revision | undefined {
  for (let leap = 1; at + leap <= last + 1; leap += leap < triedOneByOne ? 1 : leap) {
    const up = readable(table.above(at + leap - 1));
    for (const { revision } of up) if (revision > at) return revision;
    if (!up.isDamaged) return undefined;
  }
  return undefined;
}
