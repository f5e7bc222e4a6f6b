/** CronJob of batch/v1. */
import { objectMeta } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { bool, int32, int64, list, object, of, oneOf, string, time, type Infer } from "#machinery/shape.ts";
import { objectReferenceShape } from "../core/references.ts";
import { jobSpecShape } from "./job-spec.ts";
import { cronJobColumns } from "./job-columns.ts";
import { defaultCronJob } from "./job-defaults.ts";
import { checkCronJob } from "./job-rules.ts";

export const jobTemplateSpecShape = object("api.batch.v1.JobTemplateSpec", {
  metadata: of(1, objectMeta).always().unlisted(),
  spec: of(2, jobSpecShape).always().unlisted(),
});
export interface JobTemplateSpec extends Infer<typeof jobTemplateSpecShape> {}

export const cronJobSpecShape = object("api.batch.v1.CronJobSpec", {
  schedule: string(1).always(),
  timeZone: string(8).keepZero(),
  startingDeadlineSeconds: int64(2),
  concurrencyPolicy: oneOf(3, ["Allow", "Forbid", "Replace"]).default("Allow"),
  suspend: bool(4).default(false),
  jobTemplate: of(5, jobTemplateSpecShape).always(),
  successfulJobsHistoryLimit: int32(6).default(3),
  failedJobsHistoryLimit: int32(7).default(1),
});
export interface CronJobSpec extends Infer<typeof cronJobSpecShape> {}

export const cronJobStatusShape = object("api.batch.v1.CronJobStatus", {
  active: list(1, objectReferenceShape),
  lastScheduleTime: time(4),
  lastSuccessfulTime: time(5),
});
export interface CronJobStatus extends Infer<typeof cronJobStatusShape> {}

export const cronJobShape = kind("api.batch.v1.CronJob", {
  spec: of(2, cronJobSpecShape).always().unlisted(),
  status: of(3, cronJobStatusShape).always().unlisted(),
});
export interface CronJob extends Infer<typeof cronJobShape> {}

export const cronJobs = resource<CronJob>({
  group: "batch",
  version: "v1",
  kind: "CronJob",
  plural: "cronjobs",
  shortNames: ["cj"],
  categories: ["all"],
  namespaced: true,
  shape: cronJobShape,
  columns: cronJobColumns,
  defaults: defaultCronJob,
  check: checkCronJob,
});
