/**
 * The revisioned log, as a contract: etcd's semantics reduced to what Kubernetes needs. Every backend passes the one
 * suite in storage/contract.ts. Bytes only: nothing here knows what a Kubernetes object is.
 *
 * What every backend must keep true:
 * - One counter of revisions. A write that is acknowledged has a revision greater than any acknowledged before it
 *   began, and no revision is ever given twice, crash or not. Gaps are allowed.
 * - An acknowledged durable write survives a crash and a power cut. A lazy one may be lost in a crash, together with
 *   everything lazy after it, but its revision is not reused.
 * - A watcher sees each change after its start exactly once, by rising revision, lazy ones included.
 * - A write's promise resolves after its event was handed to every watcher of this process: who reads a cache that is
 *   fed by a watch reads its own writes.
 *
 * @see https://etcd.io/docs/v3.6/learning/api/
 */

/** A key with its value, at one revision. The store owns `value`: it is never changed, by anyone. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the write that created the key last. */
  readonly createRevision: number;
  /** Revision of the last write. */
  readonly modRevision: number;
  /**
   * Says what is wrong with an entry that is not as it was written. Its key and modRevision hold, nothing else does: it
   * can be deleted or written anew like any other.
   */
  readonly damage?: string;
}

/** Revisions are whole numbers below 2^53, so they are numbers, not bigints. */
export type Revision = number;

/** The revision of a store that was never written to; like etcd's, so that no list is ever at 0, which means "any". */
export const firstRevision: Revision = 1;

/** One change of one key, on a condition. */
export interface Write {
  /** At most `keyLengthMax` long. */
  readonly key: string;
  /** Absent when the key is to be deleted. The store owns the bytes from the call on. */
  readonly value?: Uint8Array | undefined;
  /** The revision that the key must be at; `absent` when it must not be there. */
  readonly expected: Revision;
}

/** UTF-16 units of a key: many times what names and namespaces may have. */
export const keyLengthMax = 16_384;

/** In place of a revision: the key is not there. */
export const absent = 0;

export type CommitOutcome =
  /** Of the writes, in their order, by rising revision. */
  | { readonly kind: "committed"; readonly revisions: readonly Revision[] }
  /** The first key that is not as expected, and where it is, or `absent`. Nothing was written. */
  | { readonly kind: "conflict"; readonly key: string; readonly revision: Revision };

export type StoreEvent =
  /** @param previousRevision Of the entry that was replaced, or `absent`. */
  | { readonly kind: "put"; readonly entry: Entry; readonly previousRevision: Revision }
  | {
      readonly kind: "deleted";
      readonly key: string;
      readonly revision: Revision;
      readonly previousRevision: Revision;
    };

/** An event of the past, with what it replaced: undefined when there was nothing. */
export type PastEvent = StoreEvent & { readonly previous: Entry | undefined };

export interface WriteOptions {
  /** Lazy: acknowledged from memory, written to disk with the next durable write, or within minutes. For renewals that change only a timestamp. */
  readonly durability?: "durable" | "lazy";
}

export interface RangeRequest {
  /** First key, inclusive. */
  readonly from: string;
  /** End of the range, exclusive. */
  readonly to: string;
  /** At most this many entries, at least 1; absent for all. */
  readonly limit?: number;
  /** State as of this revision; absent for now. */
  readonly revision?: Revision;
}

export interface RangeAnswer {
  /** By rising key. The caller owns the array. */
  readonly entries: readonly Entry[];
  /** Keys of the range beyond the limit. */
  readonly remaining: number;
  /** The revision the answer is true at. */
  readonly revision: Revision;
}

export interface WatchRequest {
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
  /** Exclusive: events start after it. */
  readonly afterRevision: Revision;
}

/**
 * Takes the events of its range by rising revision, each batch whole. It must not throw, wait or call the store.
 * `revision` is the store's after the batch. A batch without events for it costs it nothing, so it is not called: whoever
 * feeds a cache is complete up to the store's revision at any time outside of a listener.
 */
export type WatchListener = (events: readonly StoreEvent[], revision: Revision) => void;

