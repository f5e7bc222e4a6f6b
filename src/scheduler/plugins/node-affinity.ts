/** Nodes by their labels: what a pod requires (selector and affinity) and what it prefers. */
import { matchesNode, matchesNodeTerm } from "#resources/core/node-matching.ts";
import type { PodSeen } from "../pod-view.ts";
import { check, inProportion, refused, unresolvable, type Filter, type Hint, type Scorer } from "../plugin.ts";

const mismatch = unresolvable("node(s) didn't match Pod's node affinity/selector");

export const nodeAffinity: Filter = ({ pod }) => {
  const { spec } = pod;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!required && Object.keys(spec.nodeSelector ?? {}).length === 0) return undefined;
  const only = pinnedNames(spec);
  if (only?.size === 0) return refused("pod affinity terms conflict");
  return check(({ node }) => (matchesNode(spec, node) ? undefined : mismatch), only ? { only } : {});
};

/**
 * The names that every term of the required affinity pins the pod to, as for the pods of a daemon set; undefined when
 * a term leaves the name open. Empty when terms contradict themselves.
 */
function pinnedNames(spec: PodSeen["spec"]): ReadonlySet<string> | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (terms.length === 0) return undefined;
  const pinned = new Set<string>();
  for (const { matchFields = [] } of terms) {
    let names: ReadonlySet<string> | undefined;
    for (const { key, operator, values = [] } of matchFields) {
      if (key !== "metadata.name" || operator !== "In") continue;
      names = names ? names.intersection(new Set(values)) : new Set(values);
    }
    if (!names) return undefined;
    for (const name of names) pinned.add(name);
  }
  return pinned;
}

export const nodeAffinityHint: Hint = ({ pod }, event) =>
  event.kind === "node" && matchesNode(pod.spec, event.node) && !(event.old && matchesNode(pod.spec, event.old));

export const nodeAffinityScore: Scorer = ({ pod }, _, nodes) => {
  const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  if (preferred.length === 0) return undefined;
  return inProportion(
    nodes.map(({ node }) =>
      preferred.reduce((sum, { weight, preference }) => (matchesNodeTerm(preference, node) ? sum + weight : sum), 0),
    ),
  );
};
