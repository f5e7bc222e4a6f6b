/**
 * Nobody grants what they do not have: who writes a role must hold its rules (or may "escalate"), who writes a
 * binding must hold the rules of its role (or may "bind").
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 */
import { deepEqual } from "#machinery/equal.ts";
import { forbidden, notFound } from "#machinery/status.ts";
import type { ClusterRoleBinding } from "#resources/rbac/cluster-role-binding.ts";
import type { ClusterRole } from "#resources/rbac/cluster-role.ts";
import type { PolicyRule } from "#resources/rbac/policy-rule.ts";
import {
  superusers,
  type AdmissionPlugin,
  type AdmissionRequest,
  type Attributes,
  type Authorizer,
} from "../access.ts";
import type { RuleSource } from "../authorization/rbac.ts";
import { coverOf, coverStepsMax, missingMax, type Cover } from "../authorization/rule-cover.ts";
import { targetOf } from "./target.ts";

const group = "rbac.authorization.k8s.io";
const roleKinds = new Set(["roles", "clusterroles"]);
const bindingKinds = new Set(["rolebindings", "clusterrolebindings"]);

export function rbacEscalation(parts: {
  readonly authorizer: Authorizer;
  readonly rules: RuleSource;
}): AdmissionPlugin {
  return {
    name: "RBACEscalation",
    handles: (request) =>
      request.resource.group === group &&
      (request.operation === "create" || request.operation === "update") &&
      !request.user.groups.includes(superusers),
    validate: async (request) => {
      if (changesOwnershipOnly(request)) return;
      const { plural } = request.resource;
      if (roleKinds.has(plural)) checkRole(parts, request);
      if (bindingKinds.has(plural)) checkBinding(parts, request);
    },
  };
}

type Parts = Parameters<typeof rbacEscalation>[0];

function may(
  parts: Parts,
  request: AdmissionRequest,
  asked: { readonly verb: string; readonly resource: string; readonly name: string },
): boolean {
  const attributes: Attributes = {
    kind: "resource",
    user: request.user,
    group,
    version: "v1",
    subresource: "",
    namespace: request.key.namespace,
    fieldSelector: "",
    labelSelector: "",
    ...asked,
  };
  return parts.authorizer.authorize(attributes).kind === "allowed";
}

// Each cast below holds because the resource's name says which kind its objects are.
function checkRole(parts: Parts, request: AdmissionRequest): void {
  const role = request.object as ClusterRole;
  const old = request.old as ClusterRole | undefined;
  const { plural } = request.resource;
  // A name that the path does not say yet is no name to the authorizer.
  const name = old ? request.key.name : "";
  if (may(parts, request, { verb: "escalate", resource: plural, name })) return;
  refuseMissing(parts, request, role.rules);
  // It collects the rules of any role, and could keep others from being tightened.
  if (plural !== "clusterroles" || !(aggregates(role) || (old && aggregates(old)))) return;
  if (compared(parts, request, fullAuthority).kind !== "covered")
    throw forbidden(targetOf(request), "must have cluster-admin privileges to use the aggregationRule");
}

const fullAuthority: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

function aggregates({ aggregationRule }: ClusterRole): boolean {
  return (aggregationRule?.clusterRoleSelectors ?? []).length > 0;
}

function checkBinding(parts: Parts, request: AdmissionRequest): void {
  const { roleRef } = request.object as ClusterRoleBinding;
  const resource = roleRef.kind === "ClusterRole" ? "clusterroles" : "roles";
  if (may(parts, request, { verb: "bind", resource, name: roleRef.name })) return;
  const rules = parts.rules.rulesOf(roleRef, request.key.namespace);
  if (!rules) throw notFound({ group, resource, name: roleRef.name });
  refuseMissing(parts, request, rules);
}

/** True for what the garbage collector does so that an object can go: that grants nothing. */
function changesOwnershipOnly({ object, old }: AdmissionRequest): boolean {
  if (!object || !old) return false;
  const { ownerReferences, finalizers, managedFields, resourceVersion } = old.metadata;
  const kept = { ownerReferences, finalizers, managedFields, resourceVersion };
  const withOld = { ...object, metadata: present({ ...object.metadata, ...kept }) };
  return deepEqual(withOld, { ...old, metadata: present({ ...old.metadata }) });
}

function present(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function compared(parts: Parts, request: AdmissionRequest, wanted: readonly PolicyRule[]): Cover {
  return coverOf(parts.rules.rulesFor(request.user, request.key.namespace), wanted);
}

function refuseMissing(parts: Parts, request: AdmissionRequest, wanted: readonly PolicyRule[]): void {
  const cover = compared(parts, request, wanted);
  if (cover.kind === "covered") return;
  const { name, groups } = request.user;
  const who = `user ${JSON.stringify(name)} (groups=${quoted(groups)})`;
  if (cover.kind === "too much")
    throw forbidden(
      targetOf(request),
      `${who} holds and grants so many rules that comparing them takes more than ${coverStepsMax} steps; grant them in several smaller roles`,
    );
  const lines = [...new Set(cover.rules.map(shownRule))].toSorted();
  if (cover.rules.length === missingMax) lines.push("…");
  throw forbidden(
    targetOf(request),
    `${who} is attempting to grant RBAC permissions not currently held:\n${lines.join("\n")}`,
  );
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`, as upstream writes it. */
function shownRule({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const members = [
    ["APIGroups", apiGroups],
    ["Resources", resources],
    ["NonResourceURLs", nonResourceURLs],
    ["ResourceNames", resourceNames],
    ["Verbs", verbs],
  ] as const;
  const shown = members.flatMap(([label, values = []]) => (values.length === 0 ? [] : [`${label}:${quoted(values)}`]));
  return `{${shown.join(", ")}}`;
}

function quoted(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;
}
