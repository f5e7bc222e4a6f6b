/** Pods spread over the domains of a topology, where they prefer it or are of one Service or owner. */
import { own } from "#base/own.ts";
import type { NodeInfo } from "../node-info.ts";
import { scoreMax, type Scorer } from "../plugin.ts";
import type { PodFacts } from "../pod-facts.ts";
import {
  constraintsOf,
  countSpread,
  defaultConstraints,
  hostnameKey,
  type SpreadConstraint,
  type Spreading,
} from "./spread-constraints.ts";

export const podTopologySpreadScore: Scorer = (pod, cluster, nodes) => {
  const declared = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0;
  const constraints = declared
    ? constraintsOf(pod.pod, "ScheduleAnyway")
    : defaultConstraints(pod.pod, cluster.related);
  if (constraints.length === 0) return undefined;
  // What a pod says itself holds for nodes that are in a domain of every topology; the defaults take what there is.
  const needed = declared ? constraints.map(({ topologyKey }) => topologyKey) : [];
  const isRanked = ({ labels }: NodeInfo): boolean => needed.every((key) => own(labels, key) !== undefined);
  const ranked = needed.length === 0 ? nodes : nodes.filter(isRanked);
  const parts = constraints.map((constraint) => costOf(constraint, pod, { cluster, needed, nodes: ranked }));
  const costs = nodes.map((node) => {
    if (ranked !== nodes && !isRanked(node)) return undefined;
    let sum = 0;
    for (const cost of parts) sum += cost(node);
    return Math.round(sum);
  });
  const known = costs.filter((cost) => cost !== undefined);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return costs.map((cost) => {
    if (cost === undefined) return 0;
    return most === 0 ? scoreMax : Math.trunc((scoreMax * (most + least - cost)) / most);
  });
};

interface Ranking extends Spreading {
  readonly nodes: readonly NodeInfo[];
}

/** What a node costs for the pods that are in its domain already. The more domains, the more each pod counts. */
function costOf(constraint: SpreadConstraint, pod: PodFacts, ranking: Ranking): (node: NodeInfo) => number {
  const { topologyKey, maxSkew, selector } = constraint;
  const { cluster, nodes } = ranking;
  if (topologyKey === hostnameKey) {
    const selection = { namespaces: new Set([pod.namespace]), selector, terminating: false };
    const { byNode } = cluster.snapshot.groups.count(selection);
    const weight = Math.log(nodes.length + 2);
    return ({ name, labels }) =>
      own(labels, topologyKey) === undefined ? 0 : (byNode.get(name) ?? 0) * weight + maxSkew - 1;
  }
  const count = countSpread(constraint, pod, ranking);
  const domains = new Set<number>();
  for (const node of nodes) {
    const domain = count.topology.domainOf(node);
    if (domain !== undefined) domains.add(domain);
  }
  const weight = Math.log(domains.size + 2);
  return (node) => {
    const there = count.near(node);
    return there === undefined ? 0 : there * weight + maxSkew - 1;
  };
}
