/** Affinity: messages that kinds of core/v1 are made of. */
import { labelSelector } from "#machinery/meta.ts";
import { atomicObject, int32, list, object, of, oneOf, str, string, type Infer } from "#machinery/shape.ts";

export const nodeSelectorRequirementShape = object("api.core.v1.NodeSelectorRequirement", {
  key: string(1).always(),
  operator: oneOf(2, ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]).always(),
  values: list(3, str),
});
export interface NodeSelectorRequirement extends Infer<typeof nodeSelectorRequirementShape> {}

export const nodeSelectorTermShape = atomicObject("api.core.v1.NodeSelectorTerm", {
  matchExpressions: list(1, nodeSelectorRequirementShape),
  matchFields: list(2, nodeSelectorRequirementShape),
});
export interface NodeSelectorTerm extends Infer<typeof nodeSelectorTermShape> {}

export const nodeSelectorShape = atomicObject("api.core.v1.NodeSelector", {
  nodeSelectorTerms: list(1, nodeSelectorTermShape).always(),
});
export interface NodeSelector extends Infer<typeof nodeSelectorShape> {}

export const preferredSchedulingTermShape = object("api.core.v1.PreferredSchedulingTerm", {
  weight: int32(1).always(),
  preference: of(2, nodeSelectorTermShape).always(),
});
export interface PreferredSchedulingTerm extends Infer<typeof preferredSchedulingTermShape> {}

export const nodeAffinityShape = object("api.core.v1.NodeAffinity", {
  requiredDuringSchedulingIgnoredDuringExecution: of(1, nodeSelectorShape),
  preferredDuringSchedulingIgnoredDuringExecution: list(2, preferredSchedulingTermShape),
});
export interface NodeAffinity extends Infer<typeof nodeAffinityShape> {}

export const podAffinityTermShape = object("api.core.v1.PodAffinityTerm", {
  labelSelector: of(1, labelSelector),
  namespaces: list(2, str),
  topologyKey: string(3).always(),
  namespaceSelector: of(4, labelSelector),
  matchLabelKeys: list(5, str),
  mismatchLabelKeys: list(6, str),
});
export interface PodAffinityTerm extends Infer<typeof podAffinityTermShape> {}

export const weightedPodAffinityTermShape = object("api.core.v1.WeightedPodAffinityTerm", {
  weight: int32(1).always(),
  podAffinityTerm: of(2, podAffinityTermShape).always(),
});
export interface WeightedPodAffinityTerm extends Infer<typeof weightedPodAffinityTermShape> {}

export const podAffinityShape = object("api.core.v1.PodAffinity", {
  requiredDuringSchedulingIgnoredDuringExecution: list(1, podAffinityTermShape),
  preferredDuringSchedulingIgnoredDuringExecution: list(2, weightedPodAffinityTermShape),
});
export interface PodAffinity extends Infer<typeof podAffinityShape> {}

export const podAntiAffinityShape = object("api.core.v1.PodAntiAffinity", {
  requiredDuringSchedulingIgnoredDuringExecution: list(1, podAffinityTermShape),
  preferredDuringSchedulingIgnoredDuringExecution: list(2, weightedPodAffinityTermShape),
});
export interface PodAntiAffinity extends Infer<typeof podAntiAffinityShape> {}

export const affinityShape = object("api.core.v1.Affinity", {
  nodeAffinity: of(1, nodeAffinityShape),
  podAffinity: of(2, podAffinityShape),
  podAntiAffinity: of(3, podAntiAffinityShape),
});
export interface Affinity extends Infer<typeof affinityShape> {}
