/**
 * A lock that the kernel holds for a process and gives back however the process ends: SQLite's lock of a file of its own,
 * which nothing is ever written to. Node itself has no way to lock a file.
 */
import { DatabaseSync } from "node:sqlite";

const busy = 5; // SQLITE_BUSY

/** @returns The lock, given back when disposed of; undefined while another process has it. */
export function tryLock(path: string): Disposable | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
    return { [Symbol.dispose]: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Error && "errcode" in error && error.errcode === busy) return undefined;
    throw error;
  }
}
