/**
 * The storage thread: owns the database, answers one question after another. It is a thread of its own because SQLite
 * and fsync block, and one alone because a single writer needs no locks.
 */
import { parentPort, workerData } from "node:worker_threads";
import { must } from "#base/assert.ts";
import { forgetProto } from "#base/own.ts";
import type { Revision, StoreUnavailableError } from "../store.ts";
import { encodeDecisions } from "./batch-format.ts";
import { Compaction } from "./compaction.ts";
import { Counters } from "./counters.ts";
import { markPathOf, openDatabase } from "./database.ts";
import { isDamage, refusalOf } from "./failures.ts";
import { HighWater } from "./high-water.ts";
import { indexOf } from "./indexing.ts";
import { LogTable, type Row } from "./log-table.ts";
import type { Answer, Ask, Opening, Question, QuestionKind, Reply, ThreadOptions } from "./protocol.ts";
import { Reads } from "./reads.ts";
import { Writer } from "./writer.ts";

forgetProto();
const port = must(parentPort, "this file runs as a worker thread");
// Holds since connection.ts starts this thread with it.
const { path, sweepRevisionsMin, renewed } = workerData as ThreadOptions;

type Answers = { readonly [K in QuestionKind]: (ask: Ask<K>) => Answer<K> };

/** Why writes are refused for good: the file is damaged, and writing on could make it worse. */
let damage: StoreUnavailableError | undefined;

function checkSound(): void {
  if (damage) throw damage;
}

function open(): Answers & { readonly idle: () => void; readonly opening: Opening } {
  const database = openDatabase(path);
  const counters = new Counters(database);
  const table = new LogTable(database);
  const { highWater, mark } = HighWater.open(markPathOf(path));
  const index = indexOf(table);
  const waiting = new Map<Revision, Row>();
  const reads = new Reads({ index, table, waiting, compacted: () => counters.get("compacted") });
  const writer = new Writer({ database, table, index, reads, waiting, counters, highWater, mark });
  writer.renew(renewed);
  const compaction = new Compaction({ database, index, counters, writer, sweepRevisionsMin });
  return {
    opening: { revision: writer.revision, compactedRevision: counters.get("compacted") },
    idle: () => writer.checkpoint(),
    write: (batch) => {
      checkSound();
      const { decisions, ...answer } = writer.write(batch);
      return { ...answer, decisions: encodeDecisions(decisions) };
    },
    commit: () => {
      checkSound();
      writer.commitAll();
    },
    get: (key) => reads.get(key),
    range: (step) => reads.range(step, writer.revision),
    count: (step) => reads.count(step),
    history: (step) => reads.history(step, { newest: writer.revision, durable: writer.durableRevision }),
    compact: (target) => {
      checkSound();
      const more = compaction.step(target);
      // The file only becomes shorter by a checkpoint.
      if (!more) writer.checkpoint(1);
      return { more };
    },
    size: () => writer.size(path),
    close: () => {
      try {
        if (!damage) writer.finish();
      } finally {
        database.close();
        highWater.close();
      }
    },
  };
}

/** Errors of SQLite become a sentence; anything else is a bug and ends the thread. */
function failureOf(error: unknown): string {
  const refusal = refusalOf(error, path);
  if (!refusal) throw error;
  if (isDamage(error)) damage ??= refusal;
  return refusal.message;
}

function reply(message: Reply | Opening): void {
  port.postMessage(message);
}

function serve(answers: ReturnType<typeof open>): void {
  port.on("message", (question: Question) => {
    // Holds since protocol.ts types both ends: the question's kind names the handler of its ask.
    const answer = answers[question.kind] as (ask: unknown) => unknown;
    try {
      reply({ answer: answer(question.ask) });
    } catch (error) {
      reply({ failure: failureOf(error), damaged: isDamage(error) });
    }
    if (question.kind === "close") {
      port.close();
      return;
    }
    try {
      answers.idle();
    } catch (error) {
      // What the checkpoint could not copy, the WAL still holds; the next one tries again.
      failureOf(error);
    }
  });
}

try {
  const answers = open();
  reply(answers.opening);
  serve(answers);
} catch (error) {
  reply({ failure: failureOf(error), damaged: isDamage(error) });
}