/** The revision asked for is older than the last compaction. */
export class CompactedError extends Error {
  override readonly name = "CompactedError";
  readonly oldest: Revision;
  constructor(asked: Revision, oldest: Revision) {
    super(`expected a revision of at least "${oldest}", found "${asked}": older ones were compacted`);
    this.oldest = oldest;
  }
}

/** The revision asked for has not happened. */
export class FutureRevisionError extends Error {
  override readonly name = "FutureRevisionError";
  readonly newest: Revision;
  constructor(asked: Revision, newest: Revision) {
    super(`expected a revision of at most "${newest}", found "${asked}"`);
    this.newest = newest;
  }
}

/** Acknowledged writes are gone: the files were changed from outside. Says how to go on without them. */
export class LostWritesError extends Error {
  override readonly name = "LostWritesError";
}

/** The store cannot take writes (disk full, file damaged); says what to do. Reads may still be served. */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
}

export interface Store extends AsyncDisposable {
  /** The newest revision that every watcher was told of. After a write resolved, at least its revision. */
  readonly revision: Revision;
  /** Revisions below this one are gone. */
  readonly compactedRevision: Revision;
  /**
   * Bytes on disk (or in memory), and bytes of live keys and values: the first stays within twice the second plus a
   * constant, for which the store compacts unasked when history grows too large.
   */
  size(): Promise<{ readonly totalBytes: number; readonly liveBytes: number }>;

  /**
   * Makes all changes or, when one key is not as expected, none. Nobody sees a part of them: neither a reader nor, in
   * one batch of a watch, a watcher of several of the keys.
   *
   * @param writes Of different keys, at least one.
   * @throws RangeError when a key is too long, StoreUnavailableError. Then nobody knows whether they were made, unless its sentence says so.
   */
  commit(writes: readonly Write[], options?: WriteOptions): Promise<CommitOutcome>;
  get(key: string): Promise<Entry | undefined>;
  /** @throws CompactedError, FutureRevisionError */
  range(request: RangeRequest): Promise<RangeAnswer>;
  /**
   * Starts handing events to `listener`, those of the past first, until the signal is aborted. The past ends with a call
   * that may have no events.
   *
   * @returns Once every event up to the store's revision at the time of the call was handed over.
   * @throws CompactedError when events after `afterRevision` are no longer all there, FutureRevisionError.
   */
  watch(request: WatchRequest, listener: WatchListener, signal: AbortSignal): Promise<void>;
  /** Resolves once the store's revision is at least this one, or the signal is aborted. */
  reached(revision: Revision, signal: AbortSignal): Promise<void>;
  /**
   * Some of what happened after a revision, oldest first, each step of a bounded size: the next one starts at `through`.
   *
   * @returns `through` is beyond `afterRevision` unless that is the store's revision.
   * @throws CompactedError, FutureRevisionError as `watch`
   */
  history(request: WatchRequest): Promise<{ readonly events: readonly PastEvent[]; readonly through: Revision }>;
  /**
   * Forgets states older than `revision`, in small steps that never block writers for more than milliseconds. Does
   * nothing when they are gone already.
   *
   * @throws FutureRevisionError
   */
  compact(revision: Revision): Promise<void>;
}

/** The key that an event is about. */
export function keyOf(event: StoreEvent): string {
  return event.kind === "put" ? event.entry.key : event.key;
}

export function revisionOf(event: StoreEvent): Revision {
  return event.kind === "put" ? event.entry.modRevision : event.revision;
}

/** The end of the range of all keys with a prefix, exclusive. */
export function prefixEnd(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1);
  return prefix.slice(0, -1) + String.fromCharCode(last + 1);
}

/**
 * The state at `revision` and every event after it are there. The event of the compacted revision itself may be gone,
 * since a deletion leaves nothing behind.
 *
 * @throws CompactedError, FutureRevisionError
 */
export function checkRevision(store: Store, revision: Revision): void {
  if (revision < store.compactedRevision) throw new CompactedError(revision, store.compactedRevision);
  if (revision > store.revision) throw new FutureRevisionError(revision, store.revision);
}

/** @throws RangeError when it is too long: whoever may choose a name can be the cause. */
export function checkKey(key: string): void {
  if (key.length <= keyLengthMax) return;
  throw new RangeError(
    `expected a key of at most ${keyLengthMax} characters, found ${key.length}: choose a shorter name`,
  );
}
