/** Puts the authorizers in their order: the masters group, then nodes, then roles. */
import type { InformerFactory } from "#client/informer.ts";
import { superusers, type Attributes, type Authorizer, type Decision } from "./access.ts";
import { NodeAuthorizer } from "./authorization/node.ts";
import { RbacAuthorizer, type RuleSource } from "./authorization/rbac.ts";

/** Members of system:masters may do anything, so that a broken role never locks the administrator out. */
export const mastersAuthorizer: Authorizer = {
  authorize: ({ user }) =>
    user.groups.includes(superusers) ? { kind: "allowed", reason: "member of system:masters" } : unsure,
};

const unsure: Decision = { kind: "unsure", reason: "" };

export interface Authorization extends Authorizer, RuleSource {
  /** Resolves once roles, bindings and pods are in memory; until then only masters are allowed anything. */
  whenSynced(signal: AbortSignal): Promise<void>;
}

export function createAuthorization(informers: InformerFactory): Authorization {
  const rbac = new RbacAuthorizer(informers);
  const inOrder = [mastersAuthorizer, new NodeAuthorizer(informers), rbac];
  return {
    authorize: (attributes) => firstSure(inOrder, attributes),
    rulesFor: (user, namespace) => rbac.rulesFor(user, namespace),
    rulesOf: (roleRef, namespace) => rbac.rulesOf(roleRef, namespace),
    whenSynced: (signal) => rbac.whenSynced(signal),
  };
}

function firstSure(authorizers: readonly Authorizer[], attributes: Attributes): Decision {
  const reasons: string[] = [];
  for (const authorizer of authorizers) {
    const decision = authorizer.authorize(attributes);
    if (decision.kind !== "unsure") return decision;
    if (decision.reason !== "") reasons.push(decision.reason);
  }
  return { kind: "unsure", reason: reasons.join(", ") };
}
