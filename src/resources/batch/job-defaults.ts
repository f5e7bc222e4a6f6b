/** The defaults of jobs, beyond those that the fields themselves have, and the selector that a new job gets. */
import type { Draft } from "#machinery/meta.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { defaultTemplate } from "../core/pod-defaults.ts";
import type { Job } from "./job.ts";
import type { CronJob } from "./cron-job.ts";

const retriesMax = 6;
const int32Max = 2 ** 31 - 1;

export function defaultJob({ metadata, spec }: Draft<Job>): void {
  defaultTemplate(spec.template);
  if (spec.parallelism === undefined) {
    spec.completions ??= 1;
    spec.parallelism = 1;
  }
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? retriesMax : int32Max;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? "Failed" : "TerminatingOrFailed";
  const { labels } = spec.template.metadata;
  if (labels && !metadata.labels) metadata.labels = { ...labels };
}

export function defaultCronJob({ spec }: Draft<CronJob>): void {
  defaultTemplate(spec.jobTemplate.spec.template);
}

/** A new job selects its pods by its own uid, unless its writer takes care of that. */
export function prepareJob({ metadata, spec }: Draft<Job>, { old }: CheckContext<Job>): void {
  if (old !== undefined || spec.manualSelector === true) return;
  const { uid = "", name = "" } = metadata;
  const { metadata: template } = spec.template;
  const own = {
    "controller-uid": uid,
    "job-name": name,
    "batch.kubernetes.io/controller-uid": uid,
    "batch.kubernetes.io/job-name": name,
  };
  // Labels that are given stay: validation refuses wrong ones.
  template.labels = { ...own, ...template.labels };
  spec.selector ??= {};
  spec.selector.matchLabels = { "batch.kubernetes.io/controller-uid": uid, ...spec.selector.matchLabels };
}
