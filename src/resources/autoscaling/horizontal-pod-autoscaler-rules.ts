/** Rules of horizontal pod autoscalers. */
import { own } from "#base/own.ts";
import { child, forbidden, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { pathSegment } from "#machinery/names.ts";
import { checked, checkSelector } from "#machinery/object-meta-rules.ts";
import { Quantity } from "#machinery/quantity.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each, nonNegative, positive } from "#machinery/rule.ts";
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from "./horizontal-pod-autoscaler.ts";

const windowSecondsMax = 3600;
const periodSecondsMax = 1800;

function checkReference(path: string, { kind, name }: CrossVersionObjectReference): FieldError[] {
  const named = (key: string, text: string): FieldError[] =>
    text === "" ? [required(child(path, key))] : checked(child(path, key), text, pathSegment);
  return [...named("kind", kind), ...named("name", name)];
}

function checkRules(path: string, rules: HPAScalingRules | undefined): FieldError[] {
  if (!rules) return [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [] } = rules;
  const where = child(path, "stabilizationWindowSeconds");
  const errors: FieldError[] = [];
  if (window !== undefined && window < 0) errors.push(invalid(where, window, "must be greater than or equal to zero"));
  if (window !== undefined && window > windowSecondsMax)
    errors.push(invalid(where, window, `must be less than or equal to ${windowSecondsMax}`));
  if (selectPolicy !== undefined && !["Disabled", "Max", "Min"].includes(selectPolicy))
    errors.push(notSupported(child(path, "selectPolicy"), selectPolicy, ["Disabled", "Max", "Min"]));
  if (policies.length === 0) errors.push(required(child(path, "policies"), "must specify at least one Policy"));
  return [
    ...errors,
    ...each(child(path, "policies"), policies, (at, { type, value, periodSeconds }) => [
      ...(type === "Pods" || type === "Percent" ? [] : [notSupported(child(at, "type"), type, ["Percent", "Pods"])]),
      ...positive(child(at, "value"), value),
      ...positive(child(at, "periodSeconds"), periodSeconds),
      ...(periodSeconds > periodSecondsMax
        ? [invalid(child(at, "periodSeconds"), periodSeconds, `must be less than or equal to ${periodSecondsMax}`)]
        : []),
    ]),
  ];
}

function checkTarget(path: string, target: MetricTarget): FieldError[] {
  const { type, value, averageValue, averageUtilization } = target;
  const types = ["Utilization", "Value", "AverageValue"];
  const errors: FieldError[] = [];
  if (type === "") errors.push(required(child(path, "type"), "must specify a metric target type"));
  if (!types.includes(type))
    errors.push(invalid(child(path, "type"), type, "must be either Utilization, Value, or AverageValue"));
  for (const [name, text] of [["value", value] as const, ["averageValue", averageValue] as const])
    if (text !== undefined && Quantity.parse(text).compare(Quantity.zero) <= 0)
      errors.push(invalid(child(path, name), text, "must be positive"));
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalid(child(path, "averageUtilization"), averageUtilization, "must be greater than 0"));
  return errors;
}

function checkIdentifier(path: string, { name, selector }: MetricIdentifier): FieldError[] {
  const errors =
    name === ""
      ? [required(child(path, "name"), "must specify a metric name")]
      : checked(child(path, "name"), name, pathSegment);
  return [...errors, ...checkSelector(child(path, "selector"), selector)];
}

/** Of CPU and the like: a percentage, or an amount, and not both. */
function checkResource(path: string, name: string, target: MetricTarget): FieldError[] {
  const where = child(path, "target");
  const { averageUtilization, averageValue } = target;
  const errors = name === "" ? [required(child(path, "name"), "must specify a resource name")] : [];
  errors.push(...checkTarget(where, target));
  if (averageUtilization === undefined && averageValue === undefined)
    errors.push(
      required(child(where, "averageUtilization"), "must set either a target raw value or a target utilization"),
    );
  if (averageUtilization !== undefined && averageValue !== undefined)
    errors.push(
      forbidden(child(where, "averageValue"), "may not set both a target raw value and a target utilization"),
    );
  return errors;
}

function checkSource(path: string, { object, external, pods, resource, containerResource }: MetricSpec): FieldError[] {
  if (resource) return checkResource(child(path, "resource"), resource.name, resource.target);
  if (containerResource) {
    const where = child(path, "containerResource");
    const errors = checkResource(where, containerResource.name, containerResource.target);
    return containerResource.container === ""
      ? [...errors, required(child(where, "container"), "must specify a container")]
      : errors;
  }
  const [name, source] = object ? ["object", object] : external ? ["external", external] : ["pods", pods];
  if (!source) return [];
  const where = child(path, name);
  const errors = [
    ...checkIdentifier(child(where, "metric"), source.metric),
    ...checkTarget(child(where, "target"), source.target),
    ...(object ? checkReference(child(where, "describedObject"), object.describedObject) : []),
  ];
  const { value, averageValue } = source.target;
  const missing = {
    object: "must set either a target value or averageValue",
    external: "must set either a target value for metric or a per-pod target",
    pods: "must specify a positive target averageValue",
  };
  if (averageValue === undefined && (value === undefined || pods))
    errors.push(
      required(`${where}.target.averageValue`, object ? missing.object : external ? missing.external : missing.pods),
    );
  if (external && value !== undefined && averageValue !== undefined)
    errors.push(forbidden(`${where}.target.value`, "may not set both a target value for metric and a per-pod target"));
  return errors;
}

const sourceOf: Readonly<Record<string, string & keyof MetricSpec>> = {
  ContainerResource: "containerResource",
  External: "external",
  Object: "object",
  Pods: "pods",
  Resource: "resource",
};

function checkMetric(path: string, metric: MetricSpec): FieldError[] {
  const wanted = own(sourceOf, metric.type);
  const present = Object.values(sourceOf).filter((name) => metric[name] !== undefined);
  const errors: FieldError[] = [];
  if (metric.type === "") errors.push(required(child(path, "type"), "must specify a metric source type"));
  if (wanted === undefined) errors.push(notSupported(child(path, "type"), metric.type, Object.keys(sourceOf)));
  else if (metric[wanted] === undefined)
    errors.push(required(child(path, wanted), "must populate information for the given metric source"));
  if (present.length !== 1)
    for (const name of present)
      if (name !== wanted) errors.push(forbidden(child(path, name), "must populate the given metric source only"));
  return [...errors, ...checkSource(path, metric)];
}

export function checkHorizontalPodAutoscaler(
  { spec, status }: HorizontalPodAutoscaler,
  { subresource }: CheckContext<HorizontalPodAutoscaler>,
): readonly FieldError[] {
  if (subresource === "status")
    return [
      ...nonNegative("status.currentReplicas", status.currentReplicas),
      ...nonNegative("status.desiredReplicas", status.desiredReplicas),
    ];
  const { minReplicas = 1, maxReplicas, behavior } = spec;
  const errors: FieldError[] = [];
  if (minReplicas < 1) errors.push(invalid("spec.minReplicas", minReplicas, "must be greater than or equal to 1"));
  if (maxReplicas < 1) errors.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than 0"));
  if (maxReplicas < minReplicas)
    errors.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"));
  return [
    ...errors,
    ...checkReference("spec.scaleTargetRef", spec.scaleTargetRef),
    ...each("spec.metrics", spec.metrics, checkMetric),
    ...checkRules("spec.behavior.scaleUp", behavior?.scaleUp),
    ...checkRules("spec.behavior.scaleDown", behavior?.scaleDown),
  ];
}
