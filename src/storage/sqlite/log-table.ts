/** The table of writes, as statements: append a row, read one by its revision, read on from one. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { Entry, Revision } from "../store.ts";
import { DamagedRowError } from "./failures.ts";

/** A row to append; without a value it is a deletion. */
export interface Row {
  readonly revision: Revision;
  readonly key: string;
  readonly createRevision: Revision;
  /** Of the row it replaces, a deletion included. */
  readonly previous: Revision | undefined;
  readonly liveBytes: number;
  readonly value: Uint8Array | undefined;
}

/** A row as it was read: what it put, or nothing for a deletion. */
export interface ReadRow {
  readonly revision: Revision;
  readonly key: string;
  readonly previous: Revision | undefined;
  readonly entry: Entry | undefined;
}

/** What the index is made of. */
export interface ScannedRow {
  readonly revision: Revision;
  readonly key: string;
  readonly createRevision: Revision;
  readonly previous: Revision | undefined;
  /** Of key and value; undefined for a deletion. */
  readonly sizeBytes: number | undefined;
  /** False when the key may be another's: what names it is not as it was written. */
  readonly isSound: boolean;
}

/** A damaged number may be beyond what JavaScript can hold, and must not end the thread: it is read as -1. */
function whole(column: string): string {
  return `iif(${column} BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}, ${column}, iif(${column} IS NULL, NULL, -1))`;
}

const columns = `revision, key, ${["created", "previous", "checksum"].map(whole).join(", ")}`;

export class LogTable {
  private readonly insert: StatementSync;
  private readonly oneRow: StatementSync;
  private readonly rowsAfter: StatementSync;
  private readonly linkOf: StatementSync;
  private readonly lastRow: StatementSync;
  private readonly allRows: StatementSync;
  private readonly upwards: StatementSync;
  private readonly downwards: StatementSync;

