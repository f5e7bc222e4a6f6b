/** The machine's files as an interface, for parts that may not touch the machine themselves. */
import { watch } from "node:fs";
import {
  chmod,
  lchown,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  stat,
  lstat,
  statfs,
  symlink,
  writeFile,
} from "node:fs/promises";
import { basename, dirname } from "node:path";
import { machineRandom } from "#base/random.ts";
import { fileErrorOf } from "./file-error.ts";
import { factsFrom, type FileFacts } from "./file-facts.ts";
import { putInPlace } from "./put-in-place.ts";
import { openFolder, type SafeFolder } from "./safe-folder.ts";

export interface DiskSpace {
  readonly capacityBytes: number;
  /** For users other than root. */
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** Paths are absolute. Every failure is an Error with the system's code (ENOENT, EACCES, …) unless said otherwise. */
export interface Files {
  /** Undefined when there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Part of a file; shorter at its end, undefined when there is no such file. */
  readPart(path: string, range: { readonly offset: number; readonly length: number }): Promise<Uint8Array | undefined>;
  /** Replaces the file as a whole, atomically, with exactly these permission bits. Makes missing folders. */
  write(path: string, content: Uint8Array | string, mode: number): Promise<void>;
  /** Makes a file where there is none, for a mount to land on. */
  touch(path: string, mode: number): Promise<void>;
  /** Makes the folder and those above it; one that exists keeps its mode. */
  makeFolder(path: string, mode?: number): Promise<void>;
  /** Removes whatever is there, through no link below; refuses when something is mounted below. */
  remove(path: string): Promise<void>;
  /** Names in a folder, sorted; empty when there is no such folder. */
  list(path: string): Promise<readonly string[]>;
  /** Follows links. Undefined when there is nothing. */
  facts(path: string): Promise<FileFacts | undefined>;
  /** Of a link itself. */
  linkFacts(path: string): Promise<FileFacts | undefined>;
  /** Replaces what is there atomically. */
  symlink(target: string, path: string): Promise<void>;
  hardLink(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string | undefined>;
  /** Without any link; undefined when there is nothing. */
  resolve(path: string): Promise<string | undefined>;
  rename(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** Of a link itself; -1 leaves as it is. */
  chown(path: string, owner: { readonly uid: number; readonly gid: number }): Promise<void>;
  space(path: string): Promise<DiskSpace>;
  /** A folder in which others may write; undefined when there is none. @throws UnsafePathError when it is a link. */
  folder(path: string): Promise<SafeFolder | undefined>;
  /**
   * Calls `changed` after something in the folder, or the file, changed, until the signal is aborted. Never throws, and may
   * never call: a container may have taken the last watch of the machine. Who asks looks now and then, too.
   */
  watch(path: string, changed: () => void, signal: AbortSignal): void;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A name beside `path` that nobody else uses, to be renamed over it. */
const besides = (path: string): string => `${path}.${machineRandom.suffix(8)}.tmp`;

export const machineFiles: Files = {
  read: (path) => orUndefined(readFile(path)),
  async readPart(path, { offset, length }) {
    const file = await orUndefined(open(path, "r"));
    if (!file) return undefined;
    try {
      const buffer = Buffer.allocUnsafe(length);
      const { bytesRead } = await file.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  },
  async write(path, content, mode) {
    await mkdir(dirname(path), { recursive: true });
    const next = besides(path);
    await putInPlace(next, path, async () => {
      await writeFile(next, content, { mode });
      // The mode given on creation is subject to the process' umask.
      await chmod(next, mode);
    });
  },
  async touch(path, mode) {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, "a", mode);
    await file.close();
    await chmod(path, mode);
  },
  async makeFolder(path, mode) {
    const made = await mkdir(path, { recursive: true, ...(mode !== undefined && { mode }) }).catch((error: unknown) => {
      throw fileErrorOf(error, path) ?? error;
    });
    if (made !== undefined && mode !== undefined) await chmod(path, mode);
  },
  async remove(path) {
    const above = await orUndefined(realpath(dirname(path)));
    using folder = above === undefined ? undefined : await openFolder(above);
    await folder?.remove(basename(path), "refuse");
  },
  async list(path) {
    return ((await orUndefined(readdir(path))) ?? []).sort();
  },
  async facts(path) {
    const stats = await orUndefined(stat(path));
    return stats && factsFrom(stats);
  },
  async linkFacts(path) {
    const stats = await orUndefined(lstat(path));
    return stats && factsFrom(stats);
  },
  async symlink(target, path) {
    const next = besides(path);
    await putInPlace(next, path, () => symlink(target, next));
  },
  hardLink: (target, path) => link(target, path),
  readLink: (path) => orUndefined(readlink(path)),
  resolve: (path) => orUndefined(realpath(path)),
  rename: (from, to) => rename(from, to),
  chmod: (path, mode) => chmod(path, mode),
  chown: (path, { uid, gid }) => lchown(path, uid, gid),
  async space(path) {
    const { blocks, bavail, bsize, files, ffree } = await statfs(path);
    return { capacityBytes: blocks * bsize, availableBytes: bavail * bsize, inodes: files, inodesFree: ffree };
  },
  folder: openFolder,
  watch(path, changed, signal) {
    try {
      const watcher = watch(path, { signal, persistent: false }, changed);
      // A watched folder that is removed ends the watch; its owner makes it anew and asks again.
      watcher.on("error", () => undefined);
    } catch {
      // Nothing is there, or nothing more can be watched.
    }
  },
};
