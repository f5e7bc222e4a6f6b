/** RoleBinding of rbac.authorization.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { list, of, type Infer } from "#machinery/shape.ts";
import { roleRefShape } from "./role-ref.ts";
import { subjectShape, subjectsText, defaultSubject } from "./subject.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkRoleBinding } from "./rbac-rules.ts";

export const roleBindingShape = kind("api.rbac.v1.RoleBinding", {
  subjects: list(2, subjectShape),
  roleRef: of(3, roleRefShape).always(),
});
export interface RoleBinding extends Infer<typeof roleBindingShape> {}

export const roleBindings = resource<RoleBinding>({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  kind: "RoleBinding",
  plural: "rolebindings",
  namespaced: true,
  shape: roleBindingShape,
  columns: [
    nameColumn,
    text("Role", (one) => `${one.roleRef.kind}/${one.roleRef.name}`),
    ageColumn,
    text("Users", (one) => subjectsText(one.subjects, "User"), 1),
    text("Groups", (one) => subjectsText(one.subjects, "Group"), 1),
    text("ServiceAccounts", (one) => subjectsText(one.subjects, "ServiceAccount"), 1),
  ],
  defaults: ({ subjects }) => subjects?.forEach(defaultSubject),
  nameRule: "path",
  check: checkRoleBinding,
});
