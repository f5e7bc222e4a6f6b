/**
 * Gathers writes into batches: whatever arrives while one batch is on its way to the disk travels together in the next,
 * so that a busy store pays one fsync for many writes.
 */
import { StoreUnavailableError, type Revision } from "../store.ts";
import type { Connection } from "./connection.ts";
import type { Answer, Decision, SentWrite } from "./protocol.ts";

const batchWritesMax = 1_000;
const batchBytesMax = 4 * 1024 * 1024;
/** Beyond this, callers are too many for the disk and are told so. */
const queueWritesMax = 20_000;

export interface Write {
  readonly kind: SentWrite["kind"];
  readonly key: string;
  readonly value: Uint8Array;
  readonly expected?: Revision | undefined;
  readonly lazy: boolean;
}

interface Queued {
  readonly write: Write;
  readonly decided: (decision: Decision) => void;
  readonly failed: (error: Error) => void;
}

/** Told of a batch after it happened and before any of its writers are. */
export type BatchListener = (writes: readonly Write[], answer: Answer<"write">) => void;

export class WriteQueue {
  private readonly connection: Connection;
  private readonly onBatch: BatchListener;
  private queue: Queued[] = [];
  private state: "idle" | "gathering" | "sent" = "idle";

  constructor(connection: Connection, onBatch: BatchListener) {
    this.connection = connection;
    this.onBatch = onBatch;
  }

  add(write: Write): Promise<Decision> {
    if (this.queue.length >= queueWritesMax)
      throw new StoreUnavailableError(
        `expected at most "${queueWritesMax}" waiting writes, found more: try again later`,
      );
    return new Promise((decided, failed) => {
      this.queue.push({ write, decided, failed });
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
    const values = new Uint8Array(batch.reduce((sum, { write }) => sum + write.value.length, 0));
    let offset = 0;
    const writes = batch.map(({ write: { kind, key, value, expected, lazy } }): SentWrite => {
      values.set(value, offset);
      offset += value.length;
      return { kind, key, sizeBytes: value.length, expected, lazy };
    });
    this.connection.send(
      "write",
      { writes, values },
      { done: (answer) => this.done(batch, answer), failed: (error) => this.failed(batch, error) },
    );
  }

  private done(batch: readonly Queued[], answer: Answer<"write">): void {
    this.onBatch(
      batch.map(({ write }) => write),
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
    let bytes = 0;
    const end = this.queue.findIndex(({ write }, at) => {
      bytes += write.value.length;
      return at > 0 && (at >= batchWritesMax || bytes > batchBytesMax);
    });
    return this.queue.splice(0, end === -1 ? this.queue.length : end);
  }
}
