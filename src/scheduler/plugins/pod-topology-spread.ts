/** Pods spread over the domains of a topology, where they require it. */
import type { NodeInfo } from "../node-info.ts";
import { check, resolvable, unresolvable, type Filter, type Forked, type Hint, type Rejection } from "../plugin.ts";
import type { DomainCount } from "../pod-count.ts";
import { isTerminating, type PodFacts } from "../pod-facts.ts";
import { constraintsOf, countSpread, type SpreadConstraint } from "./spread-constraints.ts";

const notSpread = resolvable("node(s) didn't match pod topology spread constraints");
const outside = unresolvable("node(s) didn't match pod topology spread constraints (missing required label)");

export const podTopologySpread: Filter = (pod, cluster) => {
  const constraints = constraintsOf(pod.pod, "DoNotSchedule");
  if (constraints.length === 0) return undefined;
  const needed = constraints.map(({ topologyKey }) => topologyKey);
  const counted = constraints.map((constraint) => ({
    constraint,
    count: countSpread(constraint, pod, { cluster, needed }),
    itself: constraint.selector.matches(pod.pod.metadata.labels) ? 1 : 0,
    moved: 0,
  }));
  return check((node) => rejection(node, counted), { fork: () => forked(pod, counted) });
};

interface Counted {
  readonly constraint: SpreadConstraint;
  readonly count: DomainCount;
  /** 1 when the pod itself will be counted, else 0. */
  readonly itself: number;
  /** More (or fewer) pods in the domain of the one node that is looked at. */
  readonly moved: number;
}

function rejection(node: NodeInfo, counted: readonly Counted[]): Rejection | undefined {
  for (const { constraint, count, itself, moved } of counted) {
    const there = count.near(node);
    if (there === undefined) return outside;
    const least = count.size < constraint.minDomains ? 0 : count.least(moved === 0 ? undefined : { node, by: moved });
    if (there + moved + itself - least > constraint.maxSkew) return notSpread;
  }
  return undefined;
}

function forked(pod: PodFacts, counted: readonly Counted[]): Forked {
  const changed = counted.map((one) => ({ ...one }));
  return {
    node: (node) => rejection(node, changed),
    move: (other, node, by) => {
      if (other.namespace !== pod.namespace || isTerminating(other.pod)) return;
      for (const one of changed)
        if (one.count.isCounted(node) && one.constraint.selector.matches(other.pod.metadata.labels)) one.moved += by;
    },
  };
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
