/** Rules of where a pod may go: affinity, tolerations, spread, and the terms that select nodes. */
import {
  at,
  child,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
} from "#machinery/field-error.ts";
import type { LabelSelector } from "#machinery/meta.ts";
import { dnsLabel, dnsSubdomain, labelValue, qualifiedName } from "#machinery/names.ts";
import { checked, checkSelector } from "#machinery/object-meta-rules.ts";
import { each, positive } from "#machinery/rule.ts";
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from "./affinity.ts";
import type { Toleration, TopologySpreadConstraint } from "./pod-spec.ts";

function checkNodeRequirement(path: string, { key, operator, values = [] }: NodeSelectorRequirement): FieldError[] {
  const where = child(path, "values");
  const errors: FieldError[] = [];
  if ((operator === "In" || operator === "NotIn") && values.length === 0)
    errors.push(required(where, "must be specified when `operator` is 'In' or 'NotIn'"));
  if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0)
    errors.push(forbidden(where, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  if ((operator === "Gt" || operator === "Lt") && values.length !== 1)
    errors.push(required(where, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
  errors.push(...checked(child(path, "key"), key, qualifiedName));
  return [...errors, ...each(where, values, (valuePath, value) => checked(valuePath, value, labelValue))];
}

function checkNodeField(path: string, { key, operator, values = [] }: NodeSelectorRequirement): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== "In" && operator !== "NotIn")
    errors.push(invalid(child(path, "operator"), operator, "not a valid selector operator"));
  else if (values.length !== 1)
    errors.push(
      required(
        child(path, "values"),
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      ),
    );
  if (key !== "metadata.name") return [...errors, invalid(child(path, "key"), key, "not a valid field selector key")];
  return [
    ...errors,
    ...each(child(path, "values"), values, (valuePath, value) => checked(valuePath, value, dnsSubdomain)),
  ];
}

function checkTerm(path: string, term: NodeSelectorTerm): FieldError[] {
  return [
    ...each(child(path, "matchExpressions"), term.matchExpressions, checkNodeRequirement),
    ...each(child(path, "matchFields"), term.matchFields, checkNodeField),
  ];
}

export function checkNodeSelector(path: string, { nodeSelectorTerms }: NodeSelector): FieldError[] {
  const where = child(path, "nodeSelectorTerms");
  if (nodeSelectorTerms.length === 0) return [required(where, "must have at least one node selector term")];
  return each(where, nodeSelectorTerms, checkTerm);
}

function checkWeight(path: string, weight: number): FieldError[] {
  return weight >= 1 && weight <= 100 ? [] : [invalid(child(path, "weight"), weight, "must be in the range 1-100")];
}

interface KeyLists {
  readonly matchLabelKeys?: readonly string[] | undefined;
  readonly mismatchLabelKeys?: readonly string[] | undefined;
  readonly labelSelector?: LabelSelector | undefined;
}

function checkLabelKeys(path: string, lists: KeyLists): FieldError[] {
  const { matchLabelKeys = [], mismatchLabelKeys = [], labelSelector } = lists;
  const errors: FieldError[] = [];
  for (const [name, keys] of [
    ["matchLabelKeys", matchLabelKeys] as const,
    ["mismatchLabelKeys", mismatchLabelKeys] as const,
  ]) {
    if (keys.length === 0) continue;
    if (labelSelector === undefined)
      errors.push(forbidden(child(path, name), "must not be specified when labelSelector is not set"));
    else errors.push(...each(child(path, name), keys, (where, key) => checked(where, key, qualifiedName)));
  }
  const selected = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  const places = firstPlaces(matchLabelKeys);
  const mismatched = new Set(mismatchLabelKeys);
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const index = places.get(key);
    if (index !== undefined && selected.has(key))
      errors.push(invalid(at(path, index), key, "exists in both matchLabelKeys and labelSelector"));
    selected.add(key);
  }
  for (const [index, key] of matchLabelKeys.entries())
    if (mismatched.has(key))
      errors.push(
        invalid(at(child(path, "matchLabelKeys"), index), key, "exists in both matchLabelKeys and mismatchLabelKeys"),
      );
  return errors;
}

/** Where each text stands first. */
function firstPlaces(texts: readonly string[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const [index, text] of texts.entries()) if (!places.has(text)) places.set(text, index);
  return places;
}

