/** The constraints on how pods of one kind spread over the domains of a topology, and which nodes count for them. */
import { own } from "#base/own.ts";
import type { Selector } from "#machinery/label-selector.ts";
import { matchesNode, untoleratedTaint } from "#resources/core/node-matching.ts";
import type { Node } from "#resources/core/node.ts";
import type { Cluster } from "../plugin.ts";
import type { DomainCount } from "../pod-count.ts";
import { selectorFor, type PodFacts } from "../pod-facts.ts";
import type { Related } from "../related.ts";
import type { PodSeen } from "../pod-view.ts";

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

export function constraintsOf(pod: PodSeen, when: "DoNotSchedule" | "ScheduleAnyway"): readonly SpreadConstraint[] {
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
export function defaultConstraints(pod: PodSeen, related: Related): readonly SpreadConstraint[] {
  const selector = related.siblings(pod);
  if (!selector) return [];
  const rest = { minDomains: 1, selector, byAffinity: true, byTaints: false };
  return [
    { topologyKey: hostnameKey, maxSkew: 3, ...rest },
    { topologyKey: zoneKey, maxSkew: 5, ...rest },
  ];
}

export interface Spreading {
  readonly cluster: Cluster;
  /** Labels without which a node does not count. */
  readonly needed: readonly string[];
}

/** Pods that the constraint is about, by domain of its topology, on nodes that count for it. */
export function countSpread(
  { selector, topologyKey, byAffinity, byTaints }: SpreadConstraint,
  { pod, namespace }: PodFacts,
  { cluster, needed }: Spreading,
): DomainCount {
  const { nodeSelector, affinity, tolerations } = pod.spec;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const count = cluster.snapshot.groups.count({ namespaces: new Set([namespace]), selector, terminating: false });
  const isCounted = (node: Node, labels: Readonly<Record<string, string>>): boolean =>
    needed.every((key) => own(labels, key) !== undefined) &&
    (!byAffinity || matchesNode(pod.spec, node)) &&
    (!byTaints || !untoleratedTaint(node.spec.taints, tolerations, ["NoSchedule", "NoExecute"]));
  const conditions = [needed, byAffinity ? [nodeSelector, required] : null, byTaints ? (tolerations ?? []) : null];
  return count.byDomain(
    { topologyKey, condition: JSON.stringify(conditions), isCounted: ({ node, labels }) => isCounted(node, labels) },
    cluster.snapshot,
  );
}
