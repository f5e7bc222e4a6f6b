/**
 * Changes that left the window, read from the store's log for a watch that starts further back. One is read at a time,
 * because each read goes through the thread that writes; together they hold a bounded number of bytes, and a watch that
 * would need more is told to list anew, as upstream tells every watch from before its window.
 */
import { abortReason } from "#base/clock.ts";
import { gone } from "#machinery/status.ts";
import { CompactedError, type PastEvent, type Revision, type Store } from "#storage/store.ts";
import type { CacheEvent } from "./event-window.ts";

export const pastLimits = {
  /** What one watch may catch up on. */
  bytesMax: 16 * 1024 * 1024,
  /** What all watches together may be catching up on. */
  totalBytesMax: 64 * 1024 * 1024,
} as const;

export interface Past {
  readonly events: readonly CacheEvent[];
  /** The events are all there up to this revision. */
  readonly through: Revision;
  /** The events were sent, or will not be. May be called again. */
  release(): void;
}

export interface PastRequest {
  readonly store: Store;
  readonly from: string;
  readonly to: string;
  readonly after: Revision;
  readonly eventOf: (event: PastEvent) => CacheEvent;
  readonly signal: AbortSignal;
}

export class PastReader {
  private line: Promise<void> = Promise.resolve();
  private heldBytes = 0;

  /** @throws StatusError 410 when the changes are no longer known or are too many, the signal's reason. */
  async read(request: PastRequest): Promise<Past> {
    const before = this.line;
    const turn = Promise.withResolvers<void>();
    this.line = turn.promise;
    try {
      await before;
      if (request.signal.aborted) throw abortReason(request.signal);
      return await this.readNow(request);
    } finally {
      turn.resolve();
    }
  }

  private async readNow({ store, from, to, after, eventOf, signal }: PastRequest): Promise<Past> {
    const events: CacheEvent[] = [];
    let through = after;
    let heldBytes = 0;
    const release = (): void => {
      this.heldBytes -= heldBytes;
      heldBytes = 0;
    };
    try {
      while (through < store.revision) {
        const step = await store.history({ from, to, afterRevision: through });
        if (signal.aborted) throw abortReason(signal);
        for (const event of step.events) {
          const bytes = storedBytes(event);
          heldBytes += bytes;
          this.heldBytes += bytes;
          events.push(eventOf(event));
        }
        through = step.through;
        if (heldBytes > pastLimits.bytesMax || this.heldBytes > pastLimits.totalBytesMax) throw tooOld(after);
      }
      return { events, through, release };
    } catch (error) {
      release();
      if (error instanceof CompactedError) throw tooOld(after, error.oldest);
      throw error;
    }
  }
}

function tooOld(after: Revision, oldest: Revision = after): Error {
  return gone(`too old resource version: ${after} (${oldest})`);
}

function storedBytes(event: PastEvent): number {
  return (event.previous?.value.length ?? 0) + (event.kind === "put" ? event.entry.value.length : 0);
}
