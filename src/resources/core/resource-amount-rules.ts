/** Rules of amounts of resources: their names, their quantities, and requests against limits. */
import { own } from "#base/own.ts";
import {
  at,
  child,
  forbidden,
  invalid,
  notFound,
  required,
  duplicate,
  type FieldError,
} from "#machinery/field-error.ts";
import { qualifiedName } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import { Quantity } from "#machinery/quantity.ts";
import type { ResourceRequirements } from "./container.ts";

type Amounts = Readonly<Record<string, string>>;

const containerNames = new Set(["cpu", "memory", "ephemeral-storage"]);
const objectCounts = [
  "pods",
  "services",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "services.nodeports",
  "services.loadbalancers",
];
const quotaNames = new Set([
  ...containerNames,
  "requests.cpu",
  "requests.memory",
  "requests.storage",
  "requests.ephemeral-storage",
  "limits.cpu",
  "limits.memory",
  "limits.ephemeral-storage",
  ...objectCounts,
]);
const integerNames = new Set(objectCounts);
const standardNames = new Set([...quotaNames, "storage"]);

export const isHugePages = (name: string): boolean => name.startsWith("hugepages-");
const isQuotaHugePages = (name: string): boolean => name.startsWith("requests.hugepages-");
const isNative = (name: string): boolean => !name.includes("/") || name.includes("kubernetes.io/");

function isExtended(name: string): boolean {
  return !isNative(name) && !name.startsWith("requests.") && qualifiedName(`requests.${name}`).length === 0;
}

/** Whether more of it may be given away than there is. */
export const isOvercommitAllowed = (name: string): boolean => isNative(name) && !isHugePages(name);

export function checkResourceName(path: string, name: string): FieldError[] {
  const errors = checked(path, name, qualifiedName);
  if (errors.length > 0 || name.includes("/")) return errors;
  if (standardNames.has(name) || isHugePages(name) || isQuotaHugePages(name)) return [];
  return [invalid(path, name, "must be a standard resource type or fully qualified")];
}

export function checkContainerResourceName(path: string, name: string): FieldError[] {
  const errors = checkResourceName(path, name);
  if (!name.includes("/")) {
    if (!containerNames.has(name) && !isHugePages(name))
      errors.push(invalid(path, name, "must be a standard resource for containers"));
  } else if (!isNative(name) && !isExtended(name))
    errors.push(invalid(path, name, "doesn't follow extended resource name standard"));
  return errors;
}

export function checkQuotaResourceName(path: string, name: string): FieldError[] {
  const errors = checkResourceName(path, name);
  if (!name.includes("/") && !quotaNames.has(name) && !isQuotaHugePages(name) && !isHugePages(name))
    errors.push(invalid(path, name, "must be a standard resource for quota"));
  return errors;
}

export const isQuotaResource = (name: string): boolean => quotaNames.has(name) || isQuotaHugePages(name);

/** An amount is not negative, and what is counted is counted whole. */
export function checkAmount(path: string, name: string, text: string): FieldError[] {
  const amount = Quantity.parse(text);
  const errors: FieldError[] = [];
  if (amount.isNegative) errors.push(invalid(path, text, "must be greater than or equal to 0"));
  if ((integerNames.has(name) || isExtended(name)) && amount.milliValue() % 1000 !== 0)
    errors.push(invalid(path, text, "must be an integer"));
  return errors;
}

function checkPages(path: string, name: string, text: string): FieldError[] {
  const size = Quantity.parse(name.slice("hugepages-".length) || "0").value();
  const value = Quantity.parse(text).value();
  if (size > 0 && value % size === 0) return [];
  return [invalid(path, text, `${text} is not positive integer multiple of ${name}`)];
}

type NameRule = (path: string, name: string) => FieldError[];

function checkAmounts(path: string, amounts: Amounts, nameRule: NameRule): FieldError[] {
  return Object.entries(amounts).flatMap(([name, text]) => [
    ...nameRule(at(path, name), name),
    ...checkAmount(at(path, name), name, text),
    ...(isHugePages(name) && /^hugepages-\d+[KMGTPE]?i?$/.test(name) ? checkPages(at(path, name), name, text) : []),
  ]);
}

function checkAgainstLimits(path: string, limits: Amounts, requests: Amounts): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, text] of Object.entries(requests)) {
    const limit = own(limits, name);
    if (limit === undefined) {
      if (!isOvercommitAllowed(name))
        errors.push(required(child(path, "limits"), "Limit must be set for non overcommitable resources"));
      continue;
    }
    const difference = Quantity.parse(text).compare(Quantity.parse(limit));
    const requestsPath = child(path, "requests");
    if (difference !== 0 && !isOvercommitAllowed(name))
      errors.push(invalid(requestsPath, text, `must be equal to ${name} limit of ${limit}`));
    else if (difference > 0)
      errors.push(invalid(requestsPath, text, `must be less than or equal to ${name} limit of ${limit}`));
  }
  return errors;
}

function checkClaims(path: string, requirements: ResourceRequirements, claimNames: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { name, request = "" }] of (requirements.claims ?? []).entries()) {
    const key = request === "" ? name : `${name}/${request}`;
    if (name === "") errors.push(required(at(path, index)));
    else if (seen.has(name) || seen.has(key)) errors.push(duplicate(at(path, index), key));
    else if (!claimNames.has(name)) errors.push(notFound(at(path, index), name));
    seen.add(key);
  }
  return errors;
}

export interface RequirementRules {
  readonly nameRule: NameRule;
  /** The names of the claims that the pod has. */
  readonly claimNames: ReadonlySet<string>;
}

/** What a container or a whole pod asks for. */
export function checkRequirements(
  path: string,
  requirements: ResourceRequirements,
  { nameRule, claimNames }: RequirementRules,
): FieldError[] {
  const { limits = {}, requests = {} } = requirements;
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  const errors = [
    ...checkAmounts(child(path, "limits"), limits, nameRule),
    ...checkAmounts(child(path, "requests"), requests, nameRule),
    ...checkAgainstLimits(path, limits, requests),
    ...checkClaims(child(path, "claims"), requirements, claimNames),
  ];
  if (names.some(isHugePages) && !names.includes("cpu") && !names.includes("memory"))
    errors.push(forbidden(path, "HugePages require cpu or memory"));
  return errors;
}
