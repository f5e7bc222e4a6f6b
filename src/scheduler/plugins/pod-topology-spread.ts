/** Pods spread over the domains of a topology, where they require it. */
import { own } from "#base/own.ts";
import type { NodeInfo } from "../node-info.ts";
import {
  check,
  resolvable,
  unresolvable,
  type Cluster,
  type Filter,
  type Forked,
  type Hint,
  type Rejection,
} from "../plugin.ts";
import { isTerminating, type PodFacts } from "../pod-facts.ts";
import { constraintsOf, isCounted, type SpreadConstraint } from "./spread-constraints.ts";

const notSpread = "node(s) didn't match pod topology spread constraints";

export const podTopologySpread: Filter = (pod, cluster) => {
  const constraints = constraintsOf(pod.pod, "DoNotSchedule");
  if (constraints.length === 0) return undefined;
  const all = constraints.map((constraint) => ({
    constraint,
    counts: domainsOf(constraint, { pod, cluster, constraints }),
  }));
  const spread = new Spread(pod, all);
  return check((node) => spread.rejection(node), { fork: () => spread.fork() });
};

interface Domains {
  readonly pod: PodFacts;
  readonly cluster: Cluster;
  readonly constraints: readonly SpreadConstraint[];
}

function domainsOf(constraint: SpreadConstraint, { pod, cluster, constraints }: Domains): Map<string, number> {
  const { selector, topologyKey } = constraint;
  const byNode = cluster.snapshot.matchesByNode({ namespace: pod.namespace, selector, terminating: false });
  const counts = new Map<string, number>();
  for (const node of cluster.snapshot.list) {
    const value = own(node.labels, topologyKey);
    if (value === undefined || !hasAll(node, constraints) || !isCounted(node.node, pod.pod, constraint)) continue;
    counts.set(value, (counts.get(value) ?? 0) + (byNode.get(node.name) ?? 0));
  }
  return counts;
}

interface Counted {
  readonly constraint: SpreadConstraint;
  /** Matching pods by domain; every domain is there, if with zero. */
  readonly counts: Map<string, number>;
}

function hasAll(node: NodeInfo, constraints: readonly SpreadConstraint[]): boolean {
  return constraints.every(({ topologyKey }) => own(node.labels, topologyKey) !== undefined);
}

class Spread {
  private readonly pod: PodFacts;
  private readonly counted: readonly Counted[];
  // The smallest count of each constraint; computed anew after pods came or went.
  private leasts: readonly number[] | undefined;

  constructor(pod: PodFacts, counted: readonly Counted[]) {
    this.pod = pod;
    this.counted = counted;
  }

  rejection(node: NodeInfo): Rejection | undefined {
    this.leasts ??= this.counted.map(({ constraint, counts }) =>
      counts.size < constraint.minDomains ? 0 : Math.min(...counts.values()),
    );
    for (const [at, { constraint, counts }] of this.counted.entries()) {
      const value = own(node.labels, constraint.topologyKey);
      if (value === undefined) return unresolvable(`${notSpread} (missing required label)`);
      const itself = constraint.selector.matches(this.pod.pod.metadata.labels) ? 1 : 0;
      const skew = (counts.get(value) ?? 0) + itself - (this.leasts[at] ?? 0);
      if (skew > constraint.maxSkew) return resolvable(notSpread);
    }
    return undefined;
  }

  fork(): Forked {
    const copy = new Spread(
      this.pod,
      this.counted.map(({ constraint, counts }) => ({ constraint, counts: new Map(counts) })),
    );
    return { node: (node) => copy.rejection(node), move: (pod, node, by) => copy.move(pod, node, by) };
  }

  private move(other: PodFacts, node: NodeInfo, by: 1 | -1): void {
    const constraints = this.counted.map(({ constraint }) => constraint);
    if (other.namespace !== this.pod.namespace || isTerminating(other.pod) || !hasAll(node, constraints)) return;
    this.leasts = undefined;
    for (const { constraint, counts } of this.counted) {
      const value = own(node.labels, constraint.topologyKey) ?? "";
      if (!constraint.selector.matches(other.pod.metadata.labels)) continue;
      if (isCounted(node.node, this.pod.pod, constraint)) counts.set(value, (counts.get(value) ?? 0) + by);
    }
  }
}

export const podTopologySpreadHint: Hint = (pod, event) => {
  const constraints = constraintsOf(pod.pod, "DoNotSchedule");
  const counts = (other: PodFacts): boolean =>
    other.namespace === pod.namespace &&
    constraints.some(({ selector }) => selector.matches(other.pod.metadata.labels));
  switch (event.kind) {
    case "node":
    case "nodeGone":
      return true;
    case "podPlaced":
    case "podGone":
      return counts(event.pod);
    case "podChanged":
      return counts(event.pod) || counts(event.old);
    case "storage":
    case "namespace":
      return false;
  }
};
