/** How a pod of a Job ended, and what the Job's failure policy makes of it. Pure. */
import type { Job } from "#resources/batch/job.ts";
import type { PodFailurePolicyRule } from "#resources/batch/pod-failure-policy-rule.ts";
import type { PodSeen } from "../pod-view.ts";

export const trackingFinalizer = "batch.kubernetes.io/job-tracking";
export const indexKey = "batch.kubernetes.io/job-completion-index";
export const failureCountKey = "batch.kubernetes.io/job-index-failure-count";
export const ignoredCountKey = "batch.kubernetes.io/job-index-ignored-failure-count";

export function isTracked(pod: PodSeen): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) === true;
}

/** Undefined without an annotation that holds a number. */
export function indexOf(pod: PodSeen): number | undefined {
  return annotatedNumber(pod, indexKey);
}

type CountKey = typeof indexKey | typeof failureCountKey | typeof ignoredCountKey;

export function annotatedNumber(pod: PodSeen, key: CountKey): number | undefined {
  const text = pod.metadata.annotations?.[key];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

export function isIndexed(job: Job): boolean {
  return job.spec.completionMode === "Indexed";
}

/** Terminating pods are not replaced before they have ended. */
export function replacesOnlyFailed(job: Job): boolean {
  return job.spec.podReplacementPolicy === "Failed" || job.spec.podFailurePolicy !== undefined;
}

/** A deleted pod counts as failed: it may never get to say how it ended. */
export function isFailed(job: Job, pod: PodSeen): boolean {
  if (pod.status.phase === "Failed") return true;
  if (replacesOnlyFailed(job)) return false;
  return pod.metadata.deletionTimestamp !== undefined && pod.status.phase !== "Succeeded";
}

export interface Verdict {
  readonly action: PodFailurePolicyRule["action"];
  /** Counts towards the back-off limit. */
  readonly counts: boolean;
  /** Why the whole Job fails, if it does. */
  readonly message?: string;
}

const counted: Verdict = { action: "Count", counts: true };

/** The first rule that matches decides. */
export function verdictOn(job: Job, pod: PodSeen): Verdict {
  const { namespace, name } = pod.metadata;
  for (const [at, rule] of (job.spec.podFailurePolicy?.rules ?? []).entries()) {
    const why = matchRule(rule, pod, `${namespace}/${name}`);
    if (why === undefined) continue;
    const message = `${why} matching ${rule.action} rule at index ${at}`;
    if (rule.action === "FailJob") return { action: rule.action, counts: true, message };
    return { action: rule.action, counts: rule.action !== "Ignore" };
  }
  return counted;
}

function matchRule(rule: PodFailurePolicyRule, pod: PodSeen, podName: string): string | undefined {
  const { onExitCodes, onPodConditions = [] } = rule;
  if (onExitCodes) {
    const { containerName, operator, values } = onExitCodes;
    const ended = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].find((one) => {
      const code = one.state.terminated?.exitCode ?? 0;
      if (code === 0 || (containerName !== undefined && containerName !== one.name)) return false;
      return values.includes(code) === (operator === "In");
    });
    if (!ended) return undefined;
    return `Container ${ended.name} for pod ${podName} failed with exit code ${ended.state.terminated?.exitCode}`;
  }
  const condition = pod.status.conditions?.find((have) =>
    onPodConditions.some((want) => want.type === have.type && want.status === have.status),
  );
  return condition && `Pod ${podName} has condition ${condition.type}`;
}

/** When the pod ended, as well as it can be told. */
export function endedMs(pod: PodSeen): number {
  const { containerStatuses = [], conditions } = pod.status;
  const finished = containerStatuses.flatMap(({ state }) => state.terminated?.finishedAt ?? []);
  const ready = conditions?.find(({ type, status }) => type === "Ready" && status === "False");
  const text =
    finished.toSorted().at(-1) ??
    pod.metadata.deletionTimestamp ??
    ready?.lastTransitionTime ??
    pod.metadata.creationTimestamp;
  return Date.parse(text ?? "") || 0;
}

const backoffFirstMs = 10_000;
const backoffMaxMs = 600_000;

/** Milliseconds until a pod may follow `failures` failures in a row, the last of which was at `lastMs`. */
export function backoffMs(failures: number, lastMs: number, nowMs: number): number {
  if (failures === 0) return 0;
  return Math.max(0, lastMs + Math.min(backoffFirstMs * 2 ** (failures - 1), backoffMaxMs) - nowMs);
}

/** Restarts of containers, which count for Jobs that restart them in place. */
export function restartsOf(pod: PodSeen): number {
  const all = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
  return all.reduce((sum, one) => sum + one.restartCount, 0);
}
