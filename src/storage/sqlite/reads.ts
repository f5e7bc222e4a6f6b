/**
 * What is and what was: the index says where a key stands, a row is read by its revision, from memory while it waits for
 * the disk, and the past of a key is found row by row, since each names the one it replaced.
 */
import { absent, type Entry, type PastEvent, type Revision } from "../store.ts";
import type { Held, HeldKeys } from "./held-keys.ts";
import type { LogTable, ReadRow, Row } from "./log-table.ts";
import type { Answer, CountStep, HistoryStep, RangeStep } from "./protocol.ts";

/** One step of a question ends after this many keys or bytes, so that writers never wait long behind a reader. */
const stepKeysMax = 500;
const stepBytesMax = 1024 * 1024;
/** History is read in windows of revisions, since a narrow range may match few of them. */
const historyWindow = 1_000;
const countStepMax = 10_000;

export interface ReadsParts {
  readonly index: HeldKeys;
  readonly table: LogTable;
  /** Rows that are not on the disk yet, by rising revision. */
  readonly waiting: ReadonlyMap<Revision, Row>;
  /** Rows that were replaced, or are deletions, up to this revision may be gone. */
  readonly compacted: () => Revision;
}

export class Reads {
  private readonly parts: ReadsParts;

  constructor(parts: ReadsParts) {
    this.parts = parts;
  }

  get(key: string): Entry | undefined {
    const held = this.parts.index.get(Buffer.from(key));
    return held && this.newest(key, held);
  }

  range(step: RangeStep, newest: Revision): Answer<"range"> {
    const revision = step.revision ?? newest;
    const end = Buffer.from(step.to);
    const entries: Entry[] = [];
    let keys = 0;
    let bytes = 0;
    for (const { key, held } of this.parts.index.from(Buffer.from(step.from))) {
      if (isFrom(key, end)) break;
      if (step.afterFrom && key === step.from) continue;
      keys += 1;
      const entry = this.stateAt(key, held, revision);
      if (entry) entries.push(entry);
      bytes += entry?.value.length ?? 0;
      if (keys === stepKeysMax || bytes >= stepBytesMax || entries.length === step.limit)
        return { entries, revision, last: key };
    }
    return { entries, revision, last: undefined };
  }

  count(step: CountStep): Answer<"count"> {
    const end = Buffer.from(step.to);
    let keys = 0;
    let count = 0;
    for (const { key, held } of this.parts.index.from(Buffer.from(step.after))) {
      if (isFrom(key, end)) break;
      if (key === step.after) continue;
      // What was not written since is told by the index alone.
      const isNow = held.modRevision <= step.revision;
      if (isNow ? held.sizeBytes !== undefined : this.stateAt(key, held, step.revision)) count += 1;
      keys += isNow ? 1 : countStepMax / stepKeysMax;
      if (keys >= countStepMax) return { count, last: key };
    }
    return { count, last: undefined };
  }

  /** @param newest With rows that wait. @param durable Without. */
  history(
    step: HistoryStep,
    { newest, durable }: { readonly newest: Revision; readonly durable: Revision },
  ): Answer<"history"> {
    const { from, to, afterRevision } = step;
    const end = Math.min(afterRevision + historyWindow, newest);
    const events: PastEvent[] = [];
    let bytes = 0;
    for (const row of this.rowsAfter(afterRevision, { durable: Math.min(durable, end), end, from, to })) {
      const event = this.eventOf(row);
      events.push(event);
      bytes += (event.previous?.value.length ?? 0) + (event.kind === "put" ? event.entry.value.length : 0);
      if (bytes >= stepBytesMax) return { events, through: row.revision };
    }
    return { events, through: end };
  }

  private *rowsAfter(
    after: Revision,
    {
      durable,
      end,
      from,
      to,
    }: { readonly durable: Revision; readonly end: Revision } & { readonly from: string; readonly to: string },
  ): Generator<ReadRow, void, undefined> {
    yield* this.parts.table.after(after, durable, { from, to });
    for (const row of this.parts.waiting.values())
      if (row.revision > after && row.revision <= end && from <= row.key && row.key < to) yield readWaiting(row);
  }

  private newest(key: string, { modRevision, sizeBytes }: Held): Entry | undefined {
    if (sizeBytes === undefined) return undefined;
    return this.row(modRevision, key)?.entry ?? lost(key, modRevision, "is missing");
  }

  private stateAt(key: string, held: Held, revision: Revision): Entry | undefined {
    if (held.modRevision <= revision) return this.newest(key, held);
    let at: Revision = held.modRevision;
    while (at > revision) {
      const waiting = this.parts.waiting.get(at);
      const previous = waiting ? waiting.previous : this.parts.table.previousOf(at);
      if (previous === undefined) return undefined;
      // It must lead back, however damaged it is.
      if (previous === "missing" || previous < 0 || previous >= at)
        return lost(key, at, "does not name its predecessor");
      at = previous;
    }
    const row = this.row(at, key);
    if (row) return row.entry;
    // A deletion that was forgotten.
    return at <= this.parts.compacted() ? undefined : lost(key, at, "is missing");
  }

  private row(revision: Revision, key: string): ReadRow | undefined {
    const waiting = this.parts.waiting.get(revision);
    return waiting ? readWaiting(waiting) : this.parts.table.read(revision, key);
  }

  private eventOf({ revision, key, previous: replaced, entry }: ReadRow): PastEvent {
    const previous = replaced === undefined ? undefined : this.row(replaced, key)?.entry;
    const previousRevision = previous?.modRevision ?? absent;
    if (entry) return { kind: "put", entry, previousRevision, previous };
    const damage = `the deletion of ${JSON.stringify(key)} at revision "${revision}" has no predecessor`;
    return {
      kind: "deleted",
      key,
      revision,
      previousRevision,
      previous: previous ?? { key, value: nothing, createRevision: 0, modRevision: 0, damage },
    };
  }
}

const nothing = new Uint8Array(0);

function lost(key: string, modRevision: Revision, how: string): Entry {
  const damage = `the row of ${JSON.stringify(key)} at revision "${modRevision}" ${how}`;
  return { key, value: nothing, createRevision: modRevision, modRevision, damage };
}

function readWaiting({ revision, key, previous, createRevision, value }: Row): ReadRow {
  // A copy: to answer with a view would send the whole batch that it came with.
  const entry = value && { key, value: new Uint8Array(value), createRevision, modRevision: revision };
  return { revision, key, previous, entry };
}

/** True when a key is not below the end of a range, in the order of the index. */
function isFrom(key: string, end: Buffer): boolean {
  return Buffer.compare(Buffer.from(key), end) >= 0;
}
