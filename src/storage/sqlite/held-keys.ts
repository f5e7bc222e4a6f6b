/**
 * Where every key stands, in the memory of the storage thread, so that a decision reads nothing from the disk and the
 * file needs no index of keys. About 30 bytes a key: sorted blocks of bytes, in which each key is written without what
 * it shares with the one before it.
 *
 * Keys are compared byte by byte, as SQLite compares text.
 */
import type { Revision } from "../store.ts";

/** The newest row of a key. */
export interface Held {
  readonly modRevision: Revision;
  readonly createRevision: Revision;
  /** Of key and value; undefined when the row is a deletion. */
  readonly sizeBytes: number | undefined;
}

/** A block is split when it grows beyond this. */
const blockBytesMax = 4_096;
/** Two neighbours that together have less become one. */
const joinedBytesMax = 2_048;
/** Room for the next entries, so that most of them move no block. */
const spareBytes = 192;

// An entry: bytes shared with the key before (2), bytes of its own (2), modRevision (8), createRevision (8), size (4),
// then its own bytes. Invariant: what is shared is as long as it can be, and nothing for the first of a block.
const headBytes = 24;
const deletion = 0xffff_ffff;

interface Block {
  bytes: Buffer;
  end: number;
}

/** Where a key is in its block, or would be. */
interface Place {
  readonly block: number;
  readonly at: number;
  readonly found: boolean;
  /** Bytes that the key shares with the entry before the place. */
  readonly sharedBefore: number;
  /** Bytes that the key shares with the entry at the place. */
  readonly sharedAfter: number;
}

export class HeldKeys {
  // Invariant: only one that is alone is empty.
  private readonly blocks: Block[] = [{ bytes: Buffer.allocUnsafeSlow(spareBytes), end: 0 }];
  private count = 0;

  /** Keys, those included whose newest row is a deletion. */
  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  get(key: Uint8Array): Held | undefined {
    const { block, at, found } = this.place(key);
    return found ? heldAt(this.block(block).bytes, at) : undefined;
  }

  set(key: Uint8Array, held: Held): void {
    const place = this.place(key);
    if (!place.found) this.insert(key, place);
    writeHeld(this.block(place.block).bytes, place.at, held);
    if (place.found) return;
    this.count += 1;
    if (this.block(place.block).end > blockBytesMax) this.split(place);
  }

  delete(key: Uint8Array): void {
    const { block: number, at, found } = this.place(key);
    if (!found) return;
    this.count -= 1;
    const block = this.block(number);
    const { bytes } = block;
    const shared = bytes.readUInt16LE(at);
    const next = endOf(bytes, at);
    if (next === block.end) block.end = at;
    else {
      // The next key shares less with the one that is before it from now on, and gets its own copy of the difference.
      const own = bytes.readUInt16LE(next + 2);
      const more = Math.max(bytes.readUInt16LE(next) - shared, 0);
      const head = Buffer.from(bytes.subarray(next, next + headBytes));
      bytes.copyWithin(at + headBytes + more, next + headBytes, block.end);
      head.writeUInt16LE(head.readUInt16LE(0) - more, 0);
      head.writeUInt16LE(own + more, 2);
      head.copy(bytes, at);
      block.end -= next - at - more;
    }
    this.join(number);
  }

  /** Every key from one on, inclusive, by rising key. The index must not change meanwhile. */
  *from(key: Uint8Array): Generator<{ readonly key: string; readonly held: Held }, void, undefined> {
    const place = this.place(key);
    const text = Buffer.allocUnsafe(0xffff);
    for (let number = place.block; number < this.blocks.length; number += 1) {
      const { bytes, end } = this.block(number);
      for (let at = 0; at < end; at = endOf(bytes, at)) {
        const shared = bytes.readUInt16LE(at);
        const length = bytes.copy(text, shared, at + headBytes, endOf(bytes, at)) + shared;
        if (number === place.block && at < place.at) continue;
        yield { key: text.toString("utf8", 0, length), held: heldAt(bytes, at) };
      }
    }
  }

  private block(number: number): Block {
    // Holds since numbers come from `place`, and there is always a block.
    return this.blocks[number] as Block;
  }