  constructor(database: DatabaseSync) {
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.insert = prepare(
      "INSERT INTO log (revision, key, created, previous, live_bytes, checksum, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    this.oneRow = prepare(`SELECT ${columns}, value FROM log WHERE revision = ?`);
    this.rowsAfter = prepare(
      `SELECT ${columns}, value FROM log
       WHERE revision > ? AND revision <= ? AND key >= ? AND key < ? ORDER BY revision`,
    );
    this.linkOf = prepare(`SELECT ${whole("previous")} FROM log WHERE revision = ?`);
    this.lastRow = prepare(`SELECT revision, ${whole("live_bytes")} FROM log ORDER BY revision DESC LIMIT 1`);
    this.allRows = prepare(`SELECT ${columns}, length(value) FROM log ORDER BY revision`);
    this.upwards = prepare(`SELECT ${columns}, value FROM log WHERE revision > ? ORDER BY revision`);
    this.downwards = prepare(
      `SELECT ${columns}, value FROM log WHERE revision < ? AND revision > ? ORDER BY revision DESC`,
    );
  }

  /** The newest row's revision and the live bytes after it. */
  last(): { readonly revision: Revision; readonly liveBytes: number } {
    const row = rowOf(this.lastRow.get());
    return row ? { revision: numberAt(row, 0), liveBytes: numberAt(row, 1) } : { revision: 0, liveBytes: 0 };
  }

  append(row: Row): void {
    const { revision, key, createRevision, previous, liveBytes, value } = row;
    const checksum = checksumOf(row);
    this.insert.run(revision, key, createRevision, previous ?? null, liveBytes, checksum, value ?? null);
  }

  /** @param key That the row must have; its own when absent. */
  read(revision: Revision, key?: string): ReadRow | undefined {
    const row = rowOf(this.oneRow.get(revision));
    return row && readRow(row, key);
  }

  /** The revision that a row says it replaced; `missing` when there is no such row. */
  previousOf(revision: Revision): Revision | undefined | "missing" {
    const row = rowOf(this.linkOf.get(revision));
    if (!row) return "missing";
    return optionalAt(row, 0);
  }

  /** Rows after a revision, through another, of the keys of a range. */
  *after(
    after: Revision,
    through: Revision,
    range: { readonly from: string; readonly to: string },
  ): Generator<ReadRow, void, undefined> {
    for (const row of rowsOf(this.rowsAfter, [after, through, range.from, range.to])) yield readRow(row);
  }

  /** Every row above a revision, rising, whatever its key. */
  *above(revision: Revision): Generator<ReadRow, void, undefined> {
    for (const row of rowsOf(this.upwards, [revision])) yield readRow(row);
  }

  /** Every row between two revisions, falling. */
  *below(revision: Revision, above: Revision): Generator<ReadRow, void, undefined> {
    for (const row of rowsOf(this.downwards, [revision, above])) yield readRow(row);
  }

  /** Every row by rising revision, without its value. */
  *scan(): Generator<ScannedRow, void, undefined> {
    for (const row of rowsOf(this.allRows, [])) {
      const { revision, key, createRevision, previous, checksum } = numbersOf(row);
      const valueBytes = optionalAt(row, valueAt);
      const isSound = valueBytes === undefined ? true : fitsHead({ revision, key, createRevision, previous }, checksum);
      const isDeletion =
        valueBytes === undefined && fits({ revision, key, createRevision, previous, value: undefined }, checksum);
      const sizeBytes = isDeletion ? undefined : key.length + (valueBytes ?? 0);
      // An update of what is damaged goes on from here.
      const created = isSound && createRevision > 0 && createRevision <= revision ? createRevision : revision;
      yield { revision, key, createRevision: created, previous, sizeBytes, isSound };
    }
  }
}

const nothing = new Uint8Array(0);
const valueAt = 5;

function numbersOf(row: readonly SQLOutputValue[]): Omit<Row, "liveBytes" | "value"> & { readonly checksum: number } {
  const key = row[1];
  return {
    revision: numberAt(row, 0),
    key: typeof key === "string" ? key : "",
    createRevision: optionalAt(row, 2) ?? -1,
    previous: optionalAt(row, 3),
    checksum: optionalAt(row, 4) ?? -1,
  };
}

function readRow(row: readonly SQLOutputValue[], asked?: string): ReadRow {
  const { key: stored, checksum, ...numbers } = numbersOf(row);
  const { revision, createRevision, previous } = numbers;
  const key = asked ?? stored;
  const found = row[valueAt];
  const value = found instanceof Uint8Array ? found : undefined;
  const isSound =
    stored === key && (found === null || value !== undefined) && fits({ ...numbers, key, value }, checksum);
  if (isSound)
    return { revision, key, previous, entry: value && { key, value, createRevision, modRevision: revision } };
  const damage = `the checksum of "${key}" at revision "${revision}" does not fit`;
  const entry = { key, value: value ?? nothing, createRevision: revision, modRevision: revision, damage };
  return { revision, key, previous, entry };
}

type Head = Omit<Row, "liveBytes" | "value">;
type Summed = Omit<Row, "liveBytes">;

const numbers = Buffer.alloc(24);
// A checksum is of the key and the value alone; of the whole row, with 1 above it; or with 20 bits above that of what
// comes before the value, so that an index of keys can be trusted without reading values.
const wholeRow = 2 ** 32;
const withHead = 2 ** 33;

function headOf({ revision, key, createRevision, previous }: Head): number {
  numbers.writeDoubleLE(revision, 0);
  numbers.writeDoubleLE(createRevision, 8);
  numbers.writeDoubleLE(previous ?? -1, 16);
  return crc32(key, crc32(numbers));
}

function checksumOf(row: Summed): number {
  const head = headOf(row);
  return (head % 2 ** 20) * withHead + wholeRow + (row.value ? crc32(row.value, head) : head);
}

function fits(row: Summed, checksum: number): boolean {
  const { key, value } = row;
  if (checksum >= withHead) return checksum === checksumOf(row);
  if (checksum >= wholeRow) return checksum % wholeRow === checksumOf(row) % wholeRow;
  return checksum === (value ? crc32(value, crc32(key)) : crc32(key));
}

/** True when nothing speaks against it. */
function fitsHead(row: Head, checksum: number): boolean {
  return checksum < withHead || Math.floor(checksum / withHead) === headOf(row) % 2 ** 20;
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

function optionalAt(row: readonly SQLOutputValue[], at: number): number | undefined {
  const value = row[at];
  return typeof value === "number" ? value : undefined;
}
