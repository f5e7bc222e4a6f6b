/** What SQLite refuses, said so that the reader knows what to do. */
import { lstatSync, readFileSync } from "node:fs";
import { LostWritesError, StoreUnavailableError } from "../store.ts";

/** @see https://sqlite.org/rescode.html */
const codes = { busy: 5, readonly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 };

/** A row whose checksum does not fit its bytes. */
export class DamagedRowError extends Error {
  override readonly name = "DamagedRowError";
}

/** True when the file's structure is damaged: writing on could make it worse. A damaged row harms only its key. */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return code === codes.corrupt || code === codes.notADatabase;
}

/** The refusal that an error of SQLite means to the caller; undefined when it is no such error but a bug. */
export function refusalOf(error: unknown, path: string): StoreUnavailableError | undefined {
  if (error instanceof StoreUnavailableError) return error;
  const sentence = sentenceOf(error, path);
  return sentence === undefined ? undefined : new StoreUnavailableError(sentence, { cause: error });
}

function sentenceOf(error: unknown, path: string): string | undefined {
  if (error instanceof LostWritesError)
    return `${error.message}: writes that were acknowledged are missing in "${path}": it or its WAL file was removed, damaged or replaced by an older one. Put both back, or restore a backup of the whole directory; to go on without those writes, run "kedge check --repair"`;
  if (error instanceof DamagedRowError) return `${damaged(path)} (${error.message})`;
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error)) return undefined;
  switch (code) {
    case codes.busy:
      return `expected the database "${path}" to be free, found it in use by ${holderOf(path)}: stop that one, or choose another --data-dir`;
    case codes.readonly:
    case codes.cannotOpen:
      return `expected a writable database "${path}", found it cannot be written: check the mount and the permissions of its directory`;
    case codes.full:
      return `expected space for the database "${path}", found the disk full: free some space; a kedge that runs takes writes again at once`;
    case codes.corrupt:
    case codes.notADatabase:
      return `${damaged(path)} (${error.message})`;
    case codes.ioError:
      return `expected to read and write the database "${path}", found an input/output error: check the disk (${error.message})`;
    default:
      return `expected the database "${path}" to work, found "${error.message}" (SQLite code ${code})`;
  }
}

function damaged(path: string): string {
  return `expected a sound database "${path}", found it damaged: keep a copy of its directory, then restore a backup, or keep what is sound with "kedge check --repair"`;
}

/** The primary result code of an error that SQLite raised. */
function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** Who holds the lock on a file, from the kernel's own list, which cannot be out of date. */
function holderOf(path: string): string {
  try {
    const { ino, dev } = lstatSync(path, { bigint: true });
    const hex = (part: bigint): string => part.toString(16).padStart(2, "0");
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
    const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
    const file = `${hex(major)}:${hex(minor)}:${ino}`;
    const line = readFileSync("/proc/locks", "utf8")
      .split("\n")
      .find((line) => line.includes(` ${file} `) && line.includes(" WRITE "));
    const pid = line === undefined ? undefined : /WRITE\s+(\d+)\s/.exec(line)?.[1];
    return pid === undefined ? "another process" : `process ${pid}`;
  } catch {
    // Without /proc the sentence still says what is wrong.
    return "another process";
  }
}
