/** What is known of a file without reading it. */
import type { Stats } from "node:fs";

export type FileKind = "file" | "directory" | "symlink" | "socket" | "charDevice" | "blockDevice" | "fifo";

export interface FileFacts {
  readonly kind: FileKind;
  readonly sizeBytes: number;
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: number;
  /** Names of the file: with more than one, its bytes are seen more than once. */
  readonly links: number;
  readonly modifiedMs: number;
  /** Bytes on the disk, which is less than the size of a sparse file. */
  readonly usedBytes: number;
}

export function factsFrom(stats: Stats): FileFacts {
  return {
    kind: kindOf(stats),
    sizeBytes: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    inode: stats.ino,
    links: stats.nlink,
    modifiedMs: stats.mtimeMs,
    usedBytes: stats.blocks * 512,
  };
}

function kindOf(stats: Stats): FileKind {
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isSocket()) return "socket";
  if (stats.isCharacterDevice()) return "charDevice";
  if (stats.isBlockDevice()) return "blockDevice";
  return stats.isFIFO() ? "fifo" : "file";
}
