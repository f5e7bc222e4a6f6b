/** The store's end of the line to its storage thread. */
import { Worker } from "node:worker_threads";
import { StoreUnavailableError } from "../store.ts";
import type { Answer, Ask, Opening, QuestionKind, Reply, ThreadOptions } from "./protocol.ts";

/** What the thread's JavaScript may hold; pages and values are outside of it and bounded by themselves. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64, stackSizeMb: 1 };

interface Waiting {
  readonly done: (answer: unknown) => void;
  readonly failed: (error: Error) => void;
}

export class Connection {
  private readonly thread: Worker;
  private waiting: Waiting[] = [];
  private over: StoreUnavailableError | undefined;

  private constructor(thread: Worker) {
    this.thread = thread;
  }

  /** Starts the thread, which opens the database. @throws StoreUnavailableError */
  static async open(
    options: ThreadOptions,
  ): Promise<{ connection: Connection; opening: Exclude<Opening, { failure: string }> }> {
    const thread = new Worker(new URL("thread.ts", import.meta.url), {
      workerData: options,
      resourceLimits,
      name: "storage",
    });
    const connection = new Connection(thread);
    const opening = await new Promise<Opening>((resolve, reject) => {
      thread.once("message", resolve);
      thread.once("error", reject);
    });
    thread.removeAllListeners("error");
    if ("failure" in opening) {
      await thread.terminate();
      throw new StoreUnavailableError(opening.failure);
    }
    thread.on("message", (reply: Reply) => connection.take(reply));
    thread.on("error", (error) => connection.end(`the storage thread failed: ${String(error)}`));
    thread.on("exit", () => connection.end("expected an open store, found it closed"));
    return { connection, opening };
  }

  ask<K extends QuestionKind>(kind: K, ask: Ask<K>): Promise<Answer<K>> {
    return new Promise((done, failed) => this.send(kind, ask, { done, failed }));
  }

  /** Like `ask`, but `done` is called before anything that comes later is looked at. */
  send<K extends QuestionKind>(
    kind: K,
    ask: Ask<K>,
    waiting: { readonly done: (answer: Answer<K>) => void; readonly failed: (error: Error) => void },
  ): void {
    if (this.over) {
      waiting.failed(this.over);
      return;
    }
    // Holds since the thread answers each question with the answer of its kind, in order.
    this.waiting.push(waiting as Waiting);
    const moved = kind === "write" ? [(ask as Ask<"write">).values.buffer] : [];
    this.thread.postMessage({ kind, ask }, moved);
  }

  async close(): Promise<void> {
    const exited = new Promise<void>((resolve) => this.thread.once("exit", () => resolve()));
    await this.ask("close", undefined);
    await exited;
  }

  private take(reply: Reply): void {
    const waiting = this.waiting.shift();
    if ("failure" in reply) waiting?.failed(new StoreUnavailableError(reply.failure));
    else waiting?.done(reply.answer);
  }

  private end(why: string): void {
    this.over ??= new StoreUnavailableError(why);
    for (const { failed } of this.waiting.splice(0)) failed(this.over);
  }
}
