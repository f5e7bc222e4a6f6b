/** What the system refuses who writes a file, said so that the reader knows what to do. */
import { own } from "#base/own.ts";

/** A file that could not be written, in one sentence. */
export class FileError extends Error {
  override readonly name = "FileError";
  /** The system's, such as "ENOSPC". */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What was found, and what is to be done about it, by the system's code. */
const refusals: Readonly<Record<string, readonly [found: string, remedy: string]>> = {
  ENOSPC: ["the disk full", "free some space or inodes there"],
  EDQUOT: ["the disk quota used up", "raise it, or free some space there"],
  EROFS: ["a file system that is mounted read-only", "mount it writable; a kernel that finds errors mounts it so"],
  EIO: ["an input/output error", "check the disk"],
  EACCES: ["that it may not", "run as root, or give the folder to this user"],
  EPERM: ["that it may not", "run as root, and look for an immutable attribute (lsattr)"],
  ENOTDIR: ["a file in the place of a folder", "move that file away"],
  EISDIR: ["a folder in the place of the file", "move that folder away"],
  EMFILE: ["too many files open", "raise the limit of open files (ulimit -n)"],
  ENFILE: ["too many files open on this machine", "raise fs.file-max"],
};

/**
 * Does what writes `path`.
 *
 * @throws FileError in one sentence for what a person can change; whatever else was thrown, as it is
 */
export function writing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileErrorOf(error, path) ?? error;
  }
}

/** What nothing but a write is refused with. */
const writesOnly = new Set(["ENOSPC", "EDQUOT", "EROFS"]);

/**
 * @param path Of what was being written; without it only an error counts that nothing but a write can have.
 * @returns Undefined for what is no such error of the system.
 */
export function fileErrorOf(error: unknown, path?: string): FileError | undefined {
  if (error instanceof FileError) return error;
  if (!(error instanceof Error)) return undefined;
  // The kernel has a limit of folders that are watched, and says the same of it.
  if ("syscall" in error && error.syscall === "watch") return undefined;
  const at = "path" in error && typeof error.path === "string" ? error.path : path;
  const code = "code" in error ? String(error.code) : "";
  const refused = path !== undefined || writesOnly.has(code) ? refusedWith(code, at) : undefined;
  return refused ?? (error.cause === undefined ? undefined : fileErrorOf(error.cause, path));
}

/** @param code The system's, such as "ENOSPC". @returns Undefined for one that says nothing about the file's place */
export function refusedWith(code: string, path: string | undefined): FileError | undefined {
  const [found, remedy] = own(refusals, code) ?? [];
  if (found === undefined) return undefined;
  const what = path === undefined ? "a file" : JSON.stringify(path);
  return new FileError(code, `expected to write ${what}, found ${found}; ${remedy}`);
}
