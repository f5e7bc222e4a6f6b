/** The store without a disk: for tests and throw-away clusters. It keeps history like every other, and forgets it at exit. */
import { must } from "#base/assert.ts";
import {
  absent,
  checkKey,
  checkRevision,
  type CommitOutcome,
  type Entry,
  firstRevision,
  FutureRevisionError,
  keyOf,
  type PastEvent,
  type RangeAnswer,
  type RangeRequest,
  type Revision,
  revisionOf,
  type Store,
  StoreUnavailableError,
  type WatchListener,
  type WatchRequest,
  type Write,
} from "./store.ts";
import { WatchHub } from "./watch-hub.ts";

export interface MemoryStoreOptions {
  /** History beyond the size of the live data: more is compacted unasked. */
  readonly historyBytesMax?: number;
}

export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options.historyBytesMax ?? 16 * 1024 * 1024);
}

/** One state of a key: an entry, or none from that revision on. */
interface Version {
  readonly revision: Revision;
  readonly entry: Entry | undefined;
}

class MemoryStore implements Store {
  private readonly historyBytesMax: number;
  private readonly hub = new WatchHub();
  // Every key with a version, rising.
  private keys: string[] = [];
  // By rising revision; never empty.
  private readonly versions = new Map<string, Version[]>();
  // Every event after compactedRevision, by rising revision.
  private events: PastEvent[] = [];
  // Invariant: told <= newest, and they differ only while watchers are told.
  private newest = firstRevision;
  private told = firstRevision;
  private compacted = 0;
  private liveBytes = 0;
  private totalBytes = 0;
  private closed = false;

  constructor(historyBytesMax: number) {
    this.historyBytesMax = historyBytesMax;
  }

  get revision(): Revision {
    return this.told;
  }

  get compactedRevision(): Revision {
    return this.compacted;
  }

  async size(): Promise<{ readonly totalBytes: number; readonly liveBytes: number }> {
    return { totalBytes: this.totalBytes, liveBytes: this.liveBytes };
  }

  async commit(writes: readonly Write[]): Promise<CommitOutcome> {
    this.checkOpen();
    for (const { key, expected } of writes) {
      checkKey(key);
      const revision = this.newestOf(key)?.modRevision ?? absent;
      if (revision !== expected) return { kind: "conflict", key, revision };
    }
    const events = writes.map((write) => this.append(write));
    this.hub.publish(events, this.newest);
    this.told = this.newest;
    this.hub.reached(this.told);
    if (this.totalBytes > 2 * this.liveBytes + this.historyBytesMax)
      this.forget(Math.ceil((this.compacted + this.newest) / 2));
    return { kind: "committed", revisions: events.map(revisionOf) };
  }

  async get(key: string): Promise<Entry | undefined> {
    this.checkOpen();
    return this.newestOf(key);
  }

  async range(request: RangeRequest): Promise<RangeAnswer> {
    this.checkOpen();
    const revision = request.revision ?? this.newest;
    checkRevision(this, revision);
    const found = this.keys
      .slice(lowerBound(this.keys, request.from), lowerBound(this.keys, request.to))
      .flatMap((key) => this.versions.get(key)?.findLast((version) => version.revision <= revision)?.entry ?? []);
    const entries = found.slice(0, request.limit);
    return { entries, remaining: found.length - entries.length, revision };
  }

  async history(request: WatchRequest): Promise<{ readonly events: readonly PastEvent[]; readonly through: Revision }> {
    this.checkOpen();
    checkRevision(this, request.afterRevision);
    return { events: this.eventsOf(request), through: this.newest };
  }

  async watch(request: WatchRequest, listener: WatchListener, signal: AbortSignal): Promise<void> {
    this.checkOpen();
    checkRevision(this, request.afterRevision);
    if (signal.aborted) return;
    const { from, to } = request;
    listener(this.eventsOf(request), this.newest);
    this.hub.add({ from, to, listener }, signal);
  }

  async reached(revision: Revision, signal: AbortSignal): Promise<void> {
    if (this.told < revision) await this.hub.waitFor(revision, signal);
  }

  async compact(revision: Revision): Promise<void> {
    this.checkOpen();
    if (revision > this.newest) throw new FutureRevisionError(revision, this.newest);
    this.forget(revision);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }

  private checkOpen(): void {
    if (this.closed) throw new StoreUnavailableError("expected an open store, found it closed");
  }

  private newestOf(key: string): Entry | undefined {
    return this.versions.get(key)?.at(-1)?.entry;
  }

  private eventsOf({ from, to, afterRevision }: WatchRequest): readonly PastEvent[] {
    return this.events.filter(
      (event) => revisionOf(event) > afterRevision && from <= keyOf(event) && keyOf(event) < to,
    );
  }

  private append({ key, value }: Write): PastEvent {
    const previous = this.newestOf(key);
    const previousRevision = previous?.modRevision ?? absent;
    const revision = this.newest + 1;
    const entry = value && { key, value, createRevision: previous?.createRevision ?? revision, modRevision: revision };
    const event: PastEvent = entry
      ? { kind: "put", entry, previousRevision, previous }
      : { kind: "deleted", key, revision, previousRevision, previous };
    const versions = this.versions.get(key);
    if (versions) versions.push({ revision, entry });
    else {
      this.versions.set(key, [{ revision, entry }]);
      this.keys.splice(lowerBound(this.keys, key), 0, key);
    }
    this.newest = revision;
    this.events.push(event);
    this.totalBytes += bytesOf(key, entry);
    this.liveBytes += liveBytesOf(entry) - liveBytesOf(previous);
    return event;
  }

  private forget(revision: Revision): void {
    if (revision <= this.compacted) return;
    const touched = new Set<string>();
    const kept = this.events.findIndex((event) => revisionOf(event) > revision);
    for (const event of this.events.splice(0, kept === -1 ? this.events.length : kept)) touched.add(keyOf(event));
    for (const key of touched) this.forgetKey(key, revision);
    if (touched.size > 0) this.keys = this.keys.filter((key) => this.versions.has(key));
    this.compacted = revision;
  }

  /** Drops the versions of a key that no revision from `revision` on can see. */
  private forgetKey(key: string, revision: Revision): void {
    const versions = must(this.versions.get(key), `key "${key}" has an event but no version`);
    const seen = versions.findLastIndex((version) => version.revision <= revision);
    const first = versions[seen]?.entry ? seen : seen + 1;
    for (const dropped of versions.splice(0, first)) this.totalBytes -= bytesOf(key, dropped.entry);
    if (versions.length === 0) this.versions.delete(key);
  }
}

function bytesOf(key: string, entry: Entry | undefined): number {
  return key.length + (entry?.value.length ?? 0);
}

function liveBytesOf(entry: Entry | undefined): number {
  return entry ? bytesOf(entry.key, entry) : 0;
}

/** Where the first of the rising keys stands that is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
