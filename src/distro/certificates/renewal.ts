/** Certificates that are replaced while they are in use: who holds them, who is told, and when it is looked. */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";

/** A value that others read each time they use it, or are told of when it is replaced. */
export interface Renewed<T> {
  readonly now: T;
  /** Calls `handler` with each new value until the signal is aborted. */
  onChange(handler: (now: T) => void, signal: AbortSignal): void;
}

export class Renewable<T> implements Renewed<T> {
  private value: T;
  private readonly log: Log;
  private readonly handlers = new Set<(now: T) => void>();

  constructor(first: T, log: Log) {
    this.value = first;
    this.log = log;
  }

  get now(): T {
    return this.value;
  }

  onChange(handler: (now: T) => void, signal: AbortSignal): void {
    this.handlers.add(handler);
    signal.addEventListener("abort", () => this.handlers.delete(handler), { once: true });
  }

  replace(value: T): void {
    this.value = value;
    for (const handler of this.handlers)
      try {
        handler(value);
      } catch (error) {
        // One user that cannot take it must not keep it from the others.
        this.log.error("a renewed certificate was not taken", { error: messageOf(error) });
      }
  }
}

/** How long a certificate may be due for renewal before it is seen. */
const lookEveryMs = 3_600_000;
const wakeEveryMs = 60_000;

/**
 * Looks again every hour, by either clock: the monotonic one stands still while a machine sleeps, and the wall clock may
 * be put forward to where certificates have ended. A look that fails is repeated a minute later.
 */
export function renewal(
  name: string,
  look: (signal: AbortSignal) => void | Promise<void>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Component {
  return {
    name,
    run: async (signal) => {
      // Who starts this has just looked.
      let [wallMs, monotonicMs] = [clock.nowMs(), clock.monotonicMs()];
      while (!signal.aborted) {
        await clock.sleep(wakeEveryMs, signal);
        if (clock.monotonicMs() - monotonicMs < lookEveryMs && Math.abs(clock.nowMs() - wallMs) < lookEveryMs) continue;
        try {
          await look(signal);
          [wallMs, monotonicMs] = [clock.nowMs(), clock.monotonicMs()];
        } catch (error) {
          if (!signal.aborted) log.error("certificates could not be renewed", { error: messageOf(error) });
        }
      }
    },
  };
}
