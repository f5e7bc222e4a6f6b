/** Rules of roles and bindings. */
import { child, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { dnsSubdomain, pathSegment } from "#machinery/names.ts";
import { checked, checkSelector } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each, filled } from "#machinery/rule.ts";
import type { ClusterRoleBinding } from "./cluster-role-binding.ts";
import type { ClusterRole } from "./cluster-role.ts";
import type { PolicyRule } from "./policy-rule.ts";
import type { RoleBinding } from "./role-binding.ts";
import type { Role } from "./role.ts";
import type { Subject } from "./subject.ts";

const ownGroup = "rbac.authorization.k8s.io";

function checkRule(path: string, rule: PolicyRule, namespaced: boolean): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors: FieldError[] = [];
  if (verbs.length === 0) errors.push(required(child(path, "verbs"), "verbs must contain at least one value"));
  if (nonResourceURLs.length > 0) {
    const where = child(path, "nonResourceURLs");
    if (namespaced) errors.push(invalid(where, nonResourceURLs, "namespaced rules cannot apply to non-resource URLs"));
    if (apiGroups.length + resources.length + resourceNames.length > 0)
      errors.push(
        invalid(where, nonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"),
      );
    return errors;
  }
  if (apiGroups.length === 0)
    errors.push(required(child(path, "apiGroups"), "resource rules must supply at least one api group"));
  if (resources.length === 0)
    errors.push(required(child(path, "resources"), "resource rules must supply at least one resource"));
  return errors;
}

export function checkRole({ rules }: Role): readonly FieldError[] {
  return each("rules", rules, (path, rule) => checkRule(path, rule, true));
}

export function checkClusterRole({ rules, aggregationRule }: ClusterRole): readonly FieldError[] {
  const path = "aggregationRule.clusterRoleSelectors";
  const selectors = aggregationRule?.clusterRoleSelectors ?? [];
  const errors = each("rules", rules, (where, rule) => checkRule(where, rule, false));
  if (aggregationRule && selectors.length === 0)
    errors.push(required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"));
  return [...errors, ...each(path, selectors, checkSelector)];
}

function checkSubject(path: string, subject: Subject, namespaced: boolean): FieldError[] {
  const { kind, name, apiGroup = "", namespace } = subject;
  const group = child(path, "apiGroup");
  const errors = filled(child(path, "name"), name);
  if (kind === "ServiceAccount") {
    if (name !== "") errors.push(...checked(child(path, "name"), name, dnsSubdomain));
    if (apiGroup !== "") errors.push(notSupported(group, apiGroup, [""]));
    if (!namespaced && !namespace) errors.push(required(child(path, "namespace")));
  } else if (kind === "User" || kind === "Group") {
    if (apiGroup !== ownGroup) errors.push(notSupported(group, apiGroup, [ownGroup]));
  } else errors.push(notSupported(child(path, "kind"), kind, ["ServiceAccount", "User", "Group"]));
  return errors;
}

type Binding = RoleBinding | ClusterRoleBinding;

function checkBinding(binding: Binding, old: Binding | undefined, kinds: readonly string[]): FieldError[] {
  const { roleRef, subjects } = binding;
  const namespaced = kinds.includes("Role");
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== ownGroup) errors.push(notSupported("roleRef.apiGroup", roleRef.apiGroup, [ownGroup]));
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported("roleRef.kind", roleRef.kind, kinds));
  if (roleRef.name === "") errors.push(required("roleRef.name"));
  else errors.push(...checked("roleRef.name", roleRef.name, pathSegment));
  errors.push(...each("subjects", subjects, (path, subject) => checkSubject(path, subject, namespaced)));
  if (old && !deepEqual(old.roleRef, roleRef)) errors.push(invalid("roleRef", roleRef, "cannot change roleRef"));
  return errors;
}

export function checkRoleBinding(binding: RoleBinding, { old }: CheckContext<RoleBinding>): readonly FieldError[] {
  return checkBinding(binding, old, ["Role", "ClusterRole"]);
}

export function checkClusterRoleBinding(
  binding: ClusterRoleBinding,
  { old }: CheckContext<ClusterRoleBinding>,
): readonly FieldError[] {
  return checkBinding(binding, old, ["ClusterRole"]);
}
