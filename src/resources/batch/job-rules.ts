/** Rules of jobs and cron jobs. */
import { own } from "#base/own.ts";
import { CronError, isTimeZone, parseCron } from "#machinery/cron.ts";
import { child, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { atMostCharacters } from "#machinery/names.ts";
import { checkImmutable, checkSelector } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { filled, nonNegative } from "#machinery/rule.ts";
import { checkSelected } from "../apps/workload-rules.ts";
import { checkTemplate } from "../core/pod-rules.ts";
import type { PodTemplateSpec } from "../core/pod-spec.ts";
import type { CronJob } from "./cron-job.ts";
import { checkFailurePolicy, checkSuccessPolicy } from "./job-policy-rules.ts";
import type { JobSpec } from "./job-spec.ts";
import type { Job } from "./job.ts";

const parallelismMax = 100_000;
const cronNameMax = 52;

const counts = [
  "parallelism",
  "completions",
  "activeDeadlineSeconds",
  "backoffLimit",
  "ttlSecondsAfterFinished",
  "backoffLimitPerIndex",
  "maxFailedIndexes",
] as const;

function checkIndexed(path: string, spec: JobSpec): FieldError[] {
  const { completionMode, completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec;
  const errors: FieldError[] = [];
  if (completionMode === "Indexed") {
    if (completions === undefined) errors.push(required(child(path, "completions"), "when completion mode is Indexed"));
    if (parallelism > parallelismMax)
      errors.push(
        invalid(
          child(path, "parallelism"),
          parallelism,
          `must be less than or equal to ${parallelismMax} when completion mode is Indexed`,
        ),
      );
  } else if (backoffLimitPerIndex !== undefined)
    errors.push(invalid(child(path, "backoffLimitPerIndex"), backoffLimitPerIndex, "requires indexed completion mode"));
  if (maxFailedIndexes !== undefined && completions !== undefined && maxFailedIndexes > completions)
    errors.push(
      invalid(child(path, "maxFailedIndexes"), maxFailedIndexes, "must be less than or equal to completions"),
    );
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined)
    errors.push(required(child(path, "backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
  return errors;
}

function checkRestart(path: string, { template, podFailurePolicy }: JobSpec): FieldError[] {
  const { restartPolicy } = template.spec;
  const where = `${child(path, "template")}.spec.restartPolicy`;
  if (restartPolicy === "Always" || restartPolicy === undefined)
    return [required(where, 'valid values: "OnFailure", "Never"')];
  if (podFailurePolicy && restartPolicy !== "Never")
    return [invalid(where, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')];
  return [];
}

function checkManager(path: string, managedBy: string | undefined): FieldError[] {
  if (managedBy === undefined) return [];
  const [host = "", rest = ""] = managedBy.split("/", 2);
  if (managedBy === "") return [required(path)];
  if (host === "" || rest === "")
    return [invalid(path, managedBy, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  return managedBy.length > 63 ? [invalid(path, managedBy, atMostCharacters(63))] : [];
}

function checkJobSpec(path: string, spec: JobSpec): FieldError[] {
  return [
    ...counts.flatMap((name) => nonNegative(child(path, name), spec[name])),
    ...checkIndexed(path, spec),
    ...checkTemplate(child(path, "template"), spec.template),
    ...checkRestart(path, spec),
    ...checkManager(child(path, "managedBy"), spec.managedBy),
    ...checkFailurePolicy(child(path, "podFailurePolicy"), spec),
    ...checkSuccessPolicy(child(path, "successPolicy"), spec),
  ];
}

/** The labels and the selector that the server gives to a job that does not care for them itself. */
function checkGenerated({ metadata, spec }: Job): FieldError[] {
  if (spec.manualSelector === true || !spec.selector) return [];
  const labels = spec.template.metadata.labels ?? {};
  const { uid = "", name = "" } = metadata;
  const expected = { "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name };
  const errors = Object.entries(expected).flatMap(([key, value]): FieldError[] => {
    const where = `spec.template.metadata.labels[${key}]`;
    if (own(labels, key) === undefined) return [required(where, `must be '${value}'`)];
    return own(labels, key) === value ? [] : [invalid("spec.template.metadata.labels", labels, `must be '${value}'`)];
  });
  const selected =
    spec.selector.matchLabels?.["batch.kubernetes.io/controller-uid"] ?? spec.selector.matchLabels?.["controller-uid"];
  if (selected !== uid) errors.push(invalid("spec.selector", spec.selector, "`selector` not auto-generated"));
  return errors;
}

/** Where a job that has not started may still send its pods. */
function withoutPlacement({ metadata, spec }: PodTemplateSpec): object {
  const { labels: _, annotations: __, ...meta } = metadata;
  const { nodeSelector: ___, affinity: ____, tolerations: _____, schedulingGates: ______, ...rest } = spec;
  return { metadata: meta, spec: rest };
}

const fixed = [
  "selector",
  "completionMode",
  "podFailurePolicy",
  "backoffLimitPerIndex",
  "managedBy",
  "successPolicy",
] as const;

function checkChange({ spec }: Job, { spec: old, status }: Job): FieldError[] {
  const errors = fixed.flatMap((name) =>
    deepEqual(spec[name], old[name]) ? [] : checkImmutable(child("spec", name), spec[name], old[name]),
  );
  if (spec.completions !== old.completions) {
    const inTandem = spec.completionMode === "Indexed" && spec.completions === spec.parallelism;
    if (spec.completionMode !== "Indexed")
      errors.push(invalid("spec.completions", spec.completions, "field is immutable"));
    else if (!inTandem)
      errors.push(
        invalid("spec.completions", spec.completions, "can only be modified in tandem with spec.parallelism"),
      );
  }
  const mayMove = old.suspend === true && status.startTime === undefined;
  const same = mayMove
    ? deepEqual(withoutPlacement(spec.template), withoutPlacement(old.template))
    : deepEqual(spec.template, old.template);
  if (!same) errors.push(invalid("spec.template", spec.template, "field is immutable"));
  return errors;
}

export function checkJob(job: Job, { old, subresource }: CheckContext<Job>): readonly FieldError[] {
  const { spec, status } = job;
  if (subresource === "status")
    return (["active", "succeeded", "failed", "ready", "terminating"] as const).flatMap((name) =>
      nonNegative(`status.${name}`, status[name]),
    );
  const errors = [...checkJobSpec("spec", spec), ...(old ? checkChange(job, old) : checkGenerated(job))];
  if (spec.selector === undefined) return [...errors, required("spec.selector")];
  const selectorErrors = checkSelector("spec.selector", spec.selector);
  return [
    ...errors,
    ...selectorErrors,
    ...(selectorErrors.length === 0 ? checkSelected("spec", spec.selector, spec.template) : []),
  ];
}

function checkTimeZone(path: string, zone: string | undefined): FieldError[] {
  if (zone === undefined) return [];
  if (zone === "") return [invalid(path, zone, "timeZone must be nil or non-empty string")];
  if (zone.toLowerCase() === "local")
    return [
      invalid(path, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"),
    ];
  if (isTimeZone(zone)) return [];
  return [invalid(path, zone, `unknown time zone ${zone}`)];
}

/** What is wrong with a schedule; undefined when nothing is. */
function scheduleProblem(schedule: string): string | undefined {
  try {
    parseCron(schedule);
    return undefined;
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    return error.message;
  }
}

export function checkCronJob(
  { metadata, spec }: CronJob,
  { old, subresource }: CheckContext<CronJob>,
): readonly FieldError[] {
  if (subresource !== "") return [];
  const { schedule, jobTemplate } = spec;
  const jobPath = "spec.jobTemplate.spec";
  const problem = schedule === "" ? undefined : scheduleProblem(schedule);
  const errors = [
    ...filled("spec.schedule", schedule),
    ...checkTimeZone("spec.timeZone", spec.timeZone),
    ...(["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] as const).flatMap((name) =>
      nonNegative(child("spec", name), spec[name]),
    ),
    ...checkJobSpec(jobPath, jobTemplate.spec),
  ];
  if (schedule.includes("TZ"))
    errors.push(invalid("spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
  else if (problem !== undefined) errors.push(invalid("spec.schedule", schedule, problem));
  if (jobTemplate.spec.selector)
    errors.push(invalid(`${jobPath}.selector`, jobTemplate.spec.selector, "`selector` will be auto-generated"));
  if (jobTemplate.spec.manualSelector === true)
    errors.push(notSupported(`${jobPath}.manualSelector`, true, ["nil", "false"]));
  if (!old && (metadata.name?.length ?? 0) > cronNameMax)
    errors.push(invalid("metadata.name", metadata.name, atMostCharacters(cronNameMax)));
  return errors;
}
