/**
 * Horizontal pod autoscalers have two forms. The older one knows CPU only and keeps the rest in annotations; the newer
 * one is what is stored.
 */
import { own } from "#base/own.ts";
import type { ObjectMeta } from "#machinery/meta.ts";
import { untyped, type StoredAs, type CheckContext } from "#machinery/resource.ts";
import type { HorizontalPodAutoscaler } from "./horizontal-pod-autoscaler-v1.ts";
import {
  horizontalPodAutoscalers,
  type HorizontalPodAutoscaler as Full,
  type HorizontalPodAutoscalerBehavior,
  type HorizontalPodAutoscalerCondition,
  type MetricSpec,
  type MetricStatus,
} from "./horizontal-pod-autoscaler.ts";
import { checkHorizontalPodAutoscaler } from "./horizontal-pod-autoscaler-rules.ts";
import { type FieldError } from "#machinery/field-error.ts";

const prefix = "autoscaling.alpha.kubernetes.io/";
interface Kept {
  readonly metrics: readonly MetricSpec[];
  readonly "current-metrics": readonly MetricStatus[];
  readonly conditions: readonly HorizontalPodAutoscalerCondition[];
  readonly behavior: HorizontalPodAutoscalerBehavior;
}
const names: readonly (keyof Kept)[] = ["metrics", "current-metrics", "conditions", "behavior"];

const isCpu = ({ type, resource }: MetricSpec): boolean =>
  type === "Resource" && resource?.name === "cpu" && resource.target.averageUtilization !== undefined;

function cpu(averageUtilization: number): MetricSpec {
  return { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization } } };
}

/** What an annotation keeps; undefined when there is nothing, or nothing that can be read. */
function kept<N extends keyof Kept>(metadata: ObjectMeta, name: N): Kept[N] | undefined {
  const text = own(metadata.annotations, prefix + name);
  if (text === undefined) return undefined;
  try {
    // Holds for what this file wrote; whatever else is there is held to the rules of the newer form.
    return JSON.parse(text) as Kept[N];
  } catch {
    // As upstream: an annotation that is no JSON is passed over.
    return undefined;
  }
}

function withoutKept(metadata: ObjectMeta, added: Readonly<Record<string, unknown>>): ObjectMeta {
  const { annotations = {}, ...rest } = metadata;
  const own = new Set<string>(names.map((name) => prefix + name));
  const entries = Object.entries(annotations).filter(([key]) => !own.has(key));
  for (const [name, value] of Object.entries(added))
    if (value !== undefined) entries.push([prefix + name, JSON.stringify(value)]);
  return entries.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(entries) };
}

function someOf<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list && list.length > 0 ? list : undefined;
}

function toStored({ kind, metadata, spec, status }: HorizontalPodAutoscaler): Full {
  const { targetCPUUtilizationPercentage: percent, ...sameSpec } = spec;
  const { currentCPUUtilizationPercentage: now, ...sameStatus } = status;
  const own = percent === undefined ? [] : [cpu(percent)];
  const metrics = [...(kept(metadata, "metrics") ?? []), ...own];
  const behavior = kept(metadata, "behavior");
  const ownNow: readonly MetricStatus[] =
    now === undefined ? [] : [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: now } } }];
  const currentMetrics = kept(metadata, "current-metrics") ?? ownNow;
  const conditions = kept(metadata, "conditions");
  return {
    apiVersion: "autoscaling/v2",
    kind,
    metadata: withoutKept(metadata, {}),
    spec: { ...sameSpec, metrics: someOf(metrics) ?? [cpu(80)], ...(behavior ? { behavior } : {}) },
    status: { ...sameStatus, currentMetrics, ...(conditions ? { conditions } : {}) },
  };
}

function fromStored({ kind, metadata, spec, status }: Full): HorizontalPodAutoscaler {
  const { metrics = [], behavior, ...sameSpec } = spec;
  const { currentMetrics, conditions, currentReplicas = 0, ...sameStatus } = status;
  const goal = metrics.find(isCpu)?.resource?.target.averageUtilization;
  const now = currentMetrics?.findLast(({ resource }) => resource?.name === "cpu")?.resource?.current;
  const added = {
    metrics: someOf(metrics.filter((metric) => !isCpu(metric))),
    "current-metrics": someOf(currentMetrics),
    behavior,
    conditions: someOf(conditions),
  };
  const percent = now?.averageUtilization;
  return {
    apiVersion: "autoscaling/v1",
    kind,
    metadata: withoutKept(metadata, added),
    spec: { ...sameSpec, ...(goal === undefined ? {} : { targetCPUUtilizationPercentage: goal }) },
    status: {
      ...sameStatus,
      currentReplicas,
      ...(percent === undefined ? {} : { currentCPUUtilizationPercentage: percent }),
    },
  };
}

export const storedHorizontalPodAutoscaler: StoredAs<HorizontalPodAutoscaler> = {
  resource: () => untyped(horizontalPodAutoscalers),
  toStored,
  // Holds because only objects of that resource are stored there.
  fromStored: (stored) => fromStored(stored as Full),
};

/** What is wrong with an autoscaler of the older form. */
export function checkStoredAutoscaler(
  autoscaler: HorizontalPodAutoscaler,
  { old, subresource }: CheckContext<HorizontalPodAutoscaler>,
): readonly FieldError[] {
  return checkHorizontalPodAutoscaler(toStored(autoscaler), { old: old && toStored(old), subresource });
}
