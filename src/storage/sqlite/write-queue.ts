/**
 * Gathers writes into batches: whatever arrives while one batch is on its way to the disk travels together in the next,
 * so that a busy store pays one fsync for many writes.
 */
import { StoreUnavailableError, type Write } from "../store.ts";
import type { Connection } from "./connection.ts";
import type { Answer, Decision, SentCommit } from "./protocol.ts";

const batchWritesMax = 1_000;
const batchBytesMax = 4 * 1024 * 1024;
/** Beyond this, callers are too many for the disk and are told so. */
const queueCommitsMax = 20_000;

/** Writes that happen together or not at all. */
export interface Commit {
  readonly writes: readonly Write[];
  readonly lazy: boolean;
}

interface Queued {
  readonly commit: Commit;
  readonly decided: (decision: Decision) => void;
  readonly failed: (error: Error) => void;
}

/** Told of a batch after it happened and before any of its writers are. */
export type BatchListener = (commits: readonly Commit[], answer: Answer<"write">) => void;

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
    const values = new Uint8Array(batch.reduce((sum, { commit }) => sum + bytesOf(commit), 0));
    let offset = 0;
    const commits = batch.map(({ commit: { writes, lazy } }): SentCommit => {
      const sent = writes.map(({ key, value, expected }) => {
        if (value) values.set(value, offset);
        offset += value?.length ?? 0;
        return { key, sizeBytes: value?.length, expected };
      });
      return { writes: sent, lazy };
    });
    this.connection.send(
      "write",
      { commits, values },
      { done: (answer) => this.done(batch, answer), failed: (error) => this.failed(batch, error) },
    );
  }

  private done(batch: readonly Queued[], answer: Answer<"write">): void {
    this.onBatch(
      batch.map(({ commit }) => commit),
      answer,
    );
    for (const [at, decision] of answer.decisions.entries()) batch[at]?.decided(decision);
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
