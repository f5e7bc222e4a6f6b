/** Pods spread over the domains of a topology, where they prefer it or are of one Service or owner. */
import { own } from "#base/own.ts";
import type { NodeInfo } from "../node-info.ts";
import { scoreMax, type Cluster, type Scorer } from "../plugin.ts";
import type { PodFacts } from "../pod-facts.ts";
import {
  constraintsOf,
  defaultConstraints,
  hostnameKey,
  isCounted,
  type SpreadConstraint,
} from "./spread-constraints.ts";

export const podTopologySpreadScore: Scorer = (pod, cluster, nodes) => {
  const declared = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0;
  const constraints = declared
    ? constraintsOf(pod.pod, "ScheduleAnyway")
    : defaultConstraints(pod.pod, cluster.related);
  if (constraints.length === 0) return undefined;
  // What a pod says itself holds for nodes that are in a domain of every topology; the defaults take what there is.
  const isRanked = (node: NodeInfo): boolean =>
    !declared || constraints.every(({ topologyKey }) => own(node.labels, topologyKey) !== undefined);
  const ranked = nodes.filter(isRanked);
  const parts = constraints.map((constraint) => costOf(constraint, { pod, cluster, nodes: ranked, isRanked }));
  const costs = nodes.map((node) =>
    isRanked(node) ? Math.round(parts.reduce((sum, cost) => sum + cost(node), 0)) : undefined,
  );
  const known = costs.filter((cost) => cost !== undefined);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return costs.map((cost) => {
    if (cost === undefined) return 0;
    return most === 0 ? scoreMax : Math.trunc((scoreMax * (most + least - cost)) / most);
  });
};

interface Ranking {
  readonly pod: PodFacts;
  readonly cluster: Cluster;
  readonly nodes: readonly NodeInfo[];
  readonly isRanked: (node: NodeInfo) => boolean;
}

/** What a node costs for the pods that are in its domain already. The more domains, the more each pod counts. */
function costOf(constraint: SpreadConstraint, ranking: Ranking): (node: NodeInfo) => number {
  const { topologyKey, selector, maxSkew } = constraint;
  const { pod, cluster, nodes } = ranking;
  const byNode = cluster.snapshot.matchesByNode({ namespace: pod.namespace, selector, terminating: false });
  const byDomain = topologyKey === hostnameKey ? undefined : domainCounts(constraint, ranking, byNode);
  const weight = Math.log((byDomain?.size ?? nodes.length) + 2);
  return (node) => {
    const value = own(node.labels, topologyKey);
    if (value === undefined) return 0;
    const count = byDomain ? (byDomain.get(value) ?? 0) : (byNode.get(node.name) ?? 0);
    return count * weight + maxSkew - 1;
  };
}

function domainCounts(
  constraint: SpreadConstraint,
  { pod, cluster, nodes, isRanked }: Ranking,
  byNode: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const { topologyKey } = constraint;
  const counts = new Map<string, number>();
  for (const { labels } of nodes) {
    const value = own(labels, topologyKey);
    if (value !== undefined) counts.set(value, 0);
  }
  for (const [name, count] of byNode) {
    const node = cluster.snapshot.nodes.get(name);
    const before = counts.get(own(node?.labels, topologyKey) ?? "");
    if (!node || before === undefined || !isRanked(node) || !isCounted(node.node, pod.pod, constraint)) continue;
    counts.set(own(node.labels, topologyKey) ?? "", before + count);
  }
  return counts;
}
