/**
 * How far the log had come when it was last made durable, in a file beside the database. SQLite drops whatever of its
 * WAL it cannot read, without a word: a log that ends before this mark has lost writes that were acknowledged.
 *
 * The mark is written after each commit and never waits for the disk: the kernel has it at once, so that it proves
 * everything after a kill, and after a power cut what had reached the disk by itself. It is only ever written after
 * the commit is durable, so it never claims too much. Two slots take turns, since a cut may tear one.
 */
import { closeSync, existsSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Revision } from "../store.ts";

const slotBytes = 24;
/** Slots stand in different sectors. */
const slotDistance = 4_096;
const slots = 2;
/** "mark" in ASCII. */
const magic = 0x6d61726b;

export interface Mark {
  /** The newest revision that was durable. */
  readonly revision: Revision;
  /** Revisions up to this one may have been given away. */
  readonly reserved: Revision;
}

export class HighWater {
  private readonly handle: number;
  private readonly slot = Buffer.alloc(slotBytes);
  private turn = 0;

  private constructor(handle: number) {
    this.handle = handle;
  }

  /** Opens the file, which must be there; an empty one has no mark. */
  static open(path: string): { readonly highWater: HighWater; readonly mark: Mark | undefined } {
    const highWater = new HighWater(openSync(path, "r+"));
    const newest = newestOf(highWater.handle);
    const mark = newest?.mark;
    // The older one is written next.
    highWater.turn = newest ? (newest.turn + 1) % slots : 0;
    // Takes its space on the disk now: later a full one must not matter.
    for (let turn = 0; turn < slots; turn += 1) highWater.write(mark ?? { revision: 0, reserved: 0 });
    return { highWater, mark };
  }

  /** @param mark Of what is durable already. */
  write({ revision, reserved }: Mark): void {
    const { slot } = this;
    slot.writeUInt32LE(magic, 0);
    slot.writeDoubleLE(revision, 4);
    slot.writeDoubleLE(reserved, 12);
    slot.writeUInt32LE(crc32(slot.subarray(0, 20)), 20);
    try {
      writeSync(this.handle, slot, 0, slotBytes, this.turn * slotDistance);
      this.turn = (this.turn + 1) % slots;
    } catch {
      // The commit happened all the same; an older mark only proves less.
    }
  }

  close(): void {
    try {
      fsyncSync(this.handle);
    } finally {
      closeSync(this.handle);
    }
  }
}

/** The mark of a file that nobody has open; undefined when there is none. */
export function readMark(path: string): Mark | undefined {
  if (!existsSync(path)) return undefined;
  const handle = openSync(path, "r");
  try {
    return newestOf(handle)?.mark;
  } finally {
    closeSync(handle);
  }
}

function newestOf(handle: number): { readonly mark: Mark; readonly turn: number } | undefined {
  let newest: { readonly mark: Mark; readonly turn: number } | undefined;
  for (let turn = 0; turn < slots; turn += 1) {
    const slot = Buffer.alloc(slotBytes);
    if (readSync(handle, slot, 0, slotBytes, turn * slotDistance) < slotBytes) continue;
    if (slot.readUInt32LE(0) !== magic || slot.readUInt32LE(20) !== crc32(slot.subarray(0, 20))) continue;
    const mark = { revision: slot.readDoubleLE(4), reserved: slot.readDoubleLE(12) };
    if (!newest || newest.mark.revision < mark.revision) newest = { mark, turn };
  }
  return newest;
}
