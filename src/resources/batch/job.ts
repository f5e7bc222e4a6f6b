/** Job of batch/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int32, list, object, of, set, str, string, time, type Infer } from "#machinery/shape.ts";
import { jobSpecShape } from "./job-spec.ts";
import { jobColumns } from "./job-columns.ts";
import { defaultJob, prepareJob } from "./job-defaults.ts";
import { checkJob } from "./job-rules.ts";

export const jobConditionShape = object("api.batch.v1.JobCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastProbeTime: time(3),
  lastTransitionTime: time(4),
  reason: string(5),
  message: string(6),
});
export interface JobCondition extends Infer<typeof jobConditionShape> {}

export const uncountedTerminatedPodsShape = object("api.batch.v1.UncountedTerminatedPods", {
  succeeded: set(1, str),
  failed: set(2, str),
});
export interface UncountedTerminatedPods extends Infer<typeof uncountedTerminatedPodsShape> {}

export const jobStatusShape = object("api.batch.v1.JobStatus", {
  conditions: list(1, jobConditionShape).patchMerge("type"),
  startTime: time(2),
  completionTime: time(3),
  active: int32(4).dropZero(),
  succeeded: int32(5).dropZero(),
  failed: int32(6).dropZero(),
  terminating: int32(11),
  completedIndexes: string(7),
  failedIndexes: string(10).keepZero(),
  uncountedTerminatedPods: of(8, uncountedTerminatedPodsShape),
  ready: int32(9),
});
export interface JobStatus extends Infer<typeof jobStatusShape> {}

export const jobShape = kind("api.batch.v1.Job", {
  spec: of(2, jobSpecShape).always().unlisted(),
  status: of(3, jobStatusShape).always().unlisted(),
});
export interface Job extends Infer<typeof jobShape> {}

export const jobs = resource<Job>({
  group: "batch",
  version: "v1",
  kind: "Job",
  plural: "jobs",
  categories: ["all"],
  namespaced: true,
  shape: jobShape,
  columns: jobColumns,
  defaults: defaultJob,
  prepare: prepareJob,
  selectableFields: {
    "status.successful": ({ status }) => String(status.succeeded ?? 0),
  },
  check: checkJob,
});
