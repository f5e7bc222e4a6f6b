/**
 * Gives back what a wave of work left: V8 keeps the room of its garbage for the next wave, which on a quiet cluster is hours
 * away. So does a start, which is the largest wave that many clusters see.
 */
import { getHeapStatistics } from "node:v8";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";

const lookMs = 15_000;
/** Of one core, since the last look; an idle cluster takes a tenth of it. */
const quietShare = 0.03;
/** Less room than that more than after the last collection is not worth one. */
const growthBytesMin = 6 * 1_048_576;
/** A collection stops everything for as long as what is alive takes, 100 ms at 20 MB: larger heaps are left to V8. */
const aliveBytesMax = 64 * 1_048_576;

/** What is looked at and acted on: this thread's own. */
export interface OwnMemory {
  /** CPU that the process has used since it began. */
  readonly cpuMs: () => number;
  /** What V8 has taken from the machine, and what of it is in use or garbage. */
  readonly heap: () => { readonly takenBytes: number; readonly usedBytes: number };
  readonly collect: () => void;
}

/** Undefined where Node was not started with --expose-gc, as the launcher does. */
export function ownMemory(): OwnMemory | undefined {
  // Holds since V8 puts it there: https://github.com/v8/v8/blob/main/src/extensions/gc-extension.cc
  const { gc } = globalThis as { readonly gc?: (options: Readonly<Record<string, string>>) => void };
  if (!gc) return undefined;
  return {
    cpuMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000;
    },
    heap: () => {
      const { total_heap_size: takenBytes, used_heap_size: usedBytes } = getHeapStatistics();
      return { takenBytes, usedBytes };
    },
    // The one flavor that gives pages back at once.
    collect: () => gc({ type: "major", execution: "sync", flavor: "last-resort" }),
  };
}

export function idleMemory(own: OwnMemory, { clock, log }: { readonly clock: Clock; readonly log: Log }): Component {
  return {
    name: "idle-memory",
    run: async (signal) => {
      let keptBytes = 0;
      for (let cpuMs = own.cpuMs(); ;) {
        await clock.sleep(lookMs, signal);
        const share = (own.cpuMs() - cpuMs) / lookMs;
        cpuMs = own.cpuMs();
        const { takenBytes, usedBytes } = own.heap();
        if (share > quietShare || takenBytes < keptBytes + growthBytesMin || usedBytes > aliveBytesMax) continue;
        own.collect();
        keptBytes = own.heap().takenBytes;
        // What the collection took is no work of the cluster's.
        cpuMs = own.cpuMs();
        log.debug("garbage given back", { bytes: takenBytes - keptBytes, kept: keptBytes });
      }
    },
  };
}
