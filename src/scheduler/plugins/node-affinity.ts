/** Nodes by their labels: what a pod requires (selector and affinity) and what it prefers. */
import { nodeTermPredicate, pinnedNodeNames, requiredNodes } from "#resources/core/node-matching.ts";
import { check, inProportion, refused, unresolvable, type Filter, type Hint, type Scorer } from "../plugin.ts";

export const nodeAffinity: Filter = ({ pod }) => {
  const fits = requiredNodes(pod.spec);
  if (!fits) return undefined;
  const only = pinnedNodeNames(pod.spec);
  if (only?.size === 0) return refused("pod affinity terms conflict");
  return check(
    ({ node }) => (fits(node) ? undefined : unresolvable("node(s) didn't match Pod's node affinity/selector")),
    only ? { only } : {},
  );
};

export const nodeAffinityHint: Hint = ({ pod }, event) => {
  if (event.kind !== "node") return false;
  const fits = requiredNodes(pod.spec);
  return !fits || (fits(event.node) && !(event.old && fits(event.old)));
};

export const nodeAffinityScore: Scorer = ({ pod }, _, nodes) => {
  const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const terms = preferred
    .filter(({ preference }) => (preference.matchExpressions ?? preference.matchFields ?? []).length > 0)
    .map(({ preference, weight }) => ({ weight, matches: nodeTermPredicate(preference) }));
  if (terms.length === 0) return undefined;
  return inProportion(
    nodes.map(({ node }) => terms.reduce((sum, { weight, matches }) => (matches(node) ? sum + weight : sum), 0)),
  );
};
