/** The columns of horizontal pod autoscalers. */
import type { Column } from "#machinery/resource.ts";
import { ageColumn, integer, nameColumn, text } from "#machinery/table.ts";
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from "./horizontal-pod-autoscaler.ts";

const metricsMax = 2;

/** Of CPU or memory: an average value or a percentage, after the resource's name. */
function resourceText(name: string, target: MetricTarget, current: MetricValueStatus | undefined): string {
  if (target.averageValue !== undefined)
    return `${name}: ${current ? (current.averageValue ?? "0") : "<unknown>"}/${target.averageValue}`;
  const now = current?.averageUtilization;
  const goal = target.averageUtilization;
  return `${name}: ${now === undefined ? "<unknown>" : `${now}%`}/${goal === undefined ? "<auto>" : `${goal}%`}`;
}

/** Of an object or of something outside the cluster. */
function valueText(target: MetricTarget, current: MetricValueStatus | undefined): string {
  if (target.averageValue !== undefined) return `${current?.averageValue ?? "<unknown>"}/${target.averageValue} (avg)`;
  return `${current ? (current.value ?? "0") : "<unknown>"}/${target.value ?? "0"}`;
}

function metricText(metric: MetricSpec, status: MetricStatus | undefined): string {
  const { resource, containerResource, pods, object, external } = metric;
  if (metric.type === "Resource" && resource)
    return resourceText(resource.name, resource.target, status?.resource?.current);
  if (metric.type === "ContainerResource" && containerResource)
    return resourceText(containerResource.name, containerResource.target, status?.containerResource?.current);
  if (metric.type === "Pods" && pods) {
    const current = status?.pods?.current;
    return `${current ? (current.averageValue ?? "0") : "<unknown>"}/${pods.target.averageValue ?? "0"}`;
  }
  if (metric.type === "Object" && object) return valueText(object.target, status?.object?.current);
  if (metric.type === "External" && external) return valueText(external.target, status?.external?.current);
  return "<unknown type>";
}

function metricsText({ spec: { metrics = [] }, status }: HorizontalPodAutoscaler): string {
  if (metrics.length === 0) return "<none>";
  const texts = metrics.map((metric, index) => metricText(metric, status.currentMetrics?.[index]));
  const more = texts.length > metricsMax ? ` + ${texts.length - metricsMax} more...` : "";
  return `${texts.slice(0, metricsMax).join(", ")}${more}`;
}

export const horizontalPodAutoscalerColumns: readonly Column<HorizontalPodAutoscaler>[] = [
  nameColumn,
  text("Reference", ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`),
  text("Targets", metricsText),
  text("MinPods", (autoscaler) => String(autoscaler.spec.minReplicas ?? "<unset>")),
  integer("MaxPods", (autoscaler) => autoscaler.spec.maxReplicas),
  integer("Replicas", (autoscaler) => autoscaler.status.currentReplicas ?? 0),
  ageColumn,
];
