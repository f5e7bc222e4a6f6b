/**
 * Role-based access control over the roles and bindings in memory: the bindings of a user are found by index, so that
 * a decision costs what the user has, not what the cluster has.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/
 */
import type { Informer, InformerFactory } from "#client/informer.ts";
import { clusterRoleBindings, type ClusterRoleBinding } from "#resources/rbac/cluster-role-binding.ts";
import { clusterRoles, type ClusterRole } from "#resources/rbac/cluster-role.ts";
import type { PolicyRule } from "#resources/rbac/policy-rule.ts";
import { roleBindings, type RoleBinding } from "#resources/rbac/role-binding.ts";
import type { RoleRef } from "#resources/rbac/role-ref.ts";
import { roles, type Role } from "#resources/rbac/role.ts";
import type { Subject } from "#resources/rbac/subject.ts";
import type { Attributes, Authorizer, Decision, User } from "../access.ts";
import { ruleAllows } from "./rule.ts";

const serviceAccountPrefix = "system:serviceaccount:";

/** Rules that hold for a user in a namespace, or everywhere for "". */
export interface RuleSource {
  rulesFor(user: User, namespace: string): readonly PolicyRule[];
  /** The rules a role reference stands for; undefined when there is no such role. */
  rulesOf(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined;
}

export class RbacAuthorizer implements Authorizer, RuleSource {
  private readonly roles: Informer<Role>;
  private readonly clusterRoles: Informer<ClusterRole>;
  private readonly roleBindings: Informer<RoleBinding>;
  private readonly clusterRoleBindings: Informer<ClusterRoleBinding>;

  constructor(informers: InformerFactory) {
    this.roles = informers.informer(roles);
    this.clusterRoles = informers.informer(clusterRoles);
    this.roleBindings = informers.informer(roleBindings);
    this.clusterRoleBindings = informers.informer(clusterRoleBindings);
    this.clusterRoleBindings.addIndex("subject", (binding) => subjectKeys(binding.subjects, ""));
    this.roleBindings.addIndex("subject", (binding) => {
      const namespace = binding.metadata.namespace ?? "";
      return subjectKeys(binding.subjects, namespace).map((key) => `${namespace}/${key}`);
    });
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    const all = [this.roles, this.clusterRoles, this.roleBindings, this.clusterRoleBindings];
    await Promise.all(all.map((informer) => informer.whenSynced(signal)));
  }

  authorize(attributes: Attributes): Decision {
    const namespace = attributes.kind === "resource" ? attributes.namespace : "";
    for (const [binding, rules] of this.grants(attributes.user, namespace)) {
      if (rules.some((rule) => ruleAllows(rule, attributes)))
        return { kind: "allowed", reason: `RBAC: allowed by ${binding}` };
    }
    return { kind: "unsure", reason: "" };
  }

  rulesFor(user: User, namespace: string): readonly PolicyRule[] {
    return [...this.grants(user, namespace)].flatMap(([, rules]) => rules);
  }

  rulesOf(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return roleRef.kind === "ClusterRole"
      ? this.clusterRoles.get({ namespace: "", name: roleRef.name })?.rules
      : this.roles.get({ namespace, name: roleRef.name })?.rules;
  }

  private *grants(user: User, namespace: string): Generator<readonly [string, readonly PolicyRule[]]> {
    const keys = userKeys(user);
    for (const key of keys) {
      for (const binding of this.clusterRoleBindings.byIndex("subject", key)) {
        const rules = this.rulesOf(binding.roleRef, "");
        if (rules) yield [`ClusterRoleBinding "${binding.metadata.name}"`, rules];
      }
    }
    if (namespace === "") return;
    for (const key of keys) {
      for (const binding of this.roleBindings.byIndex("subject", `${namespace}/${key}`)) {
        const rules = this.rulesOf(binding.roleRef, namespace);
        if (rules) yield [`RoleBinding "${binding.metadata.name}/${namespace}"`, rules];
      }
    }
  }
}

function subjectKeys(subjects: readonly Subject[] | undefined, namespace: string): string[] {
  return (subjects ?? []).map((subject) => {
    if (subject.kind !== "ServiceAccount") return `${subject.kind}:${subject.name}`;
    const home = subject.namespace === undefined || subject.namespace === "" ? namespace : subject.namespace;
    return `User:${serviceAccountPrefix}${home}:${subject.name}`;
  });
}

function userKeys(user: User): string[] {
  return [`User:${user.name}`, ...user.groups.map((group) => `Group:${group}`)];
}
