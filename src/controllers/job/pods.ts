/** The pods a Job starts and stops. Pure. */
import type { Job } from "#resources/batch/job.ts";
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import { podFromTemplate } from "../pod-from-template.ts";
import type { PodSeen } from "../pod-view.ts";
import { compareForDeletion } from "../pod-state.ts";
import { IndexSet } from "./indexes.ts";
import { indexKey, indexOf, isIndexed, replacesOnlyFailed, trackingFinalizer } from "./pod-outcome.ts";
import { completionsOf, failureAnnotations, waitAfterFailures, waitOfIndex, type Tally } from "./tally.ts";

export interface Staffing {
  readonly start: readonly Pod[];
  readonly stop: readonly PodSeen[];
  /** Nothing starts before this time is over. */
  readonly waitMs: number;
}

/** Pods started or stopped in one look. */
const burstMax = 500;

/** Stopping comes first: a look either stops or starts. */
export function staff(seen: Tally): Staffing {
  const { job, active } = seen;
  const wanted = wantedActive(seen);
  const stop = toStop(seen, Math.max(0, active.length - wanted)).slice(0, burstMax);
  const ending = replacesOnlyFailed(job) ? seen.terminating.length : 0;
  const missing = Math.min(wanted - ending - active.length, burstMax);
  if (stop.length > 0 || missing <= 0 || job.spec.suspend === true) return { start: [], stop, waitMs: 0 };
  const perIndex = job.spec.backoffLimitPerIndex !== undefined;
  const waitMs = perIndex ? 0 : waitAfterFailures(seen);
  if (waitMs > 0) return { start: [], stop, waitMs };
  if (!isIndexed(job)) return { start: Array.from({ length: missing }, () => podOf(job)), stop, waitMs: 0 };
  const indexes = pendingIndexes(seen, missing);
  const due = perIndex ? indexes.filter((index) => waitOfIndex(seen, index) === 0) : indexes;
  const waits = indexes.map((index) => waitOfIndex(seen, index)).filter((ms) => ms > 0);
  return {
    start: due.map((index) => podOf(job, { index, replaced: seen.keptFailures.get(index) })),
    stop,
    waitMs: perIndex && waits.length > 0 ? Math.min(...waits) : 0,
  };
}

function wantedActive({ job, active, succeeded }: Tally): number {
  const { parallelism = 1, completions, suspend } = job.spec;
  if (suspend === true) return 0;
  // Without a number of completions the first success ends the Job, and what runs may end by itself.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(completions - succeeded, parallelism));
}

/** Pods of no use first: those with an index that is taken or not asked for. */
function toStop({ job, active }: Tally, least: number): readonly PodSeen[] {
  const useless = isIndexed(job) ? duplicates(job, active) : [];
  const uselessSet = new Set(useless);
  const others = active.filter((pod) => !uselessSet.has(pod)).toSorted(compareForDeletion);
  return [...useless, ...others.slice(0, Math.max(0, least - useless.length))];
}

function duplicates(job: Job, active: readonly PodSeen[]): readonly PodSeen[] {
  const byIndex = Map.groupBy(active, indexOf);
  return [...byIndex].flatMap(([index, pods]) => {
    if (index === undefined || index >= completionsOf(job)) return pods;
    return pods.toSorted(compareForDeletion).slice(0, pods.length - 1);
  });
}

/** The lowest indexes that no pod works on. */
function pendingIndexes({ job, active, terminating, completed, failedIndexes }: Tally, count: number): number[] {
  const ending = replacesOnlyFailed(job) ? terminating : [];
  const busy = [...active, ...ending].flatMap((pod) => indexOf(pod) ?? []);
  const taken = completed.union(failedIndexes ?? IndexSet.none).with(busy);
  return taken.missing(completionsOf(job), count);
}

interface Place {
  readonly index: number;
  readonly replaced: PodSeen | undefined;
}

function podOf(job: Job, place?: Place): Pod {
  const made = podFromTemplate(job, job.spec.template);
  const finalizers = [...(made.metadata.finalizers ?? []), trackingFinalizer];
  if (!place) return { ...made, metadata: { ...made.metadata, finalizers } };
  const { index, replaced } = place;
  const name = job.metadata.name ?? "";
  const numbered = { [indexKey]: String(index) };
  return {
    ...made,
    metadata: {
      ...made.metadata,
      generateName: indexedPrefix(name, index),
      labels: { ...made.metadata.labels, ...numbered },
      annotations: { ...made.metadata.annotations, ...numbered, ...failureAnnotations(job, replaced) },
      finalizers,
    },
    spec: {
      ...made.spec,
      hostname: `${name}-${index}`,
      containers: made.spec.containers.map(withIndex),
      ...(made.spec.initContainers ? { initContainers: made.spec.initContainers.map(withIndex) } : {}),
    },
  };
}

// A name plus five random letters must stay a DNS label.
const prefixMax = 58;

function indexedPrefix(name: string, index: number): string {
  const ending = `-${index}-`;
  return name.slice(0, prefixMax - ending.length) + ending;
}

function withIndex(container: Container): Container {
  const name = "JOB_COMPLETION_INDEX";
  if (container.env?.some((one) => one.name === name)) return container;
  const variable = { name, valueFrom: { fieldRef: { fieldPath: `metadata.labels['${indexKey}']` } } };
  return { ...container, env: [...(container.env ?? []), variable] };
}
