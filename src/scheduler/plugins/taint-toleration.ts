/** Tainted nodes take only pods that tolerate their taints, and others rather not. */
import { tolerates, untoleratedTaint } from "#resources/core/node-matching.ts";
import type { Node } from "#resources/core/node.ts";
import { check, inProportion, unresolvable, type Filter, type Hint, type Scorer } from "../plugin.ts";
import type { PodSeen } from "../pod-view.ts";

// Effects that keep a new pod off a node.
const repellingEffects = ["NoSchedule", "NoExecute"];

const tainted = unresolvable("node(s) had untolerated taint(s)");

function repels(node: Node, pod: PodSeen): boolean {
  return untoleratedTaint(node.spec.taints, pod.spec.tolerations, repellingEffects) !== undefined;
}

export const taintToleration: Filter = ({ pod }) => check(({ node }) => (repels(node, pod) ? tainted : undefined));

export const taintTolerationHint: Hint = ({ pod }, event) =>
  event.kind === "node" && !repels(event.node, pod) && (!event.old || repels(event.old, pod));

export const taintTolerationScore: Scorer = ({ pod }, _, nodes) => {
  const tolerations = (pod.spec.tolerations ?? []).filter(
    ({ effect }) => effect === undefined || effect === "PreferNoSchedule",
  );
  let any = false;
  const disliked = nodes.map(({ taints }) => {
    if (taints.length === 0) return 0;
    const count = taints.filter(
      (taint) => taint.effect === "PreferNoSchedule" && !tolerations.some((toleration) => tolerates(toleration, taint)),
    ).length;
    any ||= count > 0;
    return count;
  });
  // Then it is the same for all of them.
  return any ? inProportion(disliked, true) : undefined;
};
