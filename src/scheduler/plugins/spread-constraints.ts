/** The constraints on how pods of one kind spread over the domains of a topology, and which nodes count for them. */
import type { Selector } from "#machinery/label-selector.ts";
import { matchesNode, untoleratedTaint } from "#resources/core/node-matching.ts";
import type { Node } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import { selectorFor } from "../pod-facts.ts";
import type { Related } from "../related.ts";

export const hostnameKey = "kubernetes.io/hostname";
const zoneKey = "topology.kubernetes.io/zone";

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: Selector;
  /** Whether nodes that the pod could not be on for its node affinity, or their taints, are left out. */
  readonly byAffinity: boolean;
  readonly byTaints: boolean;
}

export function constraintsOf(pod: Pod, when: "DoNotSchedule" | "ScheduleAnyway"): readonly SpreadConstraint[] {
  const declared = pod.spec.topologySpreadConstraints ?? [];
  return declared
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when)
    .map(({ topologyKey, maxSkew, minDomains = 1, nodeAffinityPolicy, nodeTaintsPolicy, ...selection }) => ({
      topologyKey,
      maxSkew,
      minDomains,
      selector: selectorFor(pod, selection),
      byAffinity: nodeAffinityPolicy !== "Ignore",
      byTaints: nodeTaintsPolicy === "Honor",
    }));
}

/** Pods of one Service or one owner rather spread, unless they say anything of it themselves. */
export function defaultConstraints(pod: Pod, related: Related): readonly SpreadConstraint[] {
  const selector = related.siblings(pod);
  if (!selector) return [];
  const rest = { minDomains: 1, selector, byAffinity: true, byTaints: false };
  return [
    { topologyKey: hostnameKey, maxSkew: 3, ...rest },
    { topologyKey: zoneKey, maxSkew: 5, ...rest },
  ];
}

/** True when the node's pods count for the constraint. */
export function isCounted(node: Node, pod: Pod, { byAffinity, byTaints }: SpreadConstraint): boolean {
  if (byAffinity && !matchesNode(pod.spec, node)) return false;
  return !byTaints || !untoleratedTaint(node.spec.taints, pod.spec.tolerations, ["NoSchedule", "NoExecute"]);
}
