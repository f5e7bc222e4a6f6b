/** How default roles are written down: a rule a line, words parted by spaces. */
import type { PolicyRule } from "#resources/rbac/policy-rule.ts";

export type DefaultRules = readonly PolicyRule[];

export interface DefaultRole {
  readonly name: string;
  readonly rules: DefaultRules;
  readonly labels?: Readonly<Record<string, string>>;
  /** Label sets of the roles whose rules this one collects. */
  readonly aggregation?: readonly Readonly<Record<string, string>>[];
}

export interface DefaultBinding {
  readonly name: string;
  readonly role: string;
  readonly groups?: readonly string[];
  readonly users?: readonly string[];
  /** In kube-system. */
  readonly serviceAccounts?: readonly string[];
}

const words = (text: string): string[] => text.split(" ");

/** `groups` may start with a space: the first group is then the core group. */
// oxlint-disable-next-line max-params -- a row of a table, read like one
export function rule(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: words(groups),
    resources: words(resources),
    ...(names === undefined ? {} : { resourceNames: words(names) }),
  };
}

export function paths(verbs: string, urls: string): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(urls) };
}

export const bootstrapLabels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
export const autoupdateAnnotation = "rbac.authorization.kubernetes.io/autoupdate";

export function rbacAutoupdate(role: DefaultRole): DefaultRole {
  return { ...role, labels: { ...bootstrapLabels, ...role.labels } };
}
