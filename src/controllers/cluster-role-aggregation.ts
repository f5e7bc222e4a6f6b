/**
 * Cluster roles with an aggregation rule hold the rules of all cluster roles it selects.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
 */
import { deepEqual } from "#machinery/equal.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import { keyOf } from "#machinery/meta.ts";
import { clusterRoles, type ClusterRole } from "#resources/rbac/cluster-role.ts";
import type { PolicyRule } from "#resources/rbac/policy-rule.ts";
import { patch } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { watching } from "./watches.ts";

export interface AggregationObservation {
  readonly role: ClusterRole;
  readonly others: readonly ClusterRole[];
}

export const clusterRoleAggregationController: Controller<AggregationObservation> = {
  name: "clusterrole-aggregation-controller",
  watches: [
    watching(clusterRoles, {
      // Any role may be part of any aggregated one; there are few of those.
      keysOf: (_, caches) =>
        caches
          .list(clusterRoles, "")
          .filter((role) => role.aggregationRule)
          .map(keyOf),
    }),
  ],
  observe: (key, caches) => {
    const role = caches.get(clusterRoles, key);
    if (!role?.aggregationRule) return undefined;
    return { role, others: caches.list(clusterRoles, "").filter((other) => other.metadata.name !== key.name) };
  },
  plan: planAggregation,
};

/** Pure. */
export function planAggregation({ role, others }: AggregationObservation): Plan {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(selectorOf);
  const seen = new Set<string>();
  const rules: PolicyRule[] = [];
  for (const selector of selectors) {
    const selected = others
      .filter((other) => selector.matches(other.metadata.labels ?? {}))
      .toSorted((a, b) => (a.metadata.name ?? "").localeCompare(b.metadata.name ?? ""));
    for (const rule of selected.flatMap((other) => other.rules)) {
      const text = JSON.stringify(rule);
      if (!seen.has(text)) rules.push(rule);
      seen.add(text);
    }
  }
  if (deepEqual(rules, role.rules)) return nothing;
  return { actions: [patch({ resource: clusterRoles, object: role }, { rules: rules.map((rule) => ({ ...rule })) })] };
}
