/** What processes hold, and what they do while nobody asks anything of them. */
import { setTimeout as sleep } from "node:timers/promises";
import { figuresOf, type ProcessFigures } from "./machine.ts";

export interface Held {
  readonly rssBytes: number;
  readonly pssBytes: number;
  readonly dirtyBytes: number;
}

export interface Idle {
  /** Of one core. */
  readonly cpuShare: number;
  readonly writtenBytesPerSecond: number;
}

export function held(processes: readonly ProcessFigures[]): Held {
  return {
    rssBytes: processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    pssBytes: processes.reduce((sum, { pssBytes }) => sum + pssBytes, 0),
    dirtyBytes: processes.reduce((sum, { dirtyBytes }) => sum + dirtyBytes, 0),
  };
}

/** Per process, so that a sum can be taken of any of them. A process that comes or goes meanwhile does not count. */
export async function watchIdle(pids: readonly number[], seconds: number): Promise<ReadonlyMap<number, Idle>> {
  const before = figuresOf(pids);
  const startMs = performance.now();
  await sleep(seconds * 1_000);
  const tookMs = performance.now() - startMs;
  const after = new Map(figuresOf(pids).map((figures) => [figures.pid, figures]));
  return new Map(
    before.flatMap((first) => {
      const last = after.get(first.pid);
      if (!last) return [];
      const idle = {
        cpuShare: (last.cpuMs - first.cpuMs) / tookMs,
        writtenBytesPerSecond: ((last.writtenBytes - first.writtenBytes) * 1_000) / tookMs,
      };
      return [[first.pid, idle] as const];
    }),
  );
}

export function idleSum(idle: Iterable<Idle>): Idle {
  let cpuShare = 0;
  let writtenBytesPerSecond = 0;
  for (const one of idle) {
    cpuShare += one.cpuShare;
    writtenBytesPerSecond += one.writtenBytesPerSecond;
  }
  return { cpuShare, writtenBytesPerSecond };
}
