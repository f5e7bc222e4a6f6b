/**
 * Whether an RBAC rule covers a request.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/
 */
import type { PolicyRule } from "#resources/rbac/policy-rule.ts";
import type { Attributes } from "../access.ts";

/** True when the rule allows what is asked; a rule lists what it allows, nothing forbids. */
export function ruleAllows(rule: PolicyRule, asked: Attributes): boolean {
  if (!includes(rule.verbs, asked.verb)) return false;
  if (asked.kind === "path") return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, asked.path));
  return (
    includes(rule.apiGroups ?? [], asked.group) &&
    resourceMatches(rule.resources ?? [], asked.resource, asked.subresource) &&
    nameMatches(rule.resourceNames ?? [], asked.name)
  );
}

function includes(allowed: readonly string[], value: string): boolean {
  return allowed.includes("*") || allowed.includes(value);
}

function resourceMatches(allowed: readonly string[], resource: string, subresource: string): boolean {
  const asked = subresource === "" ? resource : `${resource}/${subresource}`;
  return (
    includes(allowed, asked) || (subresource !== "" && (allowed.includes(`*/${subresource}`) || allowed.includes("*")))
  );
}

// No names means every name; a request without a name (list, create) is never covered by a rule with names.
function nameMatches(allowed: readonly string[], name: string): boolean {
  return allowed.length === 0 || allowed.includes(name);
}

function pathMatches(pattern: string, path: string): boolean {
  return pattern === "*" || pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.slice(0, -1)));
}
