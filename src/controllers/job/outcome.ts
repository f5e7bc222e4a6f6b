/** Whether a Job has succeeded or failed, and why. Pure. */
import type { Job } from "#resources/batch/job.ts";
import { conditionOf, isTrue } from "../conditions.ts";
import { IndexSet } from "./indexes.ts";
import { isFailed, restartsOf, verdictOn } from "./pod-outcome.ts";
import { completionsOf, type Tally } from "./tally.ts";

/** A Job first says what it will come to, then ends its pods, and only then says that it is over. */
export interface Outcome {
  readonly interim: "SuccessCriteriaMet" | "FailureTarget";
  readonly reason: string;
  readonly message: string;
}

export function isFinished(job: Job): boolean {
  return isTrue(job.status.conditions, "Complete") || isTrue(job.status.conditions, "Failed");
}

export const completionsReached: Outcome = {
  interim: "SuccessCriteriaMet",
  reason: "CompletionsReached",
  message: "Reached expected number of succeeded pods",
};

const failure = (reason: string, message: string): Outcome => ({ interim: "FailureTarget", reason, message });

/** Undefined while the Job goes on. That its completions are reached is only known once no pod is active. */
export function outcomeOf(seen: Tally): Outcome | undefined {
  return (
    told(seen.job) ?? failureOf(seen) ?? (seen.job.spec.completionMode === "Indexed" ? indexedOutcome(seen) : undefined)
  );
}

function told({ status: { conditions } }: Job): Outcome | undefined {
  for (const interim of ["SuccessCriteriaMet", "FailureTarget"] as const) {
    const condition = conditionOf(conditions, interim);
    if (condition?.status === "True")
      return { interim, reason: condition.reason ?? "", message: condition.message ?? "" };
  }
  return undefined;
}

function failureOf(seen: Tally): Outcome | undefined {
  const { job, pods, failed } = seen;
  for (const pod of job.spec.podFailurePolicy ? pods : []) {
    const message = isFailed(job, pod) ? verdictOn(job, pod).message : undefined;
    if (message !== undefined) return failure("PodFailurePolicy", message);
  }
  const limit = job.spec.backoffLimit ?? 6;
  if (failed > limit || restartsExceed(seen, limit))
    return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  const leftMs = deadlineInMs(seen);
  if (leftMs !== undefined && leftMs <= 0)
    return failure("DeadlineExceeded", "Job was active longer than specified deadline");
  return undefined;
}

/** Containers that are restarted in place count, too. */
function restartsExceed({ job, pods }: Tally, limit: number): boolean {
  if (job.spec.template.spec.restartPolicy !== "OnFailure") return false;
  const restarts = pods
    .filter(({ status }) => status.phase === "Running" || status.phase === "Pending")
    .reduce((sum, pod) => sum + restartsOf(pod), 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Undefined without a deadline that runs. */
export function deadlineInMs({ job, nowMs }: Pick<Tally, "job" | "nowMs">): number | undefined {
  const { activeDeadlineSeconds, suspend } = job.spec;
  const { startTime } = job.status;
  if (activeDeadlineSeconds === undefined || suspend === true) return undefined;
  return (startTime === undefined ? nowMs : Date.parse(startTime)) + activeDeadlineSeconds * 1000 - nowMs;
}

function indexedOutcome({ job, completed, failedIndexes }: Tally): Outcome | undefined {
  const completions = completionsOf(job);
  if (failedIndexes) {
    if (job.spec.maxFailedIndexes !== undefined && failedIndexes.size > job.spec.maxFailedIndexes)
      return failure("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes");
    if (failedIndexes.size > 0 && failedIndexes.size + completed.size >= completions)
      return failure("FailedIndexes", "Job has failed indexes");
  }
  const matched = (job.spec.successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && completed.size >= succeededCount;
    const required = IndexSet.parse(succeededIndexes, completions);
    return completed.shared(required) >= (succeededCount ?? required.size);
  });
  if (matched < 0) return undefined;
  return { interim: "SuccessCriteriaMet", reason: "SuccessPolicy", message: `Matched rules at index ${matched}` };
}
