/**
 * Gathers writes into batches: whatever arrives while one batch is on its way to the disk travels together in the next,
 * so that a busy store pays one fsync for many writes.
 */
import { type Revision, StoreUnavailableError } from "../store.ts";
import { type Commit, type Decision, decodeDecisions, encodeBatch } from "./batch-format.ts";
import type { Connection } from "./connection.ts";
import type { Answer } from "./protocol.ts";

const batchWritesMax = 1_000;
const batchBytesMax = 4 * 1024 * 1024;
/** Beyond this, callers are too many for the disk and are told so. */
const queueCommitsMax = 20_000;

interface Queued {
  readonly commit: Commit;
  readonly decided: (decision: Decision) => void;
  readonly failed: (error: Error) => void;
}

/** What became of a batch. */
export interface Decided {
  readonly commits: readonly Commit[];
  readonly decisions: readonly Decision[];
  /** The store's, after it. */
  readonly revision: Revision;
  /** Lazy writes that wait for a commit. */
  readonly waiting: number;
}

/** Told of a batch after it happened and before any of its writers are. */
export type BatchListener = (decided: Decided) => void;

export class WriteQueue {
  private readonly connection: Connection;
  private readonly onBatch: BatchListener;
  private queue: Queued[] = [];
  private state: "idle" | "gathering" | "sent" = "idle";

  constructor(connection: Connection, onBatch: BatchListener) {
    this.connection = connection;
    this.onBatch = onBatch;
  }

  add(commit: Commit): Promise<Decision> {
    if (this.queue.length >= queueCommitsMax)
      throw new StoreUnavailableError(
        `expected at most "${queueCommitsMax}" waiting writes, found more: try again later`,
      );
    return new Promise((decided, failed) => {
      this.queue.push({ commit, decided, failed });
      if (this.state === "idle") this.gather();
    });
  }

  /** Waits until everything that became ready in this turn of the event loop has joined. */
  private gather(): void {
    this.state = "gathering";
    setImmediate(() => this.send());
  }

  private send(): void {
    const batch = this.takeBatch();
    this.state = "sent";
    const commits = batch.map(({ commit }) => commit);
    this.connection.send("write", encodeBatch(commits), {
      done: (answer) => this.done(batch, commits, answer),
      failed: (error) => this.failed(batch, error),
    });
  }

  private done(batch: readonly Queued[], commits: readonly Commit[], answer: Answer<"write">): void {
    const decisions = decodeDecisions(answer.decisions, commits);
    this.onBatch({ commits, decisions, revision: answer.revision, waiting: answer.waiting });
    for (const [at, decision] of decisions.entries()) batch[at]?.decided(decision);
    this.goOn();
  }

  private failed(batch: readonly Queued[], error: Error): void {
    for (const { failed } of batch) failed(error);
    this.goOn();
  }

  private goOn(): void {
    if (this.queue.length > 0) this.gather();
    else this.state = "idle";
  }

  private takeBatch(): Queued[] {
    let [writes, bytes] = [0, 0];
    const end = this.queue.findIndex(({ commit }, at) => {
      writes += commit.writes.length;
      bytes += bytesOf(commit);
      return at > 0 && (writes > batchWritesMax || bytes > batchBytesMax);
    });
    return this.queue.splice(0, end === -1 ? this.queue.length : end);
  }
}

function bytesOf({ writes }: Commit): number {
  return writes.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}
