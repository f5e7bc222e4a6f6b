/** An attack on a running server, and what it does to others: its memory, another user's longest wait, whether it lives. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { messageOf } from "#base/assert.ts";
import type { Target } from "../bench/h2-client.ts";
import type { Asking } from "./bystander.ts";
import type { Row } from "./report.ts";
import { stallsShown, type Stalls } from "./stalls.ts";

/** What is attacked. */
export interface Attacked {
  /** As an administrator. */
  readonly target: Target;
  readonly pid: number;
  readonly isRunning: () => boolean;
  readonly stalls: Stalls;
}

export interface AttackOutcome {
  readonly outcome: string;
  /** True when something was got that must not be. */
  readonly broken: boolean;
}

/** A stall is printed, whatever its length; one like this is a server that stopped. Memory is measured against the start. */
const limits = { stoppedMs: 5_000, grownMegabytes: 500, attackMs: 90_000 } as const;
const settleMs = 500;

export function memoryMegabytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // The process is gone, which is told as what it is.
  }
}

/** Runs an attack while a bystander asks for one object over and over. */
export async function observed(
  attacked: Attacked,
  row: Pick<Row, "name" | "promised">,
  attack: () => Promise<AttackOutcome>,
): Promise<Row> {
  const { pid, isRunning, target, stalls } = attacked;
  const before = memoryMegabytes(pid);
  const asking: Asking = { target, pid };
  const worker = new Worker(new URL("bystander.ts", import.meta.url), { workerData: asking });
  let [longestMs, most] = [0, before];
  let lost = "";
  worker.on("error", (error) => (lost = messageOf(error)));
  worker.on("message", ({ tookMs, megabytes }: { readonly tookMs: number; readonly megabytes: number }) => {
    longestMs = Math.max(longestMs, tookMs);
    most = Math.max(most, megabytes);
  });
  await Promise.race([once(worker, "message"), once(worker, "exit")]);
  longestMs = 0;
  const place = stalls.place();
  const late = AbortSignal.timeout(limits.attackMs);
  const found = await Promise.race([
    attack().catch((error: unknown) => ({ outcome: `could not be played: ${messageOf(error)}`, broken: true })),
    once(late, "abort").then(() => ({ outcome: `not done after ${limits.attackMs / 1_000} s`, broken: true })),
  ]);
  await sleep(settleMs);
  await worker.terminate();
  const after = memoryMegabytes(pid);
  const faults = [
    ...(isRunning() ? [] : ["the server ended"]),
    ...(lost === "" ? [] : [`a bystander was not served: ${lost}`]),
    ...(longestMs > limits.stoppedMs ? ["the server stopped"] : []),
    ...(most - before > limits.grownMegabytes ? [`took more than ${limits.grownMegabytes} MB`] : []),
  ];
  return {
    ...row,
    outcome: [found.outcome, ...faults].join("; "),
    broken: found.broken || faults.length > 0,
    memory: { before, most, after },
    longestMs,
    stalls: stallsShown(stalls.since(place)),
  };
}
