/** Rules of pod disruption budgets. */
import { invalid, type FieldError } from "#machinery/field-error.ts";
import { checkSelector } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { nonNegative } from "#machinery/rule.ts";
import { checkAtMostWhole, checkShare } from "../apps/workload-rules.ts";
import type { PodDisruptionBudget } from "./pod-disruption-budget.ts";

const counts = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] as const;

export function checkPodDisruptionBudget(
  { spec, status }: PodDisruptionBudget,
  { subresource }: CheckContext<PodDisruptionBudget>,
): readonly FieldError[] {
  if (subresource === "status") return counts.flatMap((name) => nonNegative(`status.${name}`, status[name]));
  const { minAvailable, maxUnavailable, selector } = spec;
  const errors = [
    ...checkShare("spec.minAvailable", minAvailable),
    ...checkAtMostWhole("spec.minAvailable", minAvailable),
    ...checkShare("spec.maxUnavailable", maxUnavailable),
    ...checkAtMostWhole("spec.maxUnavailable", maxUnavailable),
    ...checkSelector("spec.selector", selector),
  ];
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    errors.push(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
  return errors;
}
