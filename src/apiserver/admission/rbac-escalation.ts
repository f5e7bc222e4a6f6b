/**
 * Nobody grants what they do not have: who writes a role must hold its rules (or may "escalate"), who writes a
 * binding must hold the rules of its role (or may "bind").
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 */
import { forbidden } from "#machinery/status.ts";
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
  if (old && JSON.stringify(old.rules) === JSON.stringify(role.rules)) return;
  const name = role.metadata.name ?? "";
  if (may(parts, request, { verb: "escalate", resource: request.resource.plural, name })) return;
  refuseMissing(parts, request, role.rules);
}

function checkBinding(parts: Parts, request: AdmissionRequest): void {
  const binding = request.object as ClusterRoleBinding;
  const { roleRef } = binding;
  const resource = roleRef.kind === "ClusterRole" ? "clusterroles" : "roles";
  if (may(parts, request, { verb: "bind", resource, name: roleRef.name })) return;
  const rules = parts.rules.rulesOf(roleRef, request.key.namespace);
  if (!rules)
    throw forbidden(
      targetOf(request),
      `user ${JSON.stringify(request.user.name)} refers to role ${JSON.stringify(roleRef.name)}, which was not found`,
    );
  refuseMissing(parts, request, rules);
}

function refuseMissing(parts: Parts, request: AdmissionRequest, wanted: readonly PolicyRule[]): void {
  const held = parts.rules.rulesFor(request.user, request.key.namespace);
  const missing = wanted.flatMap(singles).filter((single) => !held.some((rule) => covers(rule, single)));
  if (missing.length === 0) return;
  const shown = missing.map((rule) => JSON.stringify(rule)).join("\n");
  throw forbidden(
    targetOf(request),
    `user ${JSON.stringify(request.user.name)} (groups=${JSON.stringify(request.user.groups)}) is attempting to grant RBAC permissions not currently held:\n${shown}`,
  );
}

/** A rule as rules of one verb and one thing each, so that several rules together can cover it. */
function singles(rule: PolicyRule): PolicyRule[] {
  const byPath = (rule.nonResourceURLs ?? []).flatMap((url) =>
    rule.verbs.map((verb) => ({ verbs: [verb], nonResourceURLs: [url] })),
  );
  const names = rule.resourceNames ?? [];
  const byResource = (rule.apiGroups ?? []).flatMap((apiGroup) =>
    (rule.resources ?? []).flatMap((resource) =>
      rule.verbs.map((verb) => ({
        verbs: [verb],
        apiGroups: [apiGroup],
        resources: [resource],
        ...(names.length > 0 ? { resourceNames: names } : {}),
      })),
    ),
  );
  return [...byPath, ...byResource];
}

function covers(held: PolicyRule, single: PolicyRule): boolean {
  const has = (all: readonly string[] | undefined, wanted: readonly string[] | undefined): boolean =>
    (wanted ?? []).every((one) => (all ?? []).includes("*") || (all ?? []).includes(one));
  if (!has(held.verbs, single.verbs)) return false;
  if (single.nonResourceURLs)
    return single.nonResourceURLs.every((url) =>
      (held.nonResourceURLs ?? []).some(
        (own) => own === url || own === "*" || (own.endsWith("*") && url.startsWith(own.slice(0, -1))),
      ),
    );
  const heldNames = held.resourceNames ?? [];
  const names =
    heldNames.length === 0 || ((single.resourceNames ?? []).length > 0 && has(heldNames, single.resourceNames));
  return (
    names &&
    has(held.apiGroups, single.apiGroups) &&
    (held.resources ?? []).some((own) => coversResource(own, single.resources?.[0] ?? ""))
  );
}

function coversResource(held: string, wanted: string): boolean {
  return held === "*" || held === wanted || (held.startsWith("*/") && wanted.endsWith(held.slice(1)));
}
