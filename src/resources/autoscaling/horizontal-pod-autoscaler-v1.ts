/** HorizontalPodAutoscaler of autoscaling/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { atomicObject, int32, int64, object, of, string, time, type Infer } from "#machinery/shape.ts";
import { storedHorizontalPodAutoscaler, checkStoredAutoscaler } from "./stored-horizontal-pod-autoscaler.ts";

export const crossVersionObjectReferenceShape = atomicObject("api.autoscaling.v1.CrossVersionObjectReference", {
  kind: string(1).always(),
  name: string(2).always(),
  apiVersion: string(3),
});
export interface CrossVersionObjectReference extends Infer<typeof crossVersionObjectReferenceShape> {}

export const horizontalPodAutoscalerSpecShape = object("api.autoscaling.v1.HorizontalPodAutoscalerSpec", {
  scaleTargetRef: of(1, crossVersionObjectReferenceShape).always(),
  minReplicas: int32(2).default(1),
  maxReplicas: int32(3).always(),
  targetCPUUtilizationPercentage: int32(4),
});
export interface HorizontalPodAutoscalerSpec extends Infer<typeof horizontalPodAutoscalerSpecShape> {}

export const horizontalPodAutoscalerStatusShape = object("api.autoscaling.v1.HorizontalPodAutoscalerStatus", {
  observedGeneration: int64(1),
  lastScaleTime: time(2),
  currentReplicas: int32(3).always(),
  desiredReplicas: int32(4).always(),
  currentCPUUtilizationPercentage: int32(5),
});
export interface HorizontalPodAutoscalerStatus extends Infer<typeof horizontalPodAutoscalerStatusShape> {}

export const horizontalPodAutoscalerShape = kind("api.autoscaling.v1.HorizontalPodAutoscaler", {
  spec: of(2, horizontalPodAutoscalerSpecShape).always().unlisted(),
  status: of(3, horizontalPodAutoscalerStatusShape).always().unlisted(),
});
export interface HorizontalPodAutoscaler extends Infer<typeof horizontalPodAutoscalerShape> {}

export const horizontalPodAutoscalers = resource<HorizontalPodAutoscaler>({
  group: "autoscaling",
  version: "v1",
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
  shortNames: ["hpa"],
  categories: ["all"],
  namespaced: true,
  shape: horizontalPodAutoscalerShape,
  generationFields: [],
  storedAs: storedHorizontalPodAutoscaler,
  check: checkStoredAutoscaler,
});
