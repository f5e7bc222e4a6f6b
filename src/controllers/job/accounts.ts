/**
 * Counting pods once and only once: an ended pod's uid goes into the status, then the pod loses its tracking
 * finalizer, then the uid becomes part of a number. So no pod is lost or counted twice, whatever is interrupted. Pure.
 */
import type { JobStatus } from "#resources/batch/job.ts";
import type { PodSeen } from "../pod-view.ts";
import type { Outcome } from "./outcome.ts";
import { indexOf, isFailed, isIndexed, isTracked, verdictOn } from "./pod-outcome.ts";
import { hasValidIndex, type Tally } from "./tally.ts";

export interface Accounts {
  readonly counts: Pick<
    JobStatus,
    "succeeded" | "failed" | "completedIndexes" | "failedIndexes" | "uncountedTerminatedPods"
  >;
  /** Pods that may go once the counts are written. */
  readonly release: readonly PodSeen[];
  /** Every ended pod is part of a number. */
  readonly settled: boolean;
}

/** Uids in the status at most; the rest waits for its turn. */
const uncountedMax = 500;

export function account(seen: Tally, outcome: Outcome | undefined): Accounts {
  const { job } = seen;
  const carried = carryOver(seen);
  const succeeded = [...carried.uncounted.succeeded];
  const failed = [...carried.uncounted.failed];
  const newlyCompleted: number[] = [];
  const release: PodSeen[] = [];
  const known = new Set([...succeeded, ...failed]);
  let waiting = 0;
  for (const pod of seen.pods.filter(isTracked)) {
    if (!mayRelease(seen, outcome, pod)) continue;
    if (known.size >= uncountedMax) {
      waiting += 1;
      continue;
    }
    release.push(pod);
    const uid = pod.metadata.uid ?? "";
    if (known.has(uid) || !hasValidIndex(job, pod)) continue;
    if (pod.status.phase === "Succeeded") {
      if (isIndexed(job)) newlyCompleted.push(indexOf(pod) ?? 0);
      else {
        succeeded.push(uid);
        known.add(uid);
      }
    } else if (countsAsFailed(seen, outcome, pod)) {
      failed.push(uid);
      known.add(uid);
    }
  }
  const completed = seen.completedBefore.with(newlyCompleted);
  return {
    counts: {
      succeeded: isIndexed(job) ? completed.size : carried.succeeded,
      failed: carried.failed,
      ...(isIndexed(job) && completed.size > 0 ? { completedIndexes: completed.toString() } : {}),
      ...(seen.failedIndexes ? { failedIndexes: seen.failedIndexes.toString() } : {}),
      uncountedTerminatedPods: {
        ...(succeeded.length > 0 ? { succeeded } : {}),
        ...(failed.length > 0 ? { failed } : {}),
      },
    },
    release,
    settled: waiting === 0 && succeeded.length === 0 && failed.length === 0,
  };
}

/** Uids whose pods have lost their finalizer become part of the numbers. */
function carryOver({ job, pods }: Tally) {
  const tracked = new Set(pods.filter(isTracked).map((pod) => pod.metadata.uid ?? ""));
  const { succeeded = [], failed = [] } = job.status.uncountedTerminatedPods ?? {};
  const stays = (uid: string): boolean => tracked.has(uid);
  const uncounted = { succeeded: succeeded.filter(stays), failed: failed.filter(stays) };
  return {
    uncounted,
    succeeded: (job.status.succeeded ?? 0) + succeeded.length - uncounted.succeeded.length,
    failed: (job.status.failed ?? 0) + failed.length - uncounted.failed.length,
  };
}

function mayRelease({ job, keptFailures }: Tally, outcome: Outcome | undefined, pod: PodSeen): boolean {
  if (job.metadata.deletionTimestamp !== undefined || outcome !== undefined || pod.status.phase === "Succeeded")
    return true;
  return isFailed(job, pod) && keptFailures.get(indexOf(pod) ?? -1) !== pod;
}

/** A pod that did not end before its Job failed has failed with it. */
function countsAsFailed({ job }: Tally, outcome: Outcome | undefined, pod: PodSeen): boolean {
  const failed = isFailed(job, pod) || outcome?.interim === "FailureTarget";
  return failed && verdictOn(job, pod).counts;
}
