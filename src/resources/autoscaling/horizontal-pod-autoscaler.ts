/** HorizontalPodAutoscaler of autoscaling/v2. */
import { labelSelector } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { int32, int64, list, listMap, object, of, quantity, string, time, type Infer } from "#machinery/shape.ts";
import { horizontalPodAutoscalerColumns } from "./horizontal-pod-autoscaler-columns.ts";
import { defaultHorizontalPodAutoscaler } from "./horizontal-pod-autoscaler-defaults.ts";
import { checkHorizontalPodAutoscaler } from "./horizontal-pod-autoscaler-rules.ts";

export const crossVersionObjectReferenceShape = object("api.autoscaling.v2.CrossVersionObjectReference", {
  kind: string(1).always(),
  name: string(2).always(),
  apiVersion: string(3),
});
export interface CrossVersionObjectReference extends Infer<typeof crossVersionObjectReferenceShape> {}

export const metricTargetShape = object("api.autoscaling.v2.MetricTarget", {
  type: string(1).always(),
  value: quantity(2),
  averageValue: quantity(3),
  averageUtilization: int32(4),
});
export interface MetricTarget extends Infer<typeof metricTargetShape> {}

export const metricIdentifierShape = object("api.autoscaling.v2.MetricIdentifier", {
  name: string(1).always(),
  selector: of(2, labelSelector),
});
export interface MetricIdentifier extends Infer<typeof metricIdentifierShape> {}

export const objectMetricSourceShape = object("api.autoscaling.v2.ObjectMetricSource", {
  describedObject: of(1, crossVersionObjectReferenceShape).always(),
  target: of(2, metricTargetShape).always(),
  metric: of(3, metricIdentifierShape).always(),
});
export interface ObjectMetricSource extends Infer<typeof objectMetricSourceShape> {}

export const podsMetricSourceShape = object("api.autoscaling.v2.PodsMetricSource", {
  metric: of(1, metricIdentifierShape).always(),
  target: of(2, metricTargetShape).always(),
});
export interface PodsMetricSource extends Infer<typeof podsMetricSourceShape> {}

export const resourceMetricSourceShape = object("api.autoscaling.v2.ResourceMetricSource", {
  name: string(1).always(),
  target: of(2, metricTargetShape).always(),
});
export interface ResourceMetricSource extends Infer<typeof resourceMetricSourceShape> {}

export const containerResourceMetricSourceShape = object("api.autoscaling.v2.ContainerResourceMetricSource", {
  name: string(1).always(),
  target: of(2, metricTargetShape).always(),
  container: string(3).always(),
});
export interface ContainerResourceMetricSource extends Infer<typeof containerResourceMetricSourceShape> {}

export const externalMetricSourceShape = object("api.autoscaling.v2.ExternalMetricSource", {
  metric: of(1, metricIdentifierShape).always(),
  target: of(2, metricTargetShape).always(),
});
export interface ExternalMetricSource extends Infer<typeof externalMetricSourceShape> {}

export const metricSpecShape = object("api.autoscaling.v2.MetricSpec", {
  type: string(1).always(),
  object: of(2, objectMetricSourceShape),
  pods: of(3, podsMetricSourceShape),
  resource: of(4, resourceMetricSourceShape),
  containerResource: of(7, containerResourceMetricSourceShape),
  external: of(5, externalMetricSourceShape),
});
export interface MetricSpec extends Infer<typeof metricSpecShape> {}

export const hpaScalingPolicyShape = object("api.autoscaling.v2.HPAScalingPolicy", {
  type: string(1).always(),
  value: int32(2).always(),
  periodSeconds: int32(3).always(),
});
export interface HPAScalingPolicy extends Infer<typeof hpaScalingPolicyShape> {}

export const hpaScalingRulesShape = object("api.autoscaling.v2.HPAScalingRules", {
  stabilizationWindowSeconds: int32(3),
  selectPolicy: string(1).keepZero(),
  policies: list(2, hpaScalingPolicyShape),
  tolerance: quantity(4),
});
export interface HPAScalingRules extends Infer<typeof hpaScalingRulesShape> {}

export const horizontalPodAutoscalerBehaviorShape = object("api.autoscaling.v2.HorizontalPodAutoscalerBehavior", {
  scaleUp: of(1, hpaScalingRulesShape),
  scaleDown: of(2, hpaScalingRulesShape),
});
export interface HorizontalPodAutoscalerBehavior extends Infer<typeof horizontalPodAutoscalerBehaviorShape> {}

