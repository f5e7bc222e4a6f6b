/**
 * The store's end of the line to its storage thread. A thread that dies is started anew, a few times: what was on its
 * way is answered with a failure, since nobody knows whether it happened.
 */
import { Worker } from "node:worker_threads";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { StoreUnavailableError } from "../store.ts";
import type { Answer, Ask, Opening, QuestionKind, Reply, ThreadOptions } from "./protocol.ts";

/** What the thread's JavaScript may hold; pages and values are outside of it and bounded by themselves. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64, stackSizeMb: 1 };
/** So often within that time: something that comes back at once will come back for ever. */
const restartsMax = 5;
const restartsWithinMs = 600_000;
const restartFirstMs = 50;

export type Opened = Exclude<Opening, { failure: string }>;

export interface ConnectionHooks {
  readonly clock: Clock;
  readonly log: Log;
  /** Called with the state of the log after a restart, before anybody else may ask. */
  readonly reopened: (opening: Opened, ask: Connection["ask"]) => Promise<void>;
  /** Called once when the file's structure does not hold: what can be read is, and nothing more is written. */
  readonly damaged: (why: StoreUnavailableError) => void;
  /** The store is of no use any more, for the rest of the process. */
  readonly broken: (why: StoreUnavailableError) => void;
}

interface Waiting {
  readonly done: (answer: unknown) => void;
  readonly failed: (error: Error) => void;
}

export class Connection {
  private readonly options: ThreadOptions;
  private readonly hooks: ConnectionHooks;
  private thread: Worker;
  private waiting: Waiting[] = [];
  // Why nothing can be asked: between two threads, or for good.
  private closed: StoreUnavailableError | undefined;
  private closing = false;
  private damaged = false;
  private restartsAtMs: number[] = [];

  private constructor(options: ThreadOptions, hooks: ConnectionHooks, thread: Worker) {
    this.options = options;
    this.hooks = hooks;
    this.thread = thread;
  }

  /** Starts the thread, which opens the database. @throws StoreUnavailableError */
  static async open(
    options: ThreadOptions,
    hooks: ConnectionHooks,
  ): Promise<{ connection: Connection; opening: Opened }> {
    const { thread, opening } = await startThread(options);
    const connection = new Connection(options, hooks, thread);
    connection.listen(thread);
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
    if (this.closed) waiting.failed(this.closed);
    else this.post(kind, ask, waiting);
  }

  async close(): Promise<void> {
    this.closing = true;
    const { thread } = this;
    if (this.closed) {
      await thread.terminate();
      return;
    }
    const exited = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
    await this.ask("close", undefined);
    await exited;
  }

  private post<K extends QuestionKind>(
    kind: K,
    ask: Ask<K>,
    waiting: { readonly done: (answer: Answer<K>) => void; readonly failed: (error: Error) => void },
  ): void {
    // Holds since the thread answers each question with the answer of its kind, in order.
    this.waiting.push(waiting as Waiting);
    const moved = kind === "write" ? [(ask as Ask<"write">).buffer] : [];
    this.thread.postMessage({ kind, ask }, moved);
  }

  private listen(thread: Worker): void {
    let why = "it ended without a word";
    thread.on("message", (reply: Reply) => {
      const waiting = this.waiting.shift();
      if ("failure" in reply) {
        const error = new StoreUnavailableError(reply.failure);
        waiting?.failed(error);
        if (reply.damaged) this.foundDamage(error);
      } else waiting?.done(reply.answer);
    });
    thread.on("error", (error) => (why = messageOf(error)));
    thread.on("exit", () => this.ended(why));
  }

  private foundDamage(error: StoreUnavailableError): void {
    if (this.damaged) return;
    this.damaged = true;
    this.hooks.damaged(error);
  }

  private ended(why: string): void {
    if (this.closing) {
      this.refuseAll(new StoreUnavailableError("expected an open store, found it closed"));
      return;
    }
    this.hooks.log.error("the storage thread failed", { error: why });
    this.refuseAll(
      new StoreUnavailableError(
        `expected the storage thread to answer, found that it failed (${why}): what was on its way may have happened or not; look before you try again`,
      ),
    );
    void this.restart(why);
  }

  private refuseAll(error: StoreUnavailableError): void {
    this.closed = error;
    for (const { failed } of this.waiting.splice(0)) failed(error);
  }

  private async restart(why: string): Promise<void> {
    const { clock } = this.hooks;
    const nowMs = clock.monotonicMs();
    this.restartsAtMs = [...this.restartsAtMs.filter((atMs) => nowMs - atMs < restartsWithinMs), nowMs];
    const { length: restarts } = this.restartsAtMs;
    if (restarts > restartsMax) {
      this.breakDown(
        `expected the storage thread to work, found that it failed ${restarts} times within ${restartsWithinMs / 60_000} minutes (${why})`,
      );
      return;
    }
    await new Promise<void>((resolve) => clock.after(restartFirstMs * 2 ** (restarts - 1), resolve));
    try {
      const { thread, opening } = await startThread(this.options);
      this.thread = thread;
      if (this.closing) {
        await thread.terminate();
        return;
      }
      this.listen(thread);
      await this.hooks.reopened(
        opening,
        (kind, ask) => new Promise((done, failed) => this.post(kind, ask, { done, failed })),
      );
      this.closed = undefined;
      this.hooks.log.info("the storage thread works again", { restarts });
    } catch (error) {
      this.breakDown(`expected the storage thread to start again, found: ${messageOf(error)}`);
    }
  }

  private breakDown(why: string): void {
    const error = new StoreUnavailableError(why);
    this.refuseAll(error);
    this.hooks.broken(error);
  }
}

async function startThread(options: ThreadOptions): Promise<{ thread: Worker; opening: Opened }> {
  const thread = new Worker(new URL("thread.ts", import.meta.url), {
    workerData: options,
    resourceLimits,
    name: "storage",
  });
  const opening = await new Promise<Opening>((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", reject);
    thread.once("exit", () =>
      reject(new StoreUnavailableError("expected the storage thread to start, found it ended")),
    );
  });
  for (const event of ["message", "error", "exit"]) thread.removeAllListeners(event);
  if ("failure" in opening) {
    await thread.terminate();
    throw new StoreUnavailableError(opening.failure);
  }
  return { thread, opening };
}
