/** ComponentStatus of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { listMap, object, string, type Infer } from "#machinery/shape.ts";
import { nameColumn, text } from "#machinery/table.ts";

export const componentConditionShape = object("api.core.v1.ComponentCondition", {
  type: string(1).always(),
  status: string(2).always(),
  message: string(3),
  error: string(4),
});
export interface ComponentCondition extends Infer<typeof componentConditionShape> {}

export const componentStatusShape = kind("api.core.v1.ComponentStatus", {
  conditions: listMap(2, ["type"], componentConditionShape).patchMerge("type"),
});
export interface ComponentStatus extends Infer<typeof componentStatusShape> {}

function healthOf(status: ComponentStatus): ComponentCondition | undefined {
  return status.conditions?.find((one) => one.type === "Healthy");
}

function healthText(status: ComponentStatus): string {
  const health = healthOf(status);
  if (health === undefined) return "Unknown";
  return health.status === "True" ? "Healthy" : "Unhealthy";
}

export const componentStatuses = resource<ComponentStatus>({
  group: "",
  version: "v1",
  kind: "ComponentStatus",
  plural: "componentstatuses",
  shortNames: ["cs"],
  namespaced: false,
  shape: componentStatusShape,
  columns: [
    nameColumn,
    text("Status", (one) => healthText(one)),
    text("Message", (one) => healthOf(one)?.message ?? ""),
    text("Error", (one) => healthOf(one)?.error ?? ""),
  ],
  verbs: ["get", "list"],
});
