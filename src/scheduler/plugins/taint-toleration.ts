/** Tainted nodes take only pods that tolerate their taints, and others rather not. */
import { tolerates, untoleratedTaint } from "#resources/core/node-matching.ts";
import type { Node } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import { check, inProportion, unresolvable, type Filter, type Hint, type Scorer } from "../plugin.ts";

// Effects that keep a new pod off a node.
const repellingEffects = ["NoSchedule", "NoExecute"];

function repels(node: Node, pod: Pod): boolean {
  return untoleratedTaint(node.spec.taints, pod.spec.tolerations, repellingEffects) !== undefined;
}

export const taintToleration: Filter = ({ pod }) =>
  check(({ node }) => (repels(node, pod) ? unresolvable("node(s) had untolerated taint(s)") : undefined));

export const taintTolerationHint: Hint = ({ pod }, event) =>
  event.kind === "node" && !repels(event.node, pod) && (!event.old || repels(event.old, pod));

export const taintTolerationScore: Scorer = ({ pod }, _, nodes) => {
  const tolerations = (pod.spec.tolerations ?? []).filter(
    ({ effect }) => effect === undefined || effect === "PreferNoSchedule",
  );
  const disliked = nodes.map(
    ({ node }) =>
      (node.spec.taints ?? []).filter(
        (taint) =>
          taint.effect === "PreferNoSchedule" && !tolerations.some((toleration) => tolerates(toleration, taint)),
      ).length,
  );
  return inProportion(disliked, true);
};