function checkPodTerm(path: string, term: PodAffinityTerm): FieldError[] {
  const where = child(path, "topologyKey");
  return [
    ...checkSelector(child(path, "labelSelector"), term.labelSelector),
    ...checkSelector(child(path, "namespaceSelector"), term.namespaceSelector),
    ...(term.namespaces ?? []).flatMap((name) => checked(child(path, "namespace"), name, dnsLabel)),
    ...checkLabelKeys(path, term),
    ...(term.topologyKey === "" ? [required(where, "can not be empty")] : []),
    ...checked(where, term.topologyKey, qualifiedName),
  ];
}

function checkPodAffinity(path: string, affinity: PodAffinity | undefined): FieldError[] {
  return [
    ...each(
      child(path, "requiredDuringSchedulingIgnoredDuringExecution"),
      affinity?.requiredDuringSchedulingIgnoredDuringExecution,
      checkPodTerm,
    ),
    ...each(
      child(path, "preferredDuringSchedulingIgnoredDuringExecution"),
      affinity?.preferredDuringSchedulingIgnoredDuringExecution,
      (where, { weight, podAffinityTerm }) => [
        ...checkWeight(where, weight),
        ...checkPodTerm(child(where, "podAffinityTerm"), podAffinityTerm),
      ],
    ),
  ];
}

export function checkAffinity(path: string, affinity: Affinity | undefined): FieldError[] {
  const nodePath = child(path, "nodeAffinity");
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return [
    ...(required ? checkNodeSelector(child(nodePath, "requiredDuringSchedulingIgnoredDuringExecution"), required) : []),
    ...each(
      child(nodePath, "preferredDuringSchedulingIgnoredDuringExecution"),
      affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution,
      (where, { weight, preference }) => [
        ...checkWeight(where, weight),
        ...checkTerm(child(where, "preference"), preference),
      ],
    ),
    ...checkPodAffinity(child(path, "podAffinity"), affinity?.podAffinity),
    ...checkPodAffinity(child(path, "podAntiAffinity"), affinity?.podAntiAffinity),
  ];
}

export function checkToleration(path: string, toleration: Toleration): FieldError[] {
  const { key = "", operator = "", value = "", effect = "", tolerationSeconds } = toleration;
  const where = child(path, "operator");
  const errors = key === "" ? [] : checked(child(path, "key"), key, qualifiedName);
  if (key === "" && operator !== "Exists")
    errors.push(
      invalid(
        where,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (tolerationSeconds !== undefined && effect !== "NoExecute")
    errors.push(invalid(child(path, "effect"), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  if (operator === "Exists") {
    if (value !== "") errors.push(invalid(where, value, "value must be empty when `operator` is 'Exists'"));
  } else if (operator === "Lt" || operator === "Gt") errors.push(notSupported(where, operator, ["Equal", "Exists"]));
  else {
    const problems = labelValue(value);
    if (problems.length > 0) errors.push(invalid(where, value, problems.join(";")));
  }
  return errors;
}

export function checkSpread(path: string, constraints: readonly TopologySpreadConstraint[] | undefined): FieldError[] {
  const pairOf = ({ topologyKey, whenUnsatisfiable }: TopologySpreadConstraint): string =>
    JSON.stringify([topologyKey, whenUnsatisfiable]);
  const lastPlaces = new Map(constraints?.map((constraint, index) => [pairOf(constraint), index]));
  return each(path, constraints, (where, constraint, index) => {
    const { topologyKey, whenUnsatisfiable, minDomains } = constraint;
    const errors = [
      ...positive(child(where, "maxSkew"), constraint.maxSkew),
      ...(topologyKey === "" ? [required(child(where, "topologyKey"), "can not be empty")] : []),
      ...positive(child(where, "minDomains"), minDomains),
      ...checkLabelKeys(where, constraint),
      ...checkSelector(child(where, "labelSelector"), constraint.labelSelector),
    ];
    if (whenUnsatisfiable === ("" as string))
      errors.push(notSupported(child(where, "whenUnsatisfiable"), "", ["DoNotSchedule", "ScheduleAnyway"]));
    if (lastPlaces.get(pairOf(constraint)) !== index)
      errors.push(
        duplicate(child(where, "{topologyKey, whenUnsatisfiable}"), `{${topologyKey}, ${whenUnsatisfiable}}`),
      );
    if (minDomains !== undefined && whenUnsatisfiable !== "DoNotSchedule")
      errors.push(
        invalid(
          child(where, "minDomains"),
          minDomains,
          `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
        ),
      );
    return errors;
  });
}
