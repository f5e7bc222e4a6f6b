/**
 * Looks at a database that no server has open, and makes a new one of what is sound in it. The files themselves are not
 * opened: SQLite would copy a damaged WAL into the database and remove what it cannot read. Everything happens on a copy.
 */
import {
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  closeSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Counters } from "./sqlite/counters.ts";
import { markPathOf, openDatabase, repairedPathOf, syncDirectory } from "./sqlite/database.ts";
import { type Examination, examine } from "./sqlite/examination.ts";
import { refusalOf } from "./sqlite/failures.ts";
import { readMark } from "./sqlite/high-water.ts";
import type { Held, HeldKeys } from "./sqlite/held-keys.ts";
import { LogTable } from "./sqlite/log-table.ts";
import { type Revision, StoreUnavailableError } from "./store.ts";

export interface CheckOptions {
  /** The data directory of kedge, which nobody uses meanwhile. */
  readonly dataDir: string;
  /** Says what is wrong with a value. */
  readonly faultOf: (key: string, value: Uint8Array) => string | undefined;
}

export interface CheckOutcome {
  /** What is wrong, in sentences; empty when all is well. */
  readonly findings: readonly string[];
  readonly rows: number;
  readonly keys: number;
}

export interface RepairOutcome extends CheckOutcome {
  /** Where the files of before are now; undefined when nothing was changed. */
  readonly kept: string | undefined;
}

/** Nobody knows how far a damaged log had come: the next revision is that much further. */
const safetyRevisions = 1_000_000;
const rowsAtOnce = 1_000;
/** A head that says more is damaged itself. */
const fullBytesMax = 2 ** 40;

/** @throws StoreUnavailableError when there is no database, or none of ours. */
export function checkSqliteStore({ dataDir, faultOf }: CheckOptions): CheckOutcome {
  const path = pathIn(dataDir);
  if (existsSync(repairedPathOf(path)))
    return { findings: ['a repair was cut off: run "kedge check --repair" again'], rows: 0, keys: 0 };
  return onCopy(path, (database) => outcomeOf(examine(database, readMark(markPathOf(path)), faultOf)));
}

/** Changes nothing when nothing is wrong. @throws StoreUnavailableError when nothing can be read. */
export function repairSqliteStore({ dataDir, faultOf }: CheckOptions): RepairOutcome {
  const path = pathIn(dataDir);
  if (existsSync(repairedPathOf(path))) {
    const kept = swap(path);
    return { ...checkSqliteStore({ dataDir, faultOf }), kept };
  }
  const outcome = onCopy(path, (database) => {
    const examination = examine(database, readMark(markPathOf(path)), faultOf);
    if (examination.findings.length > 0) makeRepaired(path, database, examination);
    return outcomeOf(examination);
  });
  return { ...outcome, kept: outcome.findings.length > 0 ? swap(path) : undefined };
}

function pathIn(dataDir: string): string {
  const path = join(dataDir, "server", "db", "state.db");
  if (existsSync(path) || existsSync(repairedPathOf(path))) return path;
  throw new StoreUnavailableError(
    `expected a database to check, found no "${path}": is this the --data-dir of a server?`,
  );
}

function outcomeOf({ findings, rows, sound }: Examination): CheckOutcome {
  return { findings, rows, keys: live(sound).length };
}

/** The keys whose newest sound row is no deletion. */
function live(sound: HeldKeys): readonly Held[] {
  return [...sound.from(new Uint8Array(0))].map(({ held }) => held).filter(({ sizeBytes }) => sizeBytes !== undefined);
}

function onCopy<T>(path: string, work: (database: DatabaseSync) => T): T {
  const directory = join(dirname(path), "check");
  rmSync(directory, { recursive: true, force: true });
  try {
    mkdirSync(directory, { mode: 0o700 });
    const copy = join(directory, "state.db");
    for (const end of ["", "-wal"])
      if (existsSync(path + end)) copyFileSync(path + end, copy + end, constants.COPYFILE_FICLONE);
    fillUp(copy);
    // Opened as it is: a database of before is not brought up to date here.
    using database = new DatabaseSync(copy);
    return work(database);
  } catch (error) {
    throw refusalOf(error, path) ?? error;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** SQLite opens no file that is shorter than its head says; pages of zeros are as unreadable as none. */
function fillUp(path: string): void {
  const head = Buffer.alloc(32);
  const handle = openSync(path, "r+");
  try {
    readSync(handle, head, 0, head.length, 0);
    // 1 stands for 65,536.
    const pageBytes = head.readUInt16BE(16) === 1 ? 65_536 : head.readUInt16BE(16);
    const sizeBytes = head.readUInt32BE(28) * pageBytes;
    const isShort = fstatSync(handle).size < sizeBytes && sizeBytes <= fullBytesMax;
    if (isShort) ftruncateSync(handle, sizeBytes);
  } finally {
    closeSync(handle);
  }
}

/** Writes the newest sound row of each key into a new database, without history, and puts that beside the old one, whole. */
function makeRepaired(path: string, from: DatabaseSync, { sound, given }: Examination): void {
  const made = join(dirname(path), "check", "new", "state.db");
  {
    using database = openDatabase(made);
    const [source, target] = [new LogTable(from), new LogTable(database)];
    const revisions = live(sound)
      .map(({ modRevision }) => modRevision)
      .sort((a, b) => a - b);
    database.exec("PRAGMA synchronous = OFF");
    let liveBytes = 0;
    for (let at = 0; at < revisions.length; at += rowsAtOnce) {
      database.exec("BEGIN IMMEDIATE");
      for (const revision of revisions.slice(at, at + rowsAtOnce))
        liveBytes += copyRow(source, target, { revision, liveBytes });
      database.exec("COMMIT");
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    const counters = new Counters(database);
    // Who holds a revision of before lists anew.
    for (const name of ["reserved", "compacted", "swept"] as const) counters.set(name, given + safetyRevisions);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  sync(made);
  renameSync(made, repairedPathOf(path));
  syncDirectory(dirname(path));
}

/** @returns The bytes of key and value. */
function copyRow(
  source: LogTable,
  target: LogTable,
  { revision, liveBytes }: { readonly revision: Revision; readonly liveBytes: number },
): number {
  const entry = source.read(revision)?.entry;
  if (!entry) return 0;
  const { key, value, createRevision } = entry;
  const bytes = key.length + value.length;
  target.append({ revision, key, createRevision, previous: undefined, liveBytes: liveBytes + bytes, value });
  return bytes;
}

/**
 * Puts the repaired database in the place of the old one, whose files get a directory of their own. Cut off anywhere, a
 * start is refused until it is called again.
 */
function swap(path: string): string {
  const directory = dirname(path);
  const files = [path, `${path}-wal`, `${path}-shm`, markPathOf(path)].filter((file) => existsSync(file));
  const nameIn = (number: number, file: string): string =>
    join(directory, `damaged-${number}`, file.slice(directory.length + 1));
  let number = 1;
  while (existsSync(join(directory, `damaged-${number + 1}`))) number += 1;
  // What was cut off goes on where its database is; an older one keeps its name.
  if (existsSync(path) && existsSync(nameIn(number, path))) number += 1;
  const kept = join(directory, `damaged-${number}`);
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  for (const file of files) renameSync(file, nameIn(number, file));
  syncDirectory(kept);
  renameSync(repairedPathOf(path), path);
  syncDirectory(directory);
  return kept;
}

function sync(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
