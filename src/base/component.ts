/** The life of a part of kedge: it runs until its signal is aborted, and a supervisor starts it anew when it fails. */
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

/** Runs `component` until the signal is aborted, with growing pauses between failures. Never throws. */
export async function supervise(
  component: Component,
  parts: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff({ firstMs: 100, maxMs: 30_000, resetAfterMs: 60_000, clock: parts.clock });
  while (!signal.aborted) {
    try {
      await component.run(signal);
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
