/**
 * A lock that the kernel holds for a process and gives back however the process ends: SQLite's lock of a file of its own,
 * which nothing is ever written to. Node itself has no way to lock a file.
 */
import { DatabaseSync } from "node:sqlite";
import { refusedWith } from "#host/file-error.ts";

const busy = 5; // SQLITE_BUSY

/** What SQLite says of a file, as the system would: its own words do not tell what to do. */
const systemCodes: Readonly<Record<number, string>> = { 8: "EROFS", 10: "EIO", 13: "ENOSPC" };

/** @throws FileError when the file cannot be written. @returns The lock, given back when disposed of; undefined while another process has it. */
export function tryLock(path: string): Disposable | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Nothing of it goes to the disk, which may be full.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return { [Symbol.dispose]: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Error && "errcode" in error && error.errcode === busy) return undefined;
    throw refusalOf(error, path);
  }
}

function refusalOf(error: unknown, path: string): unknown {
  const code = error instanceof Error && "errcode" in error ? systemCodes[Number(error.errcode) & 0xff] : undefined;
  return (code !== undefined && refusedWith(code, path)) || error;
}
