/** Whether the store takes writes: a full disk still answers reads. Asked by /readyz alone, by those that poll it. */
import type { Clock } from "#base/clock.ts";
import { utf8 } from "#base/bytes.ts";
import { absent, type Revision, type Store } from "#storage/store.ts";

/** One try a while, however many ask. */
export const probeEveryMs = 10_000;

const key = "/kedge/health/write-probe";

export class WriteProbe {
  private readonly store: Store;
  private readonly clock: Clock;
  private tried: { readonly atMs: number; readonly outcome: Promise<void> } | undefined;
  // Of the probe's entry, when it is known.
  private revision: Revision | undefined;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** @throws StoreUnavailableError that says what to do. */
  check(): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    if (!this.tried || nowMs - this.tried.atMs >= probeEveryMs) this.tried = { atMs: nowMs, outcome: this.write() };
    return this.tried.outcome;
  }

  private async write(): Promise<void> {
    const value = utf8(String(this.clock.nowMs()));
    const expected = this.revision ?? (await this.store.get(key))?.modRevision ?? absent;
    const outcome = await this.store.commit([{ key, value, expected }]);
    // After a conflict the next try looks anew; that the store decided at all says that it takes writes.
    this.revision = outcome.kind === "committed" ? outcome.revisions[0] : undefined;
  }
}