export const horizontalPodAutoscalerSpecShape = object("api.autoscaling.v2.HorizontalPodAutoscalerSpec", {
  scaleTargetRef: of(1, crossVersionObjectReferenceShape).always(),
  minReplicas: int32(2).default(1),
  maxReplicas: int32(3).always(),
  metrics: list(4, metricSpecShape),
  behavior: of(5, horizontalPodAutoscalerBehaviorShape),
});
export interface HorizontalPodAutoscalerSpec extends Infer<typeof horizontalPodAutoscalerSpecShape> {}

export const metricValueStatusShape = object("api.autoscaling.v2.MetricValueStatus", {
  value: quantity(1),
  averageValue: quantity(2),
  averageUtilization: int32(3),
});
export interface MetricValueStatus extends Infer<typeof metricValueStatusShape> {}

export const objectMetricStatusShape = object("api.autoscaling.v2.ObjectMetricStatus", {
  metric: of(1, metricIdentifierShape).always(),
  current: of(2, metricValueStatusShape).always(),
  describedObject: of(3, crossVersionObjectReferenceShape).always(),
});
export interface ObjectMetricStatus extends Infer<typeof objectMetricStatusShape> {}

export const podsMetricStatusShape = object("api.autoscaling.v2.PodsMetricStatus", {
  metric: of(1, metricIdentifierShape).always(),
  current: of(2, metricValueStatusShape).always(),
});
export interface PodsMetricStatus extends Infer<typeof podsMetricStatusShape> {}

export const resourceMetricStatusShape = object("api.autoscaling.v2.ResourceMetricStatus", {
  name: string(1).always(),
  current: of(2, metricValueStatusShape).always(),
});
export interface ResourceMetricStatus extends Infer<typeof resourceMetricStatusShape> {}

export const containerResourceMetricStatusShape = object("api.autoscaling.v2.ContainerResourceMetricStatus", {
  name: string(1).always(),
  current: of(2, metricValueStatusShape).always(),
  container: string(3).always(),
});
export interface ContainerResourceMetricStatus extends Infer<typeof containerResourceMetricStatusShape> {}

export const externalMetricStatusShape = object("api.autoscaling.v2.ExternalMetricStatus", {
  metric: of(1, metricIdentifierShape).always(),
  current: of(2, metricValueStatusShape).always(),
});
export interface ExternalMetricStatus extends Infer<typeof externalMetricStatusShape> {}

export const metricStatusShape = object("api.autoscaling.v2.MetricStatus", {
  type: string(1).always(),
  object: of(2, objectMetricStatusShape),
  pods: of(3, podsMetricStatusShape),
  resource: of(4, resourceMetricStatusShape),
  containerResource: of(7, containerResourceMetricStatusShape),
  external: of(5, externalMetricStatusShape),
});
export interface MetricStatus extends Infer<typeof metricStatusShape> {}

export const horizontalPodAutoscalerConditionShape = object("api.autoscaling.v2.HorizontalPodAutoscalerCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastTransitionTime: time(3),
  reason: string(4),
  message: string(5),
});
export interface HorizontalPodAutoscalerCondition extends Infer<typeof horizontalPodAutoscalerConditionShape> {}

export const horizontalPodAutoscalerStatusShape = object("api.autoscaling.v2.HorizontalPodAutoscalerStatus", {
  observedGeneration: int64(1),
  lastScaleTime: time(2),
  currentReplicas: int32(3).dropZero(),
  desiredReplicas: int32(4).always(),
  currentMetrics: list(5, metricStatusShape).always().unlisted(),
  conditions: listMap(6, ["type"], horizontalPodAutoscalerConditionShape).patchMerge("type"),
});
export interface HorizontalPodAutoscalerStatus extends Infer<typeof horizontalPodAutoscalerStatusShape> {}

export const horizontalPodAutoscalerShape = kind("api.autoscaling.v2.HorizontalPodAutoscaler", {
  spec: of(2, horizontalPodAutoscalerSpecShape).always().unlisted(),
  status: of(3, horizontalPodAutoscalerStatusShape).always().unlisted(),
});
export interface HorizontalPodAutoscaler extends Infer<typeof horizontalPodAutoscalerShape> {}

export const horizontalPodAutoscalers = resource<HorizontalPodAutoscaler>({
  group: "autoscaling",
  version: "v2",
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
  shortNames: ["hpa"],
  categories: ["all"],
  namespaced: true,
  shape: horizontalPodAutoscalerShape,
  columns: horizontalPodAutoscalerColumns,
  generationFields: [],
  defaults: defaultHorizontalPodAutoscaler,
  check: checkHorizontalPodAutoscaler,
});
