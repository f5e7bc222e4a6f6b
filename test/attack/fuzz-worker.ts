/** A thread that tries hostile inputs, so that one that never ends ends only this thread. */
import { parentPort, workerData } from "node:worker_threads";
import { must } from "#base/assert.ts";
import { decoderTargets } from "./decoders.ts";
import { cpuMsMax, measured, type Finding, type Outcome, type Tally } from "./fuzzing.ts";
import { kindTargets } from "./kinds.ts";

export interface FuzzOrder {
  readonly part: "decoders" | "kinds";
  readonly seed: string;
  readonly seconds: number;
  /** Seeds that found something once: tried first. */
  readonly kept: readonly (readonly [target: string, seed: string])[];
  /** The target it is at, the input there, and how many there were in all: the watcher sees that it goes on. */
  readonly progress: Int32Array;
}

export type FuzzNews =
  | { readonly kind: "targets"; readonly names: readonly string[] }
  | { readonly kind: "finding"; readonly finding: Finding }
  | { readonly kind: "tally"; readonly tally: Tally };

interface Target {
  readonly name: string;
  readonly attempt: (seed: string) => Promise<Outcome>;
}

// One attempt at a kind is a conversation of twenty requests.
const requestsOfAttempt = 4;
// A fault is usually found by many inputs; the first ones are enough to find its cause.
const findingsOfTargetMax = 5;
const inputsMin = 20;

// Holds because only fuzz.ts starts this thread.
const order = workerData as FuzzOrder;
const port = must(parentPort, "this is a thread");

function tell(news: FuzzNews): void {
  port.postMessage(news);
}

async function fuzz(target: Target, at: number, untilMs: number): Promise<void> {
  const tally: Tally = { target: target.name, taken: 0, refused: 0, slowestMs: 0 };
  const limitMs = order.part === "kinds" ? cpuMsMax * requestsOfAttempt : cpuMsMax;
  let found = 0;
  const attempt = async (seed: string): Promise<void> => {
    Atomics.add(order.progress, 2, 1);
    let outcome: Outcome = "taken";
    const tookMs = await measured(async () => (outcome = await target.attempt(seed)), limitMs);
    tally.slowestMs = Math.max(tally.slowestMs, tookMs);
    const wrong = wrongIn(outcome) ?? (tookMs > limitMs ? `took ${tookMs.toFixed(0)} ms of CPU` : undefined);
    if (outcome === "taken") tally.taken += 1;
    else if (outcome === "refused") tally.refused += 1;
    if (wrong === undefined) return;
    found += 1;
    if (found <= findingsOfTargetMax) tell({ kind: "finding", finding: { target: target.name, seed, what: wrong } });
  };
  Atomics.store(order.progress, 0, at);
  for (const [name, seed] of order.kept) if (name === target.name) await attempt(seed);
  for (let count = 0; count < inputsMin || performance.now() < untilMs; count += 1) {
    Atomics.store(order.progress, 1, count);
    await attempt(`${order.seed}.${target.name}.${count}`);
  }
  tell({ kind: "tally", tally });
}

function wrongIn(outcome: Outcome): string | undefined {
  return typeof outcome === "object" ? outcome.wrong : undefined;
}

const ending = new AbortController();
const targets = await (order.part === "kinds" ? kindTargets(ending.signal) : decoderTargets(ending.signal));
tell({ kind: "targets", names: targets.map(({ name }) => name) });
const endMs = performance.now() + order.seconds * 1_000;
// Who comes late has its share of what is left, however long another one took.
for (const [at, target] of targets.entries())
  await fuzz(target, at, performance.now() + (endMs - performance.now()) / (targets.length - at));
ending.abort();
port.close();
