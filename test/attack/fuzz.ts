/** Runs the fuzzers in a thread with little memory, watches that each input comes to an end, and makes rows of it. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setInterval } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { messageOf } from "#base/assert.ts";
import { cpuMsMax, type Finding, type Tally } from "./fuzzing.ts";
import type { FuzzNews, FuzzOrder } from "./fuzz-worker.ts";
import type { Row } from "./report.ts";

// Garbage that inputs leave is much less; what grows with their number is a leak.
const heapMegabytesMax = 768;
const stuckMs = 20_000;

const promised = `read, or refused in a sentence, within ${cpuMsMax} ms of CPU`;

/** @param options.budgetSeconds What all targets of the part have together. */
export async function fuzz(
  part: FuzzOrder["part"],
  options: { readonly seed: string; readonly budgetSeconds: number },
): Promise<readonly Row[]> {
  const progress = new Int32Array(new SharedArrayBuffer(12));
  const order: FuzzOrder = {
    part,
    seed: options.seed,
    seconds: options.budgetSeconds,
    kept: keptSeeds(part),
    progress,
  };
  const tallies: Tally[] = [];
  const findings: Finding[] = [];
  let names: readonly string[] = [];
  const worker = new Worker(new URL("fuzz-worker.ts", import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax },
  });
  worker.on("message", (news: FuzzNews) => {
    if (news.kind === "targets") names = news.names;
    else if (news.kind === "tally") tallies.push(news.tally);
    else findings.push(news.finding);
  });
  let died: string | undefined;
  worker.on("error", (error) => (died = messageOf(error)));
  const watching = new AbortController();
  const stuck = watch(progress, watching.signal);
  const ended = await Promise.race([once(worker, "exit").then(() => "ended" as const), stuck]);
  watching.abort();
  const at = names[progress[0] ?? 0] ?? "the start";
  const seed = `${options.seed}.${at}.${progress[1] ?? 0}`;
  if (ended === "stuck") {
    await worker.terminate();
    findings.push({ target: at, seed, what: `did not end within ${stuckMs / 1_000} s` });
  } else if (died !== undefined) findings.push({ target: at, seed, what: `ended the thread: ${died}` });
  return rowsOf(part, tallies, findings);
}

/** Resolves when the same input takes too long. */
async function watch(progress: Int32Array, signal: AbortSignal): Promise<"stuck" | "over"> {
  let seen = -1;
  let sinceMs = performance.now();
  try {
    for await (const _ of setInterval(500, undefined, { signal })) {
      const now = Atomics.load(progress, 2);
      if (now !== seen) sinceMs = performance.now();
      else if (now > 0 && performance.now() - sinceMs > stuckMs) return "stuck";
      seen = now;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return "over";
}

function rowsOf(part: FuzzOrder["part"], tallies: readonly Tally[], findings: readonly Finding[]): readonly Row[] {
  const broken = findings.map(({ target, seed, what }): Row => ({
    name: `${part}: ${target}`,
    promised,
    outcome: `${what} (seed "${seed}")`,
    broken: true,
  }));
  if (part === "kinds") return [...broken, rowOf(`${part}: ${tallies.length} of them`, summed(tallies))];
  return [...broken, ...tallies.map((tally) => rowOf(`${part}: ${tally.target}`, tally))];
}

function rowOf(name: string, { taken, refused, slowestMs }: Omit<Tally, "target">): Row {
  const outcome = `${taken} read, ${refused} refused, the slowest within ${slowestMs.toFixed(0)} ms`;
  return { name, promised, outcome, broken: false };
}

function summed(tallies: readonly Tally[]): Omit<Tally, "target"> {
  const sum = (count: (tally: Tally) => number): number => tallies.reduce((all, tally) => all + count(tally), 0);
  return {
    taken: sum(({ taken }) => taken),
    refused: sum(({ refused }) => refused),
    slowestMs: Math.max(...tallies.map(({ slowestMs }) => slowestMs)),
  };
}

/** Lines of seeds.txt: part, target and seed, with tabs between. */
function keptSeeds(part: string): readonly (readonly [string, string])[] {
  return readFileSync(join(import.meta.dirname, "seeds.txt"), "utf8")
    .split("\n")
    .map((line) => line.split("\t"))
    .flatMap(([of, target, seed]) => (of === part && target && seed ? [[target, seed] as const] : []));
}
