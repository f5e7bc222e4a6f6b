/** ClusterRole of rbac.authorization.k8s.io/v1. */
import { labelSelector } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { list, object, of, type Infer } from "#machinery/shape.ts";
import { policyRuleShape } from "./policy-rule.ts";
import { checkClusterRole } from "./rbac-rules.ts";

export const aggregationRuleShape = object("api.rbac.v1.AggregationRule", {
  clusterRoleSelectors: list(1, labelSelector),
});
export interface AggregationRule extends Infer<typeof aggregationRuleShape> {}

export const clusterRoleShape = kind("api.rbac.v1.ClusterRole", {
  rules: list(2, policyRuleShape).always().unlisted(),
  aggregationRule: of(3, aggregationRuleShape),
});
export interface ClusterRole extends Infer<typeof clusterRoleShape> {}

export const clusterRoles = resource<ClusterRole>({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  kind: "ClusterRole",
  plural: "clusterroles",
  namespaced: false,
  shape: clusterRoleShape,
  nameRule: "path",
  check: checkClusterRole,
});
