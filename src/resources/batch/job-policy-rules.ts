/** Rules of what a job makes of its pods' failures and successes. */
import { at, child, duplicate, invalid, required, tooMany, type FieldError } from "#machinery/field-error.ts";
import { each } from "#machinery/rule.ts";
import type { JobSpec } from "./job-spec.ts";
import type { PodFailurePolicyOnExitCodesRequirement } from "./pod-failure-policy-on-exit-codes-requirement.ts";

const rulesMax = 20;
const exitCodesMax = 255;

function checkExitCodes(path: string, codes: PodFailurePolicyOnExitCodesRequirement, spec: JobSpec): FieldError[] {
  const where = child(path, "values");
  const { values, operator, containerName } = codes;
  const errors: FieldError[] = [];
  const containers = [...spec.template.spec.containers, ...(spec.template.spec.initContainers ?? [])];
  if (values.length === 0) errors.push(invalid(where, values, "at least one value is required"));
  if (values.length > exitCodesMax) errors.push(tooMany(where, values.length, exitCodesMax));
  const seen = new Set<number>();
  for (const [index, value] of values.entries()) {
    if (operator === "In" && value === 0)
      errors.push(invalid(at(where, index), value, "must not be 0 for the In operator"));
    if (seen.has(value)) errors.push(duplicate(at(where, index), value));
    seen.add(value);
    if (index > 0 && value < (values[index - 1] ?? 0)) return [...errors, invalid(where, values, "must be ordered")];
  }
  if (containerName !== undefined && !containers.some(({ name }) => name === containerName))
    errors.push(
      invalid(
        child(path, "containerName"),
        containerName,
        "must be one of the container or initContainer names in the pod template",
      ),
    );
  return errors;
}

export function checkFailurePolicy(path: string, spec: JobSpec): FieldError[] {
  const { podFailurePolicy: policy } = spec;
  if (!policy) return [];
  const where = child(path, "rules");
  const errors: FieldError[] = [];
  if (policy.rules.length > rulesMax) errors.push(tooMany(where, policy.rules.length, rulesMax));
  return [
    ...errors,
    ...each(where, policy.rules, (rulePath, { action, onExitCodes, onPodConditions }) => {
      const problems: FieldError[] = [];
      if (action === "FailIndex" && spec.backoffLimitPerIndex === undefined)
        problems.push(invalid(child(rulePath, "action"), action, "requires the backoffLimitPerIndex to be set"));
      if (onExitCodes) problems.push(...checkExitCodes(child(rulePath, "onExitCodes"), onExitCodes, spec));
      if (!onExitCodes && !onPodConditions?.length)
        problems.push(invalid(rulePath, "", "specifying one of OnExitCodes and OnPodConditions is required"));
      if (onExitCodes && onPodConditions?.length)
        problems.push(invalid(rulePath, "", "specifying both OnExitCodes and OnPodConditions is not supported"));
      return problems;
    }),
  ];
}

export function checkSuccessPolicy(path: string, spec: JobSpec): FieldError[] {
  const { successPolicy: policy, completions = 0 } = spec;
  if (!policy) return [];
  const where = child(path, "rules");
  if (spec.completionMode !== "Indexed") return [invalid(path, policy, "requires indexed completion mode")];
  if (policy.rules.length === 0)
    return [required(where, "at least one rules must be specified when the successPolicy is specified")];
  const errors: FieldError[] = [];
  if (policy.rules.length > rulesMax) errors.push(tooMany(where, policy.rules.length, rulesMax));
  return [
    ...errors,
    ...each(where, policy.rules, (rulePath, { succeededIndexes, succeededCount }) => {
      if (succeededIndexes === undefined && succeededCount === undefined)
        return [required(rulePath, "at least one of succeededCount or succeededIndexes must be specified")];
      const countPath = child(rulePath, "succeededCount");
      if (succeededCount !== undefined && succeededCount > completions)
        return [
          invalid(
            countPath,
            succeededCount,
            `must be less than or equal to ${completions} (the number of specified completions)`,
          ),
        ];
      return succeededCount !== undefined && succeededCount <= 0
        ? [invalid(countPath, succeededCount, "must be greater than or equal to 0")]
        : [];
    }),
  ];
}
