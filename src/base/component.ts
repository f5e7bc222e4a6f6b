/** The life of a part of kedge: it runs until its signal is aborted, and a supervisor starts it anew when it fails. */
import { AsyncLocalStorage } from "node:async_hooks";
import { messageOf } from "./assert.ts";
import { Backoff } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";

export interface Component {
  /** For logs and health; unique within its process. */
  readonly name: string;
  /**
   * Works until `signal` is aborted, then releases everything and returns. Returning or throwing earlier is a failure;
   * may be called again after it.
   */
  run(signal: AbortSignal): Promise<void>;
}

/** One run of a component, and whatever it began: timers, handlers and promises carry it with them. */
interface Run {
  readonly component: string;
  /** Aborted when something of this run threw where nobody catches it. */
  readonly broken: AbortController;
}

const current = new AsyncLocalStorage<Run>();

// A run that is told to end and does not is given up after this time, so that its component comes back.
const releaseMs = 10_000;

/**
 * Finds whose run it is that threw where nobody catches it, in a timer or an event, and ends that run; its supervisor
 * starts the component anew. To be called from the process' handler of such errors.
 *
 * @returns The component's name; undefined when it was none's.
 */
export function blame(error: unknown): string | undefined {
  const run = current.getStore();
  run?.broken.abort(error instanceof Error ? error : new Error(String(error)));
  return run?.component;
}

/** Runs `component` until the signal is aborted, with growing pauses between failures. Never throws. */
export async function supervise(
  component: Component,
  parts: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff({ firstMs: 100, maxMs: 30_000, resetAfterMs: 60_000, clock: parts.clock });
  while (!signal.aborted) {
    try {
      await runOnce(component, parts.clock, signal);
      if (signal.aborted) return;
      parts.log.error("component ended before it was told to", { component: component.name });
    } catch (error) {
      if (signal.aborted) return;
      parts.log.error("component failed", { component: component.name, error: messageOf(error) });
    }
    // The only way this sleep rejects is the abort, which ends the loop.
    await parts.clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
  }
}

async function runOnce(component: Component, clock: Clock, signal: AbortSignal): Promise<void> {
  const broken = new AbortController();
  // However a run ends, what it began ends with it: handlers, timers and watches of a run that failed stay in nobody's way.
  const over = new AbortController();
  const until = AbortSignal.any([signal, broken.signal, over.signal]);
  const run = current.run({ component: component.name, broken }, () => component.run(until));
  // Whichever comes second is not waited for any more.
  run.catch(() => undefined);
  const givenUp = new Promise<void>((_, reject) => {
    const giveUp = (): void =>
      void clock.sleep(releaseMs, over.signal).then(
        () => reject(new Error(`it did not end within ${releaseMs / 1000} s`, { cause: broken.signal.reason })),
        () => undefined,
      );
    broken.signal.addEventListener("abort", giveUp, { once: true });
  });
  try {
    await Promise.race([run, givenUp]);
  } catch (error) {
    throw broken.signal.aborted ? broken.signal.reason : error;
  } finally {
    over.abort(new Error("the run is over"));
  }
  // Told to end by what was thrown, it ended as it should.
  if (broken.signal.aborted) throw broken.signal.reason;
}
