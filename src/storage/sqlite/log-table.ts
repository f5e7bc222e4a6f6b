/** The table of writes, as statements: what is the newest of a key, append, and what was true or happened in the past. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { absent, type Entry, type PastEvent, type Revision } from "../store.ts";
import { DamagedRowError } from "./failures.ts";
import type { Answer, CountStep, HistoryStep, RangeStep } from "./protocol.ts";

/** A row to append; without a value it is a deletion. */
export interface Row {
  readonly revision: Revision;
  readonly key: string;
  readonly createRevision: Revision;
  readonly previous: Revision | undefined;
  readonly liveBytes: number;
  readonly value: Uint8Array | undefined;
}

/** One step of a question ends after this many keys or bytes, so that writers never wait long behind a reader. */
const stepKeysMax = 500;
const stepBytesMax = 1024 * 1024;
/** History is read in windows of revisions, since a narrow range may match few of them. */
const historyWindow = 1_000;
const countStepMax = 2_000;

/** A damaged number may be beyond what JavaScript can hold, and must not end the thread: it is read as -1. */
function whole(column: string): string {
  return `iif(${column} BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}, ${column}, iif(${column} IS NULL, NULL, -1))`;
}

/** @param key The key's column, or that of the index it was found by. */
function entryColumns(row: string, key = `${row}.key`): string {
  const [created, previous, checksum] = ["created", "previous", "checksum"].map((name) => whole(`${row}.${name}`));
  return `${row}.revision, ${key}, ${created}, ${previous}, ${checksum}, ${row}.value`;
}
const entryWidth = 6;

/**
 * The keys of a range with their states, deleted and later ones included. Each key is found by one seek past the last, so
 * the cost is that of the keys, however many versions they have. Parameters: first key, end, revision, keys at most.
 */
function rangeOf(comparison: ">=" | ">", columns: string): string {
  return `WITH RECURSIVE keys (key) AS (
      SELECT min(key) FROM log WHERE key ${comparison} ?1 AND key < ?2
      UNION ALL
      SELECT (SELECT min(key) FROM log WHERE log.key > keys.key AND log.key < ?2) FROM keys WHERE keys.key IS NOT NULL
    )
    SELECT ${columns} FROM keys LEFT JOIN log l ON l.revision =
      (SELECT revision FROM log WHERE log.key = keys.key AND revision <= ?3 ORDER BY revision DESC LIMIT 1)
    WHERE keys.key IS NOT NULL LIMIT ?4`;
}

export class LogTable {
  private readonly newestRow: StatementSync;
  private readonly insert: StatementSync;
  private readonly rangeFrom: StatementSync;
  private readonly rangeAfter: StatementSync;
  private readonly keysAfter: StatementSync;
  private readonly historyRows: StatementSync;
  private readonly lastRow: StatementSync;

