/** PriorityClass of scheduling.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, int32, oneOf, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, boolean, integer, text } from "#machinery/table.ts";
import { checkPriorityClass } from "../cluster-rules.ts";

export const priorityClassShape = kind("api.scheduling.v1.PriorityClass", {
  value: int32(2).always().unlisted(),
  globalDefault: bool(3).dropZero(),
  description: string(4),
  preemptionPolicy: oneOf(5, ["PreemptLowerPriority", "Never"]).keepZero().default("PreemptLowerPriority"),
});
export interface PriorityClass extends Infer<typeof priorityClassShape> {}

export const priorityClasses = resource<PriorityClass>({
  group: "scheduling.k8s.io",
  version: "v1",
  kind: "PriorityClass",
  plural: "priorityclasses",
  shortNames: ["pc"],
  namespaced: false,
  shape: priorityClassShape,
  columns: [
    nameColumn,
    integer("Value", (one) => one.value),
    boolean("Global-Default", (one) => one.globalDefault ?? false),
    ageColumn,
    text("PreemptionPolicy", (one) => one.preemptionPolicy ?? ""),
  ],
  check: checkPriorityClass,
});
