/**
 * The default store: one SQLite file, written by a thread of its own. This side holds no data: it gathers writes,
 * hands their events to watchers, and asks the thread for everything else.
 */
import { join } from "node:path";
import { BugError, messageOf } from "#base/assert.ts";
import type { Clock, Timer } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { Connection, type Opened } from "./sqlite/connection.ts";
import type { Made } from "./sqlite/batch-format.ts";
import type { Answer, KeyRange } from "./sqlite/protocol.ts";
import { type Decided, WriteQueue } from "./sqlite/write-queue.ts";
import {
  absent,
  checkKey,
  checkRevision,
  type CommitOutcome,
  type Entry,
  FutureRevisionError,
  type PastEvent,
  type RangeAnswer,
  type RangeRequest,
  type Revision,
  type Store,
  type StoreEvent,
  type StoreUnavailableError,
  type WatchListener,
  type WatchRequest,
  type Write,
  type WriteOptions,
} from "./store.ts";
import { WatchHub } from "./watch-hub.ts";

export interface SqliteStoreOptions {
  /** The data directory of kedge; the database is server/db/state.db below it, and is made when it is absent. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a lazy write may wait for the disk. */
  readonly lazyCommitMs?: number;
  /** History on disk beyond the size of the live data: more is compacted unasked. */
  readonly historyBytesMax?: number;
  /** A compaction that would forget fewer revisions than this leaves the disk alone: reads are refused all the same. */
  readonly sweepRevisionsMin?: number;
  /**
   * Where lazy writes go: after a crash, which may have lost some, entries there are written anew, so that nobody sees
   * a revision go back.
   */
  readonly lazyRanges?: readonly KeyRange[];
  /** Called once when the file is found damaged: what can be read is, and nothing more is written. */
  readonly damaged?: (why: StoreUnavailableError) => void;
  /** Called once when the store is of no use any more for the rest of the process. */
  readonly broken?: (why: StoreUnavailableError) => void;
}

// A renewal that is lost in a crash is made again by its holder; on an idle cluster each commit costs ten pages.
const lazyCommitMsDefault = 300_000;
const historyBytesMaxDefault = 128 * 1024 * 1024;

const sweepRevisionsMinDefault = 1_000;

/** No key is at or after it. */
const lastKey = "\u{10ffff}";

