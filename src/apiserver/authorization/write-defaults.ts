/**
 * Writes the default roles and bindings at start: creates what is missing and adds rules and subjects that were taken
 * away, unless the object's autoupdate annotation is "false". What was added by hand stays.
 *
 * Differs from upstream: rules that an earlier kedge should not have written go (withdrawn-rules.ts).
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation
 */
import type { Client } from "#client/client.ts";
import { isReason } from "#machinery/status.ts";
import { clusterRoleBindings, type ClusterRoleBinding } from "#resources/rbac/cluster-role-binding.ts";
import { clusterRoles, type ClusterRole } from "#resources/rbac/cluster-role.ts";
import type { PolicyRule } from "#resources/rbac/policy-rule.ts";
import { roleBindings, type RoleBinding } from "#resources/rbac/role-binding.ts";
import { roles, type Role } from "#resources/rbac/role.ts";
import type { Subject } from "#resources/rbac/subject.ts";
import { controllerRoleBindings, controllerRoles } from "./controller-roles.ts";
import { defaultClusterRoleBindings, defaultClusterRoles } from "./default-roles.ts";
import { autoupdateAnnotation, bootstrapLabels, rule, type DefaultBinding, type DefaultRole } from "./role-table.ts";
import { withdrawnRules } from "./withdrawn-rules.ts";

const rbacGroup = "rbac.authorization.k8s.io";
const apiVersion = `${rbacGroup}/v1`;

/** @throws StatusError when the API server refuses; the caller starts it anew. */
export async function writeDefaultRoles(client: Client, signal: AbortSignal): Promise<void> {
  const [existingRoles, existingBindings] = await Promise.all([
    byName(client.list(clusterRoles, {}, signal)),
    byName(client.list(clusterRoleBindings, {}, signal)),
  ]);
  // Side by side, so that all of them are on the disk with one flush: one after the other, a slow disk takes seconds.
  await Promise.all([
    ...[...defaultClusterRoles, ...controllerRoles].map((role) =>
      writeRole(client, role, existingRoles.get(role.name)),
    ),
    ...[...defaultClusterRoleBindings, ...controllerRoleBindings].map((binding) =>
      writeBinding(client, binding, existingBindings.get(binding.name)),
    ),
    ...namespacedRoles.map((role) => ignoreExisting(client.create(roles, role))),
    ...namespacedBindings.map((binding) => ignoreExisting(client.create(roleBindings, binding))),
  ]);
}

async function byName<T extends { readonly metadata: { readonly name?: string | undefined } }>(
  listing: Promise<{ readonly items: readonly T[] }>,
): Promise<Map<string, T>> {
  const { items } = await listing;
  return new Map(items.map((item) => [item.metadata.name ?? "", item]));
}

async function ignoreExisting(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
  }
}

const metadataOf = (name: string, labels: Readonly<Record<string, string>>): ClusterRole["metadata"] => ({
  name,
  labels,
  annotations: { [autoupdateAnnotation]: "true" },
});

async function writeRole(client: Client, role: DefaultRole, existing: ClusterRole | undefined): Promise<void> {
  if (!existing) {
    const aggregation = role.aggregation?.map((matchLabels) => ({ matchLabels }));
    const created: ClusterRole = {
      apiVersion,
      kind: "ClusterRole",
      metadata: metadataOf(role.name, role.labels ?? bootstrapLabels),
      rules: role.rules,
      ...(aggregation ? { aggregationRule: { clusterRoleSelectors: aggregation } } : {}),
    };
    await ignoreExisting(client.create(clusterRoles, created));
    return;
  }
  if (existing.metadata.annotations?.[autoupdateAnnotation] === "false" || role.aggregation) return;
  const known = new Set(existing.rules.map(textOf));
  const missing = role.rules.filter((one) => !known.has(textOf(one)));
  const kept = keptRules(existing);
  if (missing.length === 0 && kept.length === existing.rules.length) return;
  await client.update(clusterRoles, { ...existing, rules: [...kept, ...missing] });
}

/** What is not withdrawn. Only what says that it is kept up to date is taken to be as an earlier kedge wrote it. */
function keptRules({ metadata, rules }: ClusterRole): readonly PolicyRule[] {
  const withdrawn = withdrawnRules.get(metadata.name ?? "");
  if (!withdrawn || metadata.annotations?.[autoupdateAnnotation] !== "true") return rules;
  const texts = new Set(withdrawn.map(textOf));
  return rules.filter((one) => !texts.has(textOf(one)));
}

function textOf(one: PolicyRule): string {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = one;
  return JSON.stringify([verbs, apiGroups, resources, resourceNames, nonResourceURLs]);
}

function subjectsOf(binding: DefaultBinding): Subject[] {
  return [
    ...(binding.groups ?? []).map((name) => ({ kind: "Group", apiGroup: rbacGroup, name })),
    ...(binding.users ?? []).map((name) => ({ kind: "User", apiGroup: rbacGroup, name })),
    ...(binding.serviceAccounts ?? []).map((name) => ({ kind: "ServiceAccount", namespace: "kube-system", name })),
  ];
}

async function writeBinding(
  client: Client,
  binding: DefaultBinding,
  existing: ClusterRoleBinding | undefined,
): Promise<void> {
  const subjects = subjectsOf(binding);
  if (!existing) {
    const created: ClusterRoleBinding = {
      apiVersion,
      kind: "ClusterRoleBinding",
      metadata: metadataOf(binding.name, bootstrapLabels),
      roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name: binding.role },
      subjects,
    };
    await ignoreExisting(client.create(clusterRoleBindings, created));
    return;
  }
  if (existing.metadata.annotations?.[autoupdateAnnotation] === "false") return;
  const known = new Set((existing.subjects ?? []).map((one) => `${one.kind}/${one.namespace}/${one.name}`));
  const missing = subjects.filter((one) => !known.has(`${one.kind}/${one.namespace}/${one.name}`));
  if (missing.length > 0)
    await client.update(clusterRoleBindings, { ...existing, subjects: [...(existing.subjects ?? []), ...missing] });
}

const namespaced = (namespace: string, name: string): Role["metadata"] => ({
  ...metadataOf(name, bootstrapLabels),
  namespace,
});

const namespacedRoles: readonly Role[] = [
  {
    apiVersion,
    kind: "Role",
    metadata: namespaced("kube-system", "extension-apiserver-authentication-reader"),
    rules: [rule("get list watch", "", "configmaps", "extension-apiserver-authentication")],
  },
  {
    apiVersion,
    kind: "Role",
    metadata: namespaced("kube-public", "system:controller:bootstrap-signer"),
    rules: [rule("get list watch", "", "configmaps"), rule("update", "", "configmaps", "cluster-info")],
  },
];

const namespacedBindings: readonly RoleBinding[] = [
  {
    apiVersion,
    kind: "RoleBinding",
    metadata: namespaced("kube-system", "system::extension-apiserver-authentication-reader"),
    roleRef: { apiGroup: rbacGroup, kind: "Role", name: "extension-apiserver-authentication-reader" },
    subjects: ["system:kube-controller-manager", "system:kube-scheduler"].map((name) => ({
      kind: "User",
      apiGroup: rbacGroup,
      name,
    })),
  },
];
