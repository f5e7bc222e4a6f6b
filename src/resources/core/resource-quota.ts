/** ResourceQuota of the core group/v1. */
import { own } from "#base/own.ts";
import { kind, resource } from "#machinery/resource.ts";
import {
  atomicObject,
  enumShape,
  list,
  map,
  object,
  of,
  oneOf,
  quantityText,
  str,
  type Infer,
} from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkResourceQuota } from "./quota-rules.ts";

export const scopedResourceSelectorRequirementShape = object("api.core.v1.ScopedResourceSelectorRequirement", {
  scopeName: oneOf(1, [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
  ]).always(),
  operator: oneOf(2, ["In", "NotIn", "Exists", "DoesNotExist"]).always(),
  values: list(3, str),
});
export interface ScopedResourceSelectorRequirement extends Infer<typeof scopedResourceSelectorRequirementShape> {}

export const scopeSelectorShape = atomicObject("api.core.v1.ScopeSelector", {
  matchExpressions: list(1, scopedResourceSelectorRequirementShape),
});
export interface ScopeSelector extends Infer<typeof scopeSelectorShape> {}

export const resourceQuotaSpecShape = object("api.core.v1.ResourceQuotaSpec", {
  hard: map(1, quantityText),
  scopes: list(
    2,
    enumShape([
      "Terminating",
      "NotTerminating",
      "BestEffort",
      "NotBestEffort",
      "PriorityClass",
      "CrossNamespacePodAffinity",
      "VolumeAttributesClass",
    ]),
  ),
  scopeSelector: of(3, scopeSelectorShape),
});
export interface ResourceQuotaSpec extends Infer<typeof resourceQuotaSpecShape> {}

export const resourceQuotaStatusShape = object("api.core.v1.ResourceQuotaStatus", {
  hard: map(1, quantityText),
  used: map(2, quantityText),
});
export interface ResourceQuotaStatus extends Infer<typeof resourceQuotaStatusShape> {}

export const resourceQuotaShape = kind("api.core.v1.ResourceQuota", {
  spec: of(2, resourceQuotaSpecShape).always().unlisted(),
  status: of(3, resourceQuotaStatusShape).always().unlisted(),
});
export interface ResourceQuota extends Infer<typeof resourceQuotaShape> {}

/** Used of hard, either of limits or of everything else. */
function quotaText({ status }: ResourceQuota, limits: boolean): string {
  const { hard = {}, used = {} } = status;
  return Object.keys(hard)
    .filter((name) => name.startsWith("limits.") === limits)
    .sort()
    .map((name) => `${name}: ${own(used, name) ?? "0"}/${own(hard, name)}`)
    .join(", ");
}

export const resourceQuotas = resource<ResourceQuota>({
  group: "",
  version: "v1",
  kind: "ResourceQuota",
  plural: "resourcequotas",
  shortNames: ["quota"],
  namespaced: true,
  shape: resourceQuotaShape,
  columns: [
    nameColumn,
    text("Request", (one) => quotaText(one, false)),
    text("Limit", (one) => quotaText(one, true)),
    ageColumn,
  ],
  generationFields: [],
  check: checkResourceQuota,
});
