/** Rules of resource quotas and limit ranges. */
import { own } from "#base/own.ts";
import { at, child, duplicate, forbidden, invalid, required, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { qualifiedName } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import { Quantity } from "#machinery/quantity.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { LimitRange, LimitRangeItem } from "./limit-range.ts";
import {
  checkAmount,
  checkContainerResourceName,
  checkQuotaResourceName,
  checkResourceName,
  isOvercommitAllowed,
  isQuotaResource,
} from "./resource-amount-rules.ts";
import type { ResourceQuota, ResourceQuotaSpec } from "./resource-quota.ts";

type Amounts = Readonly<Record<string, string>>;

function checkAmounts(path: string, amounts: Amounts | undefined): FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, text]) => [
    ...checkQuotaResourceName(at(path, name), name),
    ...checkAmount(at(path, name), name, text),
  ]);
}

const computeNames = /^(?:(?:requests|limits)\.)?(?:cpu|memory|ephemeral-storage)$|^pods$/;

/** Which resources a scope can tell apart. */
function scopeFits(scope: string, name: string): boolean {
  if (scope === "BestEffort") return name === "pods";
  if (scope === "VolumeAttributesClass") return name === "persistentvolumeclaims" || name === "requests.storage";
  return computeNames.test(name);
}

function checkPairs(path: string, scopes: readonly string[], value: unknown): FieldError[] {
  const pairs = [
    ["BestEffort", "NotBestEffort"],
    ["Terminating", "NotTerminating"],
  ];
  return pairs
    .filter((pair) => pair.every((scope) => scopes.includes(scope)))
    .map(() => invalid(path, value, "conflicting scopes"));
}

function checkScopes({ scopes = [], hard = {} }: ResourceQuotaSpec): FieldError[] {
  const path = "spec.scopes";
  const misfits = scopes.flatMap((scope) =>
    Object.keys(hard).filter((name) => isQuotaResource(name) && !scopeFits(scope, name)),
  );
  return [
    ...misfits.map(() => invalid(path, scopes, "unsupported scope applied to resource")),
    ...checkPairs(path, scopes, scopes),
  ];
}

const existsSentence =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

