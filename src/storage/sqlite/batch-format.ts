/**
 * How a batch of commits travels to the storage thread, and what was decided back: one array of bytes there, one of
 * numbers back. A structured clone of the same in objects costs both threads more than the decision itself.
 */
import { must } from "#base/assert.ts";
import type { Revision, Write } from "../store.ts";

/** Writes that happen together or not at all. */
export interface Commit {
  readonly writes: readonly Write[];
  readonly lazy: boolean;
}

/** A write as it arrives: views of the batch's bytes. */
export interface ReceivedWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  readonly expected: Revision;
}

export interface ReceivedCommit {
  readonly writes: readonly ReceivedWrite[];
  readonly lazy: boolean;
}

/** Made: the revision of the first write, which the others follow, and of the write that created each key. */
export interface Made {
  readonly kind: "made";
  readonly first: Revision;
  readonly created: readonly Revision[];
}

export type Decision =
  | Made
  /** A write, by its place in the commit, whose key is at another revision than expected, or at none: 0. */
  | { readonly kind: "held"; readonly at: number; readonly revision: Revision };

// A commit: 1 if lazy (1), writes (4). A write: bytes of the key (4), bytes of the value or `none` (4), expected (8),
// the key, the value.
const commitBytes = 5;
const writeBytes = 16;
const none = 0xffff_ffff;

export function encodeBatch(commits: readonly Commit[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const { writes } of commits) {
    size += commitBytes;
    for (const { key, value } of writes) size += writeBytes + Buffer.byteLength(key) + (value?.length ?? 0);
  }
  // Of its own: it is handed over, and not copied.
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const { writes, lazy } of commits) {
    bytes.writeUInt8(lazy ? 1 : 0, at);
    bytes.writeUInt32LE(writes.length, at + 1);
    at += commitBytes;
    for (const { key, value, expected } of writes) {
      const keyBytes = bytes.write(key, at + writeBytes);
      bytes.writeUInt32LE(keyBytes, at);
      bytes.writeUInt32LE(value?.length ?? none, at + 4);
      bytes.writeDoubleLE(expected, at + 8);
      at += writeBytes + keyBytes;
      if (!value) continue;
      bytes.set(value, at);
      at += value.length;
    }
  }
  return bytes;
}

export function decodeBatch(sent: Uint8Array): ReceivedCommit[] {
  const bytes = Buffer.from(sent.buffer, sent.byteOffset, sent.byteLength);
  const commits: ReceivedCommit[] = [];
  for (let at = 0; at < bytes.length;) {
    const lazy = bytes.readUInt8(at) === 1;
    const count = bytes.readUInt32LE(at + 1);
    at += commitBytes;
    const writes: ReceivedWrite[] = [];
    for (let number = 0; number < count; number += 1) {
      const keyAt = at + writeBytes;
      const valueAt = keyAt + bytes.readUInt32LE(at);
      const valueBytes = bytes.readUInt32LE(at + 4);
      const end = valueBytes === none ? valueAt : valueAt + valueBytes;
      const value = valueBytes === none ? undefined : bytes.subarray(valueAt, end);
      writes.push({ key: bytes.subarray(keyAt, valueAt), value, expected: bytes.readDoubleLE(at + 8) });
      at = end;
    }
    commits.push({ writes, lazy });
  }
  return commits;
}

/** Of a decision: the first revision and that of each creation, or the place of what is held, below 0, and its revision. */
export function encodeDecisions(decisions: readonly Decision[]): Float64Array<ArrayBuffer> {
  const numbers: number[] = [];
  for (const decision of decisions)
    if (decision.kind === "held") numbers.push(-1 - decision.at, decision.revision);
    else numbers.push(decision.first, ...decision.created);
  return Float64Array.from(numbers);
}

/** @param commits The batch that the numbers answer. */
export function decodeDecisions(numbers: Float64Array, commits: readonly Commit[]): Decision[] {
  let next = 0;
  const take = (): number => must(numbers[next++], "expected a decision for each commit");
  return commits.map(({ writes }) => {
    const first = take();
    if (first < 0) return { kind: "held", at: -1 - first, revision: take() };
    return { kind: "made", first, created: writes.map(take) };
  });
}
