/**
 * Replies that wait for their readers. Their bytes are counted by connection, by owner and together, and a reply of
 * which nothing left for a minute is broken off: a client that does not read holds a bounded number of bytes for a
 * bounded time.
 */
import { ByteBudget } from "#base/byte-budget.ts";
import { httpLimits } from "../http.ts";

/** A reply on its way out. */
export interface OpenReply {
  /** Bytes that left, counting up. */
  readonly leftBytes: () => number;
  /** True while bytes wait. */
  readonly waits: () => boolean;
  readonly cut: () => void;
}

interface Looked {
  left: number;
  sinceMs: number;
}

const { unreadBytesOfConnection, unreadBytesOfOwner, unreadBytesOfAll, unreadMs, unreadLookMs } = httpLimits;

/** Of one listening port. */
export class Unread implements Disposable {
  readonly connections = new ByteBudget({ ofOneBytesMax: unreadBytesOfConnection, totalBytesMax: unreadBytesOfAll });
  readonly owners = new ByteBudget({ ofOneBytesMax: unreadBytesOfOwner, totalBytesMax: unreadBytesOfAll });
  private readonly open = new Map<OpenReply, Looked>();
  private readonly timer = setInterval(() => this.look(performance.now()), unreadLookMs).unref();

  /** @returns What to call when the reply is over. */
  add(reply: OpenReply): () => void {
    this.open.set(reply, { left: -1, sinceMs: 0 });
    return () => void this.open.delete(reply);
  }

  get openCount(): number {
    return this.open.size;
  }

  look(nowMs: number): void {
    for (const [reply, looked] of this.open) {
      const left = reply.leftBytes();
      if (!reply.waits() || left !== looked.left) {
        looked.left = left;
        looked.sinceMs = nowMs;
      } else if (nowMs - looked.sinceMs >= unreadMs) {
        this.open.delete(reply);
        reply.cut();
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }
}