  private place(key: Uint8Array): Place {
    let low = 1;
    let high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isFirstAbove(this.block(middle).bytes, key)) high = middle;
      else low = middle + 1;
    }
    return placeIn(this.block(low - 1), low - 1, key);
  }

  /** Makes an entry whose numbers are not written yet. */
  private insert(key: Uint8Array, { block: number, at, sharedBefore, sharedAfter }: Place): void {
    const block = this.block(number);
    const own = key.length - sharedBefore;
    const isLast = at === block.end;
    // The next key leaves out what it shares with the new one.
    const less = isLast ? 0 : sharedAfter - block.bytes.readUInt16LE(at);
    const added = headBytes + own;
    if (block.end + added > block.bytes.length) {
      const bytes = Buffer.allocUnsafeSlow(block.end + added + spareBytes);
      block.bytes.copy(bytes, 0, 0, block.end);
      block.bytes = bytes;
    }
    const { bytes } = block;
    if (!isLast) {
      const head = Buffer.from(bytes.subarray(at, at + headBytes));
      bytes.copyWithin(at + added + headBytes, at + headBytes + less, block.end);
      head.writeUInt16LE(sharedAfter, 0);
      head.writeUInt16LE(head.readUInt16LE(2) - less, 2);
      head.copy(bytes, at + added);
    }
    bytes.writeUInt16LE(sharedBefore, at);
    bytes.writeUInt16LE(own, at + 2);
    bytes.set(sharedBefore === 0 ? key : key.subarray(sharedBefore), at + headBytes);
    block.end += added - less;
  }

  /** Keys often come in rising order: then the left part stays nearly full. */
  private split({ block: number, at }: Place): void {
    const block = this.block(number);
    const target = endOf(block.bytes, at) === block.end ? block.end - 1 : block.end / 2;
    const text = Buffer.allocUnsafe(0xffff);
    let cut = 0;
    let length = 0;
    for (let next = 0; next < target; next = endOf(block.bytes, cut)) {
      cut = next;
      const shared = block.bytes.readUInt16LE(cut);
      length = shared + block.bytes.copy(text, shared, cut + headBytes, endOf(block.bytes, cut));
    }
    if (cut === 0) return;
    const rest = endOf(block.bytes, cut);
    const end = headBytes + length + block.end - rest;
    const bytes = Buffer.allocUnsafeSlow(end + spareBytes);
    block.bytes.copy(bytes, 0, cut, cut + headBytes);
    bytes.writeUInt16LE(0, 0);
    bytes.writeUInt16LE(length, 2);
    text.copy(bytes, headBytes, 0, length);
    block.bytes.copy(bytes, headBytes + length, rest, block.end);
    this.blocks.splice(number + 1, 0, { bytes, end });
    block.bytes = Buffer.concat([block.bytes.subarray(0, cut)], cut + spareBytes);
    block.end = cut;
  }

  /** After something went from a block: none is empty, and no two neighbours are small. */
  private join(number: number): void {
    if (this.blocks.length === 1) return;
    const at = Math.max(number - 1, 0);
    const [left, right] = [this.block(at), this.block(at + 1)];
    if (left.end === 0) this.blocks.splice(at, 1);
    else if (right.end === 0) this.blocks.splice(at + 1, 1);
    else if (left.end + right.end <= joinedBytesMax) {
      this.blocks.splice(at + 1, 1);
      for (const { key, held } of entriesOf(right)) {
        const place = placeIn(left, at, key);
        this.insert(key, place);
        writeHeld(left.bytes, place.at, held);
      }
    }
  }
}

function* entriesOf({ bytes, end }: Block): Generator<{ readonly key: Buffer; readonly held: Held }, void, undefined> {
  let before = Buffer.alloc(0);
  for (let at = 0; at < end; at = endOf(bytes, at)) {
    const own = bytes.subarray(at + headBytes, endOf(bytes, at));
    before = Buffer.concat([before.subarray(0, bytes.readUInt16LE(at)), own]);
    yield { key: before, held: heldAt(bytes, at) };
  }
}

function endOf(bytes: Buffer, at: number): number {
  return at + headBytes + bytes.readUInt16LE(at + 2);
}

function heldAt(bytes: Buffer, at: number): Held {
  const sizeBytes = bytes.readUInt32LE(at + 20);
  return {
    modRevision: bytes.readDoubleLE(at + 4),
    createRevision: bytes.readDoubleLE(at + 12),
    sizeBytes: sizeBytes === deletion ? undefined : sizeBytes,
  };
}

function writeHeld(bytes: Buffer, at: number, { modRevision, createRevision, sizeBytes }: Held): void {
  bytes.writeDoubleLE(modRevision, at + 4);
  bytes.writeDoubleLE(createRevision, at + 12);
  bytes.writeUInt32LE(sizeBytes ?? deletion, at + 20);
}

/** True when the first key of a block is above `key`. */
function isFirstAbove(bytes: Buffer, key: Uint8Array): boolean {
  const length = bytes.readUInt16LE(2);
  const shared = Math.min(length, key.length);
  for (let at = 0; at < shared; at += 1) {
    // Both hold since `at` is below both lengths.
    const difference = (bytes[headBytes + at] as number) - (key[at] as number);
    if (difference !== 0) return difference > 0;
  }
  return length > key.length;
}

/** Goes over the entries without looking at a key twice where it is as the one before it. */
function placeIn({ bytes, end }: Block, block: number, key: Uint8Array): Place {
  // Bytes that the key shares with the entry before `at`, which is below it.
  let matched = 0;
  let at = 0;
  while (at < end) {
    const shared = bytes.readUInt16LE(at);
    const own = bytes.readUInt16LE(at + 2);
    // It differs from the one before it in front of where the key does, and upwards.
    if (shared < matched) return { block, at, found: false, sharedBefore: matched, sharedAfter: shared };
    if (shared === matched) {
      const suffix = at + headBytes;
      let same = 0;
      while (same < own && matched + same < key.length && bytes[suffix + same] === key[matched + same]) same += 1;
      const isKeyOver = matched + same === key.length;
      const sharedAfter = matched + same;
      if (isKeyOver) return { block, at, found: same === own, sharedBefore: matched, sharedAfter };
      // Holds since neither is over.
      if (same < own && (bytes[suffix + same] as number) > (key[matched + same] as number))
        return { block, at, found: false, sharedBefore: matched, sharedAfter };
      matched = sharedAfter;
    }
    at += headBytes + own;
  }
  return { block, at, found: false, sharedBefore: matched, sharedAfter: 0 };
}
