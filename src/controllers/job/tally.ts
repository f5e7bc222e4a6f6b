/** What a look at a Job's pods adds up to. Pure. */
import type { Job } from "#resources/batch/job.ts";
import type { PodSeen } from "../pod-view.ts";
import { isActive, isEnding } from "../pod-state.ts";
import { IndexSet } from "./indexes.ts";
import {
  annotatedNumber,
  backoffMs,
  endedMs,
  failureCountKey,
  ignoredCountKey,
  indexOf,
  isFailed,
  isIndexed,
  isTracked,
  verdictOn,
} from "./pod-outcome.ts";

export interface Tally {
  readonly job: Job;
  readonly pods: readonly PodSeen[];
  readonly nowMs: number;
  readonly active: readonly PodSeen[];
  readonly terminating: readonly PodSeen[];
  readonly succeeded: number;
  readonly failed: number;
  /** Of an Indexed Job; empty for others. */
  readonly completedBefore: IndexSet;
  readonly completed: IndexSet;
  /** With a back-off limit per index only. */
  readonly failedIndexes: IndexSet | undefined;
  /** The failed pod of an index that has no successor yet: it keeps count until the successor takes over. */
  readonly keptFailures: ReadonlyMap<number, PodSeen>;
}

export function completionsOf(job: Job): number {
  return job.spec.completions ?? 0;
}

/** The index counts: an Indexed Job ignores pods beyond its completions. */
export function hasValidIndex(job: Job, pod: PodSeen): boolean {
  if (!isIndexed(job)) return true;
  const index = indexOf(pod);
  return index !== undefined && index < completionsOf(job);
}

export function tally(job: Job, pods: readonly PodSeen[], nowMs: number): Tally {
  const uncounted = new Set([
    ...(job.status.uncountedTerminatedPods?.succeeded ?? []),
    ...(job.status.uncountedTerminatedPods?.failed ?? []),
  ]);
  const isNew = (pod: PodSeen): boolean =>
    isTracked(pod) && !uncounted.has(pod.metadata.uid ?? "") && hasValidIndex(job, pod);
  const newSucceeded = pods.filter((pod) => isNew(pod) && pod.status.phase === "Succeeded").length;
  const newFailed = pods.filter((pod) => isNew(pod) && isFailed(job, pod) && verdictOn(job, pod).counts).length;
  const { succeeded = 0, failed = 0, uncountedTerminatedPods = {} } = job.status;
  const active = pods.filter(isActive);
  const completedBefore = IndexSet.parse(job.status.completedIndexes, completionsOf(job));
  const nowCompleted = isIndexed(job)
    ? pods.filter((pod) => pod.status.phase === "Succeeded" && isTracked(pod) && hasValidIndex(job, pod))
    : [];
  const completed = completedBefore.with(nowCompleted.map((pod) => indexOf(pod) ?? 0));
  const failedIndexes = job.spec.backoffLimitPerIndex === undefined ? undefined : failedIndexesOf(job, pods);
  return {
    job,
    pods,
    nowMs,
    active,
    terminating: pods.filter(isEnding),
    succeeded: isIndexed(job)
      ? completed.size
      : succeeded + newSucceeded + (uncountedTerminatedPods.succeeded?.length ?? 0),
    failed: failed + newFailed + (uncountedTerminatedPods.failed?.length ?? 0),
    completedBefore,
    completed,
    failedIndexes,
    keptFailures: failedIndexes ? keptFailuresOf(job, pods, completed.union(failedIndexes)) : new Map(),
  };
}

function failedIndexesOf(job: Job, pods: readonly PodSeen[]): IndexSet {
  const limit = job.spec.backoffLimitPerIndex ?? 0;
  const failed = pods.filter((pod) => {
    if (!hasValidIndex(job, pod) || !isFailed(job, pod)) return false;
    const { action, counts } = verdictOn(job, pod);
    return action === "FailIndex" || (counts && (annotatedNumber(pod, failureCountKey) ?? 0) >= limit);
  });
  return IndexSet.parse(job.status.failedIndexes, completionsOf(job)).with(failed.map((pod) => indexOf(pod) ?? 0));
}

/** Failures of an index so far, with those that the policy ignores. */
function failuresOf(pod: PodSeen): number {
  return (annotatedNumber(pod, failureCountKey) ?? 0) + (annotatedNumber(pod, ignoredCountKey) ?? 0);
}

function keptFailuresOf(job: Job, pods: readonly PodSeen[], settled: IndexSet): ReadonlyMap<number, PodSeen> {
  const busy = new Set(pods.filter(isActive).map(indexOf));
  const kept = new Map<number, PodSeen>();
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || !isTracked(pod) || !hasValidIndex(job, pod) || !isFailed(job, pod)) continue;
    if (busy.has(index) || settled.has(index)) continue;
    const other = kept.get(index);
    if (!other || failuresOf(pod) > failuresOf(other) || endedMs(pod) >= endedMs(other)) kept.set(index, pod);
  }
  return kept;
}

/** The annotations a successor carries on. */
export function failureAnnotations(job: Job, replaced: PodSeen | undefined): Record<string, string> {
  if (job.spec.backoffLimitPerIndex === undefined) return {};
  const counts = replaced !== undefined && verdictOn(job, replaced).counts;
  const failures = (replaced && annotatedNumber(replaced, failureCountKey)) ?? 0;
  const ignored = (replaced && annotatedNumber(replaced, ignoredCountKey)) ?? 0;
  const ignoredNow = ignored + Number(replaced !== undefined && !counts);
  return {
    [failureCountKey]: String(failures + Number(counts)),
    ...(ignoredNow > 0 ? { [ignoredCountKey]: String(ignoredNow) } : {}),
  };
}

/** Milliseconds until the next pod may start after failures in a row. */
export function waitAfterFailures({ job, pods, nowMs }: Tally): number {
  const ended = pods.filter((pod) => pod.status.phase === "Succeeded" || isFailed(job, pod));
  const newestFirst = ended.toSorted((a, b) => endedMs(b) - endedMs(a));
  const success = newestFirst.findIndex((pod) => pod.status.phase === "Succeeded");
  const inRow = success < 0 ? newestFirst : newestFirst.slice(0, success);
  const [last] = inRow;
  return last ? backoffMs(inRow.length, endedMs(last), nowMs) : 0;
}

export function waitOfIndex({ keptFailures, nowMs }: Tally, index: number): number {
  const last = keptFailures.get(index);
  return last ? backoffMs(failuresOf(last) + 1, endedMs(last), nowMs) : 0;
}
