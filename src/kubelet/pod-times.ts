/**
 * Moments of a pod that are told in wall time - by the runtime, or by the API - on the clock that only goes forward:
 * each is converted once, when it is first seen, so that setting the wall clock moves none of them.
 */
import type { Clock } from "#base/clock.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { ObservedContainer, ObservedPod } from "./plan/observation.ts";
import { deadlineLeftMs } from "./plan/termination.ts";

/** What ended before it was first looked at ended no longer ago than this: no pause is longer. */
const agoMsMax = 3_600_000;

export class PodTimes {
  private readonly clock: Clock;
  /** When containers ended, by id. */
  private readonly ends = new Map<string, number>();
  private deadline: { readonly of: string; readonly atMs: number } | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Called with each look at the pod. */
  look({ containers }: ObservedPod): void {
    const ids = new Set(containers.map(({ id }) => id));
    for (const id of this.ends.keys()) if (!ids.has(id)) this.ends.delete(id);
    for (const one of containers) if (one.state === "CONTAINER_EXITED") this.endedAtMs(one);
  }

  endedAtMs({ id, finishedAt }: ObservedContainer): number {
    const known = this.ends.get(id);
    if (known !== undefined) return known;
    const agoMs = Math.min(Math.max(this.clock.nowMs() - finishedAt / 1e6, 0), agoMsMax);
    const atMs = this.clock.monotonicMs() - agoMs;
    this.ends.set(id, atMs);
    return atMs;
  }

  /** When the pod has to end; undefined when it need not. */
  deadlineAtMs(pod: Pod): number | undefined {
    const of = `${pod.status?.startTime} ${pod.spec.activeDeadlineSeconds}`;
    if (this.deadline?.of === of) return this.deadline.atMs;
    const leftMs = deadlineLeftMs(pod, this.clock.nowMs());
    this.deadline = leftMs === undefined ? undefined : { of, atMs: this.clock.monotonicMs() + leftMs };
    return this.deadline?.atMs;
  }
}
