/**
 * Opens the database file: creates it, checks that it is ours and of our version, and takes the lock that keeps a second
 * server out for as long as this one lives.
 */
import { accessSync, closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreUnavailableError } from "../store.ts";

/** "kdge" in ASCII, so that `file` and we can tell whose database this is. */
const applicationId = 0x6b646765;
const schemaVersion = 3;
/** 1: checksums do not cover revisions. 1 and 2: keys have an index in the file. */
const schemaVersionsBefore = [1, 2];

/** What the writer keeps in memory of the file; the operating system caches the rest. */
const cacheKib = 2_048;
/** A WAL file that had to grow is cut back to this after its checkpoint. */
const walBytesMax = 8 * 1024 * 1024;

/**
 * log: one row per write. `previous` is the revision of the row it replaces: old values are never copied, and the states
 * of a key are found one after another. A deletion is a row without value. `live_bytes` is the running total of live keys and values after this row, so that it needs no
 * row of its own. `checksum` is over everything else, since SQLite has none.
 */
const schema = `
  CREATE TABLE log (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    created INTEGER NOT NULL,
    previous INTEGER,
    live_bytes INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    value BLOB
  ) STRICT;
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Where the mark of how far the log had come stands. */
export function markPathOf(path: string): string {
  return path.replace(/\.db$/, ".mark");
}

/** Where a repair puts the database that it made, until it stands in the place of the old one. */
export function repairedPathOf(path: string): string {
  return `${path}.repaired`;
}

/** @throws StoreUnavailableError, or an error of SQLite; see failures.ts. */
export function openDatabase(path: string): DatabaseSync {
  if (existsSync(repairedPathOf(path)))
    throw new StoreUnavailableError(
      `expected the repair of "${path}" to have come to its end, found that it was cut off: run "kedge check --repair" again`,
    );
  createFile(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Exclusive: the lock is kept until the process ends, however it ends, and the WAL index needs no shared memory.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    const version = numberOf(database, "user_version");
    const owner = numberOf(database, "application_id");
    if (version === 0 && owner === 0 && isEmpty(database)) create(database);
    else check(path, version, owner);
    configure(database);
    if (schemaVersionsBefore.includes(version)) migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Readable by the owner alone: Secrets pass through here. SQLite gives the WAL file the mode of the database. */
function createFile(path: string): void {
  const directory = dirname(path);
  try {
    makeDirectory(directory);
    // Only when absent: closing any handle of a file drops every lock that this process has on it.
    for (const file of [path, markPathOf(path)])
      if (existsSync(file)) accessSync(file, constants.W_OK);
      else closeSync(openSync(file, "wx", 0o600));
    syncDirectory(directory);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new StoreUnavailableError(
      `expected a database that can be written, found "${error.message}": check the disk and the permissions of "${directory}"`,
      { cause: error },
    );
  }
}

/** With its parents, one by one: told to do it all, mkdir calls a read-only disk a missing directory. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
  syncDirectory(dirname(path));
}

/** Makes new names in a directory survive a power cut. */
export function syncDirectory(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** New, or left behind by a first start that was killed before it made the tables. */
function isEmpty(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function create(database: DatabaseSync): void {
  // Must come before the first table.
  database.exec("PRAGMA auto_vacuum = INCREMENTAL");
  database.exec("PRAGMA journal_mode = WAL");
  database.exec(
    `BEGIN IMMEDIATE; ${schema} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}; COMMIT`,
  );
}

function check(path: string, version: number, owner: number): void {
  if (owner !== applicationId)
    throw new StoreUnavailableError(
      `expected kedge's database, found "${path}" made by another program: choose another --data-dir`,
    );
  if (version !== schemaVersion && !schemaVersionsBefore.includes(version))
    throw new StoreUnavailableError(
      `expected database version "${schemaVersion}", found "${version}" in "${path}": start the kedge that wrote it, or choose another --data-dir`,
    );
}

/**
 * Rows stay as they are. History is forgotten: rows of before do not name the deletion that they follow, so that what was
 * in between could not be told.
 */
function migrate(database: DatabaseSync): void {
  database.exec(`
    BEGIN IMMEDIATE;
    DROP INDEX IF EXISTS log_by_key;
    INSERT INTO counters SELECT 'compacted', max(revision) FROM log WHERE true GROUP BY 1 = 1
      ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value);
    PRAGMA user_version = ${schemaVersion};
    COMMIT`);
}

function configure(database: DatabaseSync): void {
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  // The writer runs checkpoints itself, between batches.
  database.exec("PRAGMA wal_autocheckpoint = 0");
  database.exec(`PRAGMA journal_size_limit = ${walBytesMax}`);
  database.exec(`PRAGMA cache_size = -${cacheKib}`);
  // Lazy writes wait in an open transaction: none of it may reach the disk early.
  database.exec("PRAGMA cache_spill = OFF");
  database.exec("PRAGMA temp_store = MEMORY");
  // Takes the lock now and not at the first write.
  database.exec("BEGIN IMMEDIATE; COMMIT");
}

/** The number a pragma answers, the last of its first row. */
export function numberOf(database: DatabaseSync, pragma: string): number {
  const value = Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {}).at(-1);
  return typeof value === "number" ? value : 0;
}