function checkScopeSelector({ scopeSelector, hard = {}, scopes = [] }: ResourceQuotaSpec): FieldError[] {
  const path = "spec.scopeSelector.matchExpressions";
  const expressions = scopeSelector?.matchExpressions ?? [];
  const errors = expressions.flatMap(({ scopeName, operator, values = [] }) => {
    const found: FieldError[] = [];
    if (Object.keys(hard).some((name) => isQuotaResource(name) && !scopeFits(scopeName, name)))
      found.push(invalid(path, scopeSelector, "unsupported scope applied to resource"));
    if (scopeName !== "PriorityClass" && scopeName !== "VolumeAttributesClass" && operator !== "Exists")
      found.push(invalid(child(path, "operator"), operator, existsSentence));
    if ((operator === "In" || operator === "NotIn") && values.length === 0)
      found.push(
        required(
          child(path, "values"),
          "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        ),
      );
    if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0)
      found.push(
        invalid(
          child(path, "values"),
          values,
          "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        ),
      );
    return found;
  });
  return [
    ...errors,
    ...checkPairs(
      path,
      expressions.map(({ scopeName }) => scopeName),
      scopes,
    ),
  ];
}

export function checkResourceQuota(
  { spec, status }: ResourceQuota,
  { old, subresource }: CheckContext<ResourceQuota>,
): readonly FieldError[] {
  const errors = [...checkAmounts("status.hard", status.hard), ...checkAmounts("status.used", status.used)];
  if (subresource === "status") return errors;
  errors.push(...checkAmounts("spec.hard", spec.hard), ...checkScopes(spec), ...checkScopeSelector(spec));
  if (old && !deepEqual([...(spec.scopes ?? [])].sort(), [...(old.spec.scopes ?? [])].sort()))
    errors.push(invalid("spec.scopes", spec.scopes, "field is immutable"));
  return errors;
}

type Bound = "max" | "min" | "default" | "defaultRequest" | "maxLimitRequestRatio";
const bounds: readonly Bound[] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

/** The two bounds, at whose path the error is, and what the pair is called. */
const orders: readonly (readonly [least: Bound, most: Bound, place: Bound, what: string])[] = [
  ["min", "max", "min", "min value %1 is greater than max value %2"],
  ["min", "defaultRequest", "defaultRequest", "min value %1 is greater than default request value %2"],
  ["defaultRequest", "max", "defaultRequest", "default request value %1 is greater than max value %2"],
  ["defaultRequest", "default", "defaultRequest", "default request value %1 is greater than default limit value %2"],
  ["min", "default", "default", "min value %1 is greater than default value %2"],
  ["default", "max", "default", "default value %1 is greater than max value %2"],
];

function checkRatio(path: string, name: string, item: LimitRangeItem): FieldError[] {
  const text = own(item.maxLimitRequestRatio, name);
  if (text === undefined) return [];
  const where = at(child(path, "maxLimitRequestRatio"), name);
  const ratio = Quantity.parse(text);
  if (ratio.compare(Quantity.of(1)) < 0) return [invalid(where, text, `ratio ${text} is less than 1`)];
  const [least, most] = [own(item.min, name), own(item.max, name)];
  if (least === undefined || most === undefined) return [];
  const limit = Quantity.parse(most).approximate() / Quantity.parse(least).approximate();
  if (ratio.approximate() <= limit) return [];
  return [invalid(where, text, `ratio ${text} is greater than max/min = ${limit.toFixed(6)}`)];
}

function checkOrder(path: string, name: string, item: LimitRangeItem): FieldError[] {
  const errors = orders.flatMap(([least, most, place, what]) => {
    const [low, high] = [own(item[least], name), own(item[most], name)];
    if (low === undefined || high === undefined) return [];
    if (Quantity.parse(low).compare(Quantity.parse(high)) <= 0) return [];
    return [invalid(at(child(path, place), name), own(item[place], name), what.replace("%1", low).replace("%2", high))];
  });
  const [limit, request] = [own(item.default, name), own(item.defaultRequest, name)];
  if (!isOvercommitAllowed(name) && limit !== undefined && request !== undefined && limit !== request)
    errors.push(
      invalid(
        at(child(path, "defaultRequest"), name),
        request,
        `default value ${limit} must equal to defaultRequest value ${request} in ${name}`,
      ),
    );
  return [...errors, ...checkRatio(path, name, item)];
}

function checkItem(path: string, item: LimitRangeItem): FieldError[] {
  const { type } = item;
  const nameRule = type === "Pod" || type === "Container" ? checkContainerResourceName : checkResourceName;
  const errors = checked(child(path, "type"), type, qualifiedName);
  if (errors.length === 0 && !type.includes("/") && !["Pod", "Container", "PersistentVolumeClaim"].includes(type))
    errors.push(invalid(child(path, "type"), type, "must be a standard limit type or fully qualified"));
  for (const name of ["default", "defaultRequest"] as const)
    if (type === "Pod" && item[name])
      errors.push(forbidden(child(path, name), "may not be specified when `type` is 'Pod'"));
  for (const bound of bounds)
    for (const name of Object.keys(item[bound] ?? {})) errors.push(...nameRule(at(child(path, bound), name), name));
  if (type === "PersistentVolumeClaim" && !item.min?.["storage"] && !item.max?.["storage"])
    errors.push(
      required(child(path, "limits"), "either minimum or maximum storage value is required, but neither was provided"),
    );
  const names = new Set(bounds.flatMap((bound) => Object.keys(item[bound] ?? {})));
  return [...errors, ...[...names].flatMap((name) => checkOrder(path, name, item))];
}

export function checkLimitRange({ spec }: LimitRange): readonly FieldError[] {
  const types = new Set<string>();
  return each("spec.limits", spec.limits, (path, item) => {
    const errors = checkItem(path, item);
    if (types.has(item.type)) errors.push(duplicate(child(path, "type"), item.type));
    types.add(item.type);
    return errors;
  });
}
