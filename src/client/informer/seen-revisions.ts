/** Who waits until a cache has seen a revision. */
import { abortReason } from "#base/clock.ts";

interface Waiter {
  readonly revision: bigint;
  readonly resolve: () => void;
}

export class SeenRevisions {
  private seen = 0n;
  private waiters: Waiter[] = [];

  /** Resolves once anything was seen. */
  first(signal: AbortSignal): Promise<void> {
    return this.wait(1n, signal);
  }

  /** Resolves once this revision or a later one was seen. Rejects with the signal's reason. */
  atLeast(resourceVersion: string, signal: AbortSignal): Promise<void> {
    return this.wait(revisionOf(resourceVersion), signal);
  }

  /** What was seen was another history, which a backup that was restored has put an end to. */
  beginAnew(): void {
    this.seen = 0n;
  }

  reach(resourceVersion: string): void {
    const revision = revisionOf(resourceVersion);
    if (revision <= this.seen) return;
    this.seen = revision;
    if (this.waiters.length === 0) return;
    const due = this.waiters.filter((waiter) => waiter.revision <= revision);
    this.waiters = this.waiters.filter((waiter) => waiter.revision > revision);
    for (const waiter of due) waiter.resolve();
  }

  private wait(revision: bigint, signal: AbortSignal): Promise<void> {
    if (revision <= this.seen) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(abortReason(signal));
        return;
      }
      const onAbort = (): void => {
        this.waiters = this.waiters.filter((other) => other !== waiter);
        reject(abortReason(signal));
      };
      const done = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const waiter: Waiter = { revision, resolve: done };
      this.waiters.push(waiter);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}

/** Versions are numbers in this API; anything else counts as none. */
function revisionOf(resourceVersion: string): bigint {
  return /^\d+$/.test(resourceVersion) ? BigInt(resourceVersion) : 0n;
}