  constructor(database: DatabaseSync) {
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.newestRow = prepare(`SELECT ${entryColumns("l")} FROM log l WHERE key = ? ORDER BY revision DESC LIMIT 1`);
    this.insert = prepare(
      "INSERT INTO log (revision, key, created, previous, live_bytes, checksum, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    const stateColumns = entryColumns("l", "keys.key");
    this.rangeFrom = prepare(rangeOf(">=", stateColumns));
    this.rangeAfter = prepare(rangeOf(">", stateColumns));
    this.keysAfter = prepare(rangeOf(">", "keys.key, l.value IS NOT NULL"));
    this.historyRows = prepare(
      `SELECT ${entryColumns("l")}, ${entryColumns("p")}
       FROM log l LEFT JOIN log p ON p.revision = l.previous
       WHERE l.revision > ? AND l.revision <= ? AND l.key >= ? AND l.key < ? ORDER BY l.revision`,
    );
    this.lastRow = prepare(`SELECT revision, ${whole("live_bytes")} FROM log ORDER BY revision DESC LIMIT 1`);
  }

  /** The newest row's revision and the live bytes after it. */
  last(): { readonly revision: Revision; readonly liveBytes: number } {
    const row = rowOf(this.lastRow.get());
    return row ? { revision: numberAt(row, 0), liveBytes: numberAt(row, 1) } : { revision: 0, liveBytes: 0 };
  }

  newest(key: string): Entry | undefined {
    const row = rowOf(this.newestRow.get(key));
    return row && entryAt(row, 0, key);
  }

  append(row: Row): void {
    const { revision, key, createRevision, previous, liveBytes, value } = row;
    const checksum = checksumOf(row);
    this.insert.run(revision, key, createRevision, previous ?? null, liveBytes, checksum, value ?? null);
  }

  range(step: RangeStep, newest: Revision): Answer<"range"> {
    const revision = step.revision ?? newest;
    const entries: Entry[] = [];
    let keys = 0;
    let bytes = 0;
    const statement = step.afterFrom ? this.rangeAfter : this.rangeFrom;
    for (const row of rowsOf(statement, [step.from, step.to, revision, stepKeysMax])) {
      keys += 1;
      const entry = entryAt(row, 0, textAt(row, 1));
      if (entry) entries.push(entry);
      bytes += entry?.value.length ?? 0;
      if (keys === stepKeysMax || bytes >= stepBytesMax || entries.length === step.limit)
        return { entries, revision, last: textAt(row, 1) };
    }
    return { entries, revision, last: undefined };
  }

  count(step: CountStep): Answer<"count"> {
    let keys = 0;
    let count = 0;
    for (const row of rowsOf(this.keysAfter, [step.after, step.to, step.revision, countStepMax])) {
      keys += 1;
      count += numberAt(row, 1);
      if (keys === countStepMax) return { count, last: textAt(row, 0) };
    }
    return { count, last: undefined };
  }

  history(step: HistoryStep, newest: Revision): Answer<"history"> {
    const end = Math.min(step.afterRevision + historyWindow, newest);
    const events: PastEvent[] = [];
    let bytes = 0;
    for (const row of rowsOf(this.historyRows, [step.afterRevision, end, step.from, step.to])) {
      const event = eventOf(row);
      events.push(event);
      bytes += (event.previous?.value.length ?? 0) + (event.kind === "put" ? event.entry.value.length : 0);
      if (bytes >= stepBytesMax) return { events, through: numberAt(row, 0) };
    }
    return { events, through: end };
  }
}

function eventOf(row: readonly SQLOutputValue[]): PastEvent {
  const revision = numberAt(row, 0);
  const key = textAt(row, 1);
  const entry = entryAt(row, 0, key);
  const previous = row[entryWidth] === null ? undefined : entryAt(row, entryWidth, key);
  const previousRevision = previous?.modRevision ?? absent;
  if (entry) return { kind: "put", entry, previousRevision, previous };
  const lost = { key, value: nothing, createRevision: 0, modRevision: 0 };
  const damage = `the deletion of ${JSON.stringify(key)} at revision "${revision}" has no predecessor`;
  return { kind: "deleted", key, revision, previousRevision, previous: previous ?? { ...lost, damage } };
}

const nothing = new Uint8Array(0);

/** The entry in the columns from `at`, in the order of entryColumns; undefined when there is none. */
function entryAt(row: readonly SQLOutputValue[], at: number, key: string): Entry | undefined {
  if (row[at] === null) return undefined;
  const modRevision = numberAt(row, at);
  const [storedKey, created, previous, checksum, found] = row.slice(at + 1, at + entryWidth);
  const value = found instanceof Uint8Array ? found : undefined;
  const createRevision = typeof created === "number" ? created : -1;
  const replaced = typeof previous === "number" ? previous : undefined;
  const isSound =
    storedKey === key &&
    (found === null || value !== undefined) &&
    typeof checksum === "number" &&
    checksum ===
      (checksum < wholeRow
        ? oldChecksumOf(key, value)
        : checksumOf({ revision: modRevision, key, createRevision, previous: replaced, value }));
  if (isSound) return value && { key, value, createRevision, modRevision };
  const damage = `the checksum of "${key}" at revision "${modRevision}" does not fit`;
  return { key, value: value ?? nothing, createRevision: modRevision, modRevision, damage };
}

type Summed = Omit<Row, "liveBytes">;

const numbers = Buffer.alloc(24);
/** Tells checksums over the whole row from those of before, which covered key and value. */
const wholeRow = 2 ** 32;

function checksumOf({ revision, key, createRevision, previous, value }: Summed): number {
  numbers.writeDoubleLE(revision, 0);
  numbers.writeDoubleLE(createRevision, 8);
  numbers.writeDoubleLE(previous ?? -1, 16);
  const ofRow = crc32(key, crc32(numbers));
  return wholeRow + (value ? crc32(value, ofRow) : ofRow);
}

function oldChecksumOf(key: string, value: Uint8Array | undefined): number {
  const ofKey = crc32(key);
  return value ? crc32(value, ofKey) : ofKey;
}

/** Every statement here returns arrays, which the type of node:sqlite cannot know. */
function rowOf(row: unknown): readonly SQLOutputValue[] | undefined {
  // Holds since setReturnArrays(true) is called on every statement above.
  return row as readonly SQLOutputValue[] | undefined;
}

function rowsOf(statement: StatementSync, values: SQLInputValue[]): Iterable<readonly SQLOutputValue[]> {
  // Holds since setReturnArrays(true) is called on every statement above.
  return statement.iterate(...values) as unknown as Iterable<readonly SQLOutputValue[]>;
}

function numberAt(row: readonly SQLOutputValue[], at: number): number {
  const value = row[at];
  if (typeof value !== "number") throw new DamagedRowError(`expected a number in column ${at} of a row`);
  return value;
}

function textAt(row: readonly SQLOutputValue[], at: number): string {
  const value = row[at];
  if (typeof value !== "string") throw new DamagedRowError(`expected text in column ${at} of a row`);
  return value;
}