/** @throws StoreUnavailableError with what to do: in use by another, of another version, damaged, not writable. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const path = join(options.dataDir, "server", "db", "state.db");
  const sweepRevisionsMin = options.sweepRevisionsMin ?? sweepRevisionsMinDefault;
  let store: SqliteStore | undefined;
  const { connection, opening } = await Connection.open(
    { path, sweepRevisionsMin, renewed: options.lazyRanges ?? [] },
    {
      clock: options.clock,
      log: options.log,
      reopened: async (again, ask) => store?.reopened(again, ask),
      damaged: (why) => options.damaged?.(why),
      broken: (why) => options.broken?.(why),
    },
  );
  store = new SqliteStore(options, connection, opening);
  return store;
}

class SqliteStore implements Store {
  private readonly options: SqliteStoreOptions;
  private readonly connection: Connection;
  private readonly queue: WriteQueue;
  private readonly hub = new WatchHub();
  private newest: Revision;
  private compacted: Revision;
  // Set while lazy writes wait.
  private lazyCommit: Timer | undefined;
  private bytesSinceSizeCheck = 0;
  // Reads of several steps; a compaction waits for those that began before it.
  private readonly reading = new Set<Promise<unknown>>();
  private compaction: Promise<void> = Promise.resolve();
  private closing: Promise<void> | undefined;

  constructor(options: SqliteStoreOptions, connection: Connection, opening: Opened) {
    this.options = options;
    this.connection = connection;
    this.queue = new WriteQueue(connection, (decided) => this.publish(decided));
    this.newest = opening.revision;
    this.compacted = opening.compactedRevision;
  }

  get revision(): Revision {
    return this.newest;
  }

  get compactedRevision(): Revision {
    return this.compacted;
  }

  size(): Promise<{ readonly totalBytes: number; readonly liveBytes: number }> {
    return this.connection.ask("size", undefined);
  }

  async commit(writes: readonly Write[], options?: WriteOptions): Promise<CommitOutcome> {
    checkCommit(writes);
    const decision = await this.queue.add({ writes, lazy: options?.durability === "lazy" });
    if (decision.kind === "made") return { kind: "committed", revisions: writes.map((_, at) => decision.first + at) };
    return { kind: "conflict", key: writes[decision.at]?.key ?? "", revision: decision.revision };
  }

  get(key: string): Promise<Entry | undefined> {
    return this.connection.ask("get", key);
  }

  async range(request: RangeRequest): Promise<RangeAnswer> {
    if (request.revision !== undefined) checkRevision(this, request.revision);
    return this.protect(this.readRange(request));
  }

  async history(request: WatchRequest): Promise<{ readonly events: readonly PastEvent[]; readonly through: Revision }> {
    checkRevision(this, request.afterRevision);
    return this.protect(this.connection.ask("history", request));
  }

  async watch(request: WatchRequest, listener: WatchListener, signal: AbortSignal): Promise<void> {
    checkRevision(this, request.afterRevision);
    await this.protect(this.replay(request, listener, signal));
  }

  reached(revision: Revision, signal: AbortSignal): Promise<void> {
    return this.newest >= revision ? Promise.resolve() : this.hub.waitFor(revision, signal);
  }

  async compact(revision: Revision): Promise<void> {
    if (revision > this.newest) throw new FutureRevisionError(revision, this.newest);
    if (revision <= this.compacted) return;
    this.compacted = revision;
    const readers = Promise.allSettled(this.reading);
    const before = this.compaction;
    const run = async (): Promise<void> => {
      await before.catch(() => undefined);
      await readers;
      while ((await this.connection.ask("compact", revision)).more);
    };
    this.compaction = run();
    await this.compaction;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.lazyCommit?.cancel();
    this.closing ??= this.connection.close();
    await this.closing;
  }

  /** After a restart of the thread: hands over what was committed and never answered, and what was written anew. */
  async reopened({ revision }: Opened, ask: Connection["ask"]): Promise<void> {
    while (this.newest < revision) {
      const step = { from: "", to: lastKey, afterRevision: this.newest };
      const { events, through } = await ask("history", step);
      this.hub.publish(events, through);
      this.newest = through;
      this.hub.reached(through);
    }
  }

  /** Called for each batch before its writers are answered. */
  private publish({ commits, decisions, revision, waiting }: Decided): void {
    const events: StoreEvent[] = [];
    let bytes = 0;
    for (const [at, { writes }] of commits.entries()) {
      const decision = decisions[at];
      if (decision?.kind !== "made") continue;
      for (const [index, write] of writes.entries()) {
        events.push(eventOf(write, decision, index));
        bytes += write.key.length + (write.value?.length ?? 0);
      }
    }
    if (events.length === 0) return;
    this.hub.publish(events, revision);
    this.newest = revision;
    this.hub.reached(this.newest);
    if (waiting > 0) this.planLazyCommit();
    this.keepBounded(bytes);
  }

  private planLazyCommit(): void {
    this.lazyCommit ??= this.options.clock.after(this.options.lazyCommitMs ?? lazyCommitMsDefault, () => {
      this.lazyCommit = undefined;
      this.connection.ask("commit", undefined).catch((error: unknown) => {
        this.options.log.warn("lazy writes wait longer", { error: messageOf(error) });
        this.planLazyCommit();
      });
    });
  }

  /** Looks at the size of the file once in a while, and forgets the older half of history when it is too large. */
  private keepBounded(bytes: number): void {
    const historyBytesMax = this.options.historyBytesMax ?? historyBytesMaxDefault;
    this.bytesSinceSizeCheck += bytes;
    if (this.bytesSinceSizeCheck < historyBytesMax / 8) return;
    this.bytesSinceSizeCheck = 0;
    const shorten = async (): Promise<void> => {
      const { totalBytes, liveBytes } = await this.size();
      if (totalBytes > 2 * liveBytes + historyBytesMax)
        await this.compact(Math.ceil((this.compacted + this.newest) / 2));
    };
    shorten().catch((error: unknown) => {
      this.options.log.warn("history could not be compacted", { error: messageOf(error) });
    });
  }

  /** No compaction removes what `read` may still ask for. */
  private async protect<T>(read: Promise<T>): Promise<T> {
    this.reading.add(read);
    try {
      return await read;
    } finally {
      this.reading.delete(read);
    }
  }

  private async readRange({ from, to, limit = Infinity, revision }: RangeRequest): Promise<RangeAnswer> {
    const first = await this.connection.ask("range", { from, afterFrom: false, to, limit, revision });
    const entries = [...first.entries];
    let { last } = first;
    while (last !== undefined && entries.length < limit) {
      // All later steps read the state of the first.
      const step = { from: last, afterFrom: true, to, limit: limit - entries.length, revision: first.revision };
      const answer: Answer<"range"> = await this.connection.ask("range", step);
      for (const entry of answer.entries) entries.push(entry);
      last = answer.last;
    }
    let remaining = 0;
    while (last !== undefined) {
      const answer: Answer<"count"> = await this.connection.ask("count", { after: last, to, revision: first.revision });
      remaining += answer.count;
      last = answer.last;
    }
    return { entries, remaining, revision: first.revision };
  }

  private async replay(request: WatchRequest, listener: WatchListener, signal: AbortSignal): Promise<void> {
    const { from, to } = request;
    let at = request.afterRevision;
    // No write can come between the last comparison and joining the live watchers.
    while (at < this.newest) {
      const answer = await this.connection.ask("history", { from, to, afterRevision: at });
      if (signal.aborted) return;
      at = answer.through;
      if (answer.events.length > 0) listener(answer.events, at);
    }
    listener([], at);
    this.hub.add({ from, to, listener }, signal);
  }
}

/** What the contract asks of its callers: in the thread, it would end more than the one who did not keep to it. */
function checkCommit(writes: readonly Write[]): void {
  const keys = new Set(writes.map(({ key }) => key));
  if (writes.length === 0 || keys.size < writes.length)
    throw new BugError(`expected writes of different keys, found ${JSON.stringify(writes.map(({ key }) => key))}`);
  for (const { key, value, expected } of writes) {
    checkKey(key);
    if (!value && expected === absent) throw new BugError(`a deletion of "${key}" cannot expect that it is not there`);
  }
}

/** @param index Of the write among those of its commit. */
function eventOf({ key, value, expected }: Write, made: Made, index: number): StoreEvent {
  const revision = made.first + index;
  if (!value) return { kind: "deleted", key, revision, previousRevision: expected };
  const entry = { key, value, createRevision: made.created[index] ?? 0, modRevision: revision };
  return { kind: "put", entry, previousRevision: expected };
}
