/** The columns of jobs and cron jobs. */
import type { Column } from "#machinery/resource.ts";
import { humanDuration, type Ages } from "#machinery/ages.ts";
import { ageColumn, integer, nameColumn, text } from "#machinery/table.ts";
import { containerImages, containerNames, selectorText } from "../column-texts.ts";
import type { CronJob } from "./cron-job.ts";
import type { Job } from "./job.ts";

function stateText({ metadata, status }: Job): string {
  const has = (type: string): boolean =>
    status.conditions?.find((condition) => condition.type === type)?.status === "True";
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find(has) ?? "Running";
}

function completionsText({ spec, status }: Job): string {
  const succeeded = status.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationText({ status }: Job, ages: Ages): string {
  if (status.startTime === undefined) return "";
  const startMs = Date.parse(status.startTime);
  const { completionTime } = status;
  return completionTime === undefined ? ages.sinceMs(startMs) : humanDuration(Date.parse(completionTime) - startMs);
}

export const jobColumns: readonly Column<Job>[] = [
  nameColumn,
  text("Status", stateText),
  text("Completions", completionsText),
  text("Duration", durationText),
  ageColumn,
  text("Containers", (job) => containerNames(job.spec.template.spec.containers), 1),
  text("Images", (job) => containerImages(job.spec.template.spec.containers), 1),
  text("Selector", (job) => selectorText(job.spec.selector), 1),
];

function suspendText({ spec: { suspend } }: CronJob): string {
  if (suspend === undefined) return "<unset>";
  return suspend ? "True" : "False";
}

export const cronJobColumns: readonly Column<CronJob>[] = [
  nameColumn,
  text("Schedule", (cronJob) => cronJob.spec.schedule),
  text("Timezone", (cronJob) => cronJob.spec.timeZone ?? "<none>"),
  { name: "Suspend", type: "boolean", value: suspendText },
  integer("Active", (cronJob) => cronJob.status.active?.length ?? 0),
  text("Last Schedule", ({ status: { lastScheduleTime } }, ages) =>
    lastScheduleTime === undefined ? "<none>" : ages.since(lastScheduleTime),
  ),
  ageColumn,
  text("Containers", (cronJob) => containerNames(cronJob.spec.jobTemplate.spec.template.spec.containers), 1),
  text("Images", (cronJob) => containerImages(cronJob.spec.jobTemplate.spec.template.spec.containers), 1),
  text("Selector", (cronJob) => selectorText(cronJob.spec.jobTemplate.spec.selector), 1),
];
