/**
 * When a failed daemon pod may be replaced. A node that rejects every pod would otherwise be sent pods as fast as it
 * can reject them. Memory of the controller, given to its pure plan as a number.
 */
import type { PodSeen } from "../pod-view.ts";

const firstMs = 1_000;
const maxMs = 15 * 60_000;

interface Replaced {
  readonly podUid: string;
  readonly atMs: number;
  readonly delayMs: number;
}

export class FailedPods {
  // By "set uid/node name". Entries go once they are old enough to begin anew.
  private readonly replaced = new Map<string, Replaced>();

  /** Milliseconds until the pod may be replaced; 0 when now, which is remembered. */
  waitMs(place: { readonly setUid: string; readonly nodeName: string }, pod: PodSeen, nowMs: number): number {
    const key = `${place.setUid}/${place.nodeName}`;
    const podUid = pod.metadata.uid ?? "";
    this.forget(nowMs);
    const last = this.replaced.get(key);
    if (last?.podUid === podUid) return 0;
    if (last && nowMs < last.atMs + last.delayMs) return last.atMs + last.delayMs - nowMs;
    this.replaced.set(key, { podUid, atMs: nowMs, delayMs: last ? Math.min(last.delayMs * 2, maxMs) : firstMs });
    return 0;
  }

  private forget(nowMs: number): void {
    for (const [key, { atMs }] of this.replaced) if (nowMs - atMs > 2 * maxMs) this.replaced.delete(key);
  }
}
