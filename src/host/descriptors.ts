/**
 * Descriptors of folders and files whose names somebody else may change at any moment. Node has no openat(2); the
 * kernel takes `/proc/self/fd/N/NAME` for the same: it begins at descriptor N, wherever that folder is by now, and
 * looks up one name.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html
 */
import { closeSync, constants, fstat, open, type Stats } from "node:fs";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const openNumber = promisify(open);
const statNumber = promisify(fstat);

// open(2)'s O_PATH, which Node does not name: a descriptor of a place, without opening what is there. The same on all
// machines that Linux and Node share.
const placeOnly = 0o10_000_000;
const folderFlags = placeOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** An open descriptor; closed at the end of the block that holds it. */
export class Descriptor implements Disposable {
  readonly number: number;

  private constructor(number: number) {
    this.number = number;
  }

  /** @throws Error with the system's code; ENOTDIR also for a link to a folder. */
  static async ofFolder(path: string): Promise<Descriptor> {
    return new Descriptor(await openNumber(path, folderFlags));
  }

  /** Of whatever has that name, a link itself, without opening it: neither a FIFO nor a device notices. */
  static async ofPlace(path: string): Promise<Descriptor> {
    return new Descriptor(await openNumber(path, placeOnly | constants.O_NOFOLLOW));
  }

  static async opened(path: string, flags: number, mode?: number): Promise<Descriptor> {
    return new Descriptor(await openNumber(path, flags, mode));
  }

  /** Where this process finds it. */
  get self(): string {
    return `/proc/self/fd/${this.number}`;
  }

  /** Where another program of this machine finds it. */
  get shown(): string {
    return `/proc/${process.pid}/fd/${this.number}`;
  }

  /** One name in this folder. */
  at(name: string): string {
    return `${this.self}/${name}`;
  }

  async stats(): Promise<Stats> {
    return await statNumber(this.number);
  }

  /** Which mount it was reached through; a bind mount has one of its own on the same file system. */
  async mountId(): Promise<string> {
    const text = await readFile(`/proc/self/fdinfo/${this.number}`, "utf8");
    return /^mnt_id:\s*(\d+)$/m.exec(text)?.[1] ?? "";
  }

  [Symbol.dispose](): void {
    closeSync(this.number);
  }
}

/** The system's code of a failure, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

export async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
