/** Role of rbac.authorization.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { list, type Infer } from "#machinery/shape.ts";
import { policyRuleShape } from "./policy-rule.ts";
import { checkRole } from "./rbac-rules.ts";

export const roleShape = kind("api.rbac.v1.Role", {
  rules: list(2, policyRuleShape).always().unlisted(),
});
export interface Role extends Infer<typeof roleShape> {}

export const roles = resource<Role>({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  kind: "Role",
  plural: "roles",
  namespaced: true,
  shape: roleShape,
  nameRule: "path",
  check: checkRole,
});
