/** PodDisruptionBudget of policy/v1. */
import { condition, labelSelector } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { int32, int64, intOrString, listMap, map, object, of, oneOf, timeText, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { checkPodDisruptionBudget } from "./pod-disruption-budget-rules.ts";

export const podDisruptionBudgetSpecShape = object("api.policy.v1.PodDisruptionBudgetSpec", {
  minAvailable: intOrString(1),
  selector: of(2, labelSelector).patchRule({ strategy: "replace" }),
  maxUnavailable: intOrString(3),
  unhealthyPodEvictionPolicy: oneOf(4, ["IfHealthyBudget", "AlwaysAllow"]).keepZero(),
});
export interface PodDisruptionBudgetSpec extends Infer<typeof podDisruptionBudgetSpecShape> {}

export const podDisruptionBudgetStatusShape = object("api.policy.v1.PodDisruptionBudgetStatus", {
  observedGeneration: int64(1).dropZero(),
  disruptedPods: map(2, timeText),
  disruptionsAllowed: int32(3).always().unlisted(),
  currentHealthy: int32(4).always().unlisted(),
  desiredHealthy: int32(5).always().unlisted(),
  expectedPods: int32(6).always().unlisted(),
  conditions: listMap(7, ["type"], condition).patchMerge("type"),
});
export interface PodDisruptionBudgetStatus extends Infer<typeof podDisruptionBudgetStatusShape> {}

export const podDisruptionBudgetShape = kind("api.policy.v1.PodDisruptionBudget", {
  spec: of(2, podDisruptionBudgetSpecShape).always().unlisted(),
  status: of(3, podDisruptionBudgetStatusShape).always().unlisted(),
});
export interface PodDisruptionBudget extends Infer<typeof podDisruptionBudgetShape> {}

export const podDisruptionBudgets = resource<PodDisruptionBudget>({
  group: "policy",
  version: "v1",
  kind: "PodDisruptionBudget",
  plural: "poddisruptionbudgets",
  shortNames: ["pdb"],
  namespaced: true,
  shape: podDisruptionBudgetShape,
  columns: [
    nameColumn,
    text("Min Available", (one) => String(one.spec.minAvailable ?? "N/A")),
    text("Max Unavailable", (one) => String(one.spec.maxUnavailable ?? "N/A")),
    integer("Allowed Disruptions", (one) => one.status.disruptionsAllowed),
    ageColumn,
  ],
  check: checkPodDisruptionBudget,
});
