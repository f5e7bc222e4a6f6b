/**
 * Loaded into the attacked server before its own first line: how long its event loop did not turn, and how much of that
 * was its own work. A timer of a few milliseconds looks; a stall is written into a file, one line each, and read by
 * stalls.ts. The product has no such timer: it would wake an idle machine.
 */
import { appendFileSync } from "node:fs";
import { PerformanceObserver, performance } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

export interface Stall {
  /** By the clock that profiles of the engine go by. */
  readonly startMs: number;
  readonly wallMs: number;
  /** Of the processor, for this thread alone: the rest was other processes, or a wait for the disk. */
  readonly cpuMs: number;
  /** Of these, collecting garbage. */
  readonly gcMs: number;
}

const everyMs = 5;
const stallMsMin = 10;
// The engine tells of a collection some turns after it.
const heldMs = 100;

interface Collection {
  readonly startTime: number;
  readonly duration: number;
}

/** How much of a stall these took. */
function within({ startMs, wallMs }: Stall, collections: readonly Collection[]): number {
  const endMs = startMs + wallMs;
  return collections.reduce(
    (sum, { startTime, duration }) =>
      sum + Math.max(0, Math.min(endMs, startTime + duration) - Math.max(startMs, startTime)),
    0,
  );
}

function gauge(file: string): void {
  let collections: readonly Collection[] = [];
  let held: readonly Stall[] = [];
  const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  new PerformanceObserver((list) => (collections = [...collections, ...list.getEntries()])).observe({ type: "gc" });
  let lastMs = performance.now();
  let lastCpu = process.threadCpuUsage();
  const look = (): void => {
    const nowMs = performance.now();
    const wallMs = nowMs - lastMs - everyMs;
    const { user, system } = process.threadCpuUsage(lastCpu);
    if (wallMs >= stallMsMin)
      held = [...held, { startMs: lastMs, wallMs: nowMs - lastMs, cpuMs: (user + system) / 1_000, gcMs: 0 }];
    const old = held.filter((stall) => stall.startMs + stall.wallMs + heldMs < nowMs);
    if (old.length > 0) {
      const lines = old.map(
        (stall) =>
          `${JSON.stringify({ ...stall, startMs: stall.startMs + originMs, gcMs: within(stall, collections) })}\n`,
      );
      appendFileSync(file, lines.join(""));
      held = held.filter((stall) => !old.includes(stall));
    }
    if (held.length === 0 && collections.length > 0)
      collections = collections.filter(({ startTime }) => startTime > nowMs - heldMs);
    lastMs = performance.now();
    lastCpu = process.threadCpuUsage();
    setTimeout(look, everyMs).unref();
  };
  setTimeout(look, everyMs).unref();
}

const { ATTACK_STALLS: file } = process.env;
if (isMainThread && file !== undefined) {
  // What the server starts is not looked at.
  delete process.env["NODE_OPTIONS"];
  delete process.env["ATTACK_STALLS"];
  gauge(file);
}
