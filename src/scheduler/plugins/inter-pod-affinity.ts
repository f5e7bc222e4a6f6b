/** Pods near or away from other pods, where they require it. */
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
import type { AffinityTerm, PodAffinities, PodFacts } from "../pod-facts.ts";
import { countsByNode, DomainCounts, mayMean, means } from "./affinity-terms.ts";

const noTerms: PodAffinities = { required: [], requiredAnti: [], preferred: [], preferredAnti: [] };

export const interPodAffinity: Filter = (pod, cluster) => {
  const state = new State(pod, cluster);
  if (state.isIdle) return undefined;
  return check((node) => state.rejection(node), { fork: () => new State(pod, cluster, state).forked() });
};

class State {
  private readonly pod: PodFacts;
  private readonly cluster: Cluster;
  private readonly required: readonly AffinityTerm[];
  private readonly requiredAnti: readonly AffinityTerm[];
  private readonly wanted: DomainCounts;
  private readonly shunned: DomainCounts;
  /** Pods there that do not want this one near. */
  private readonly shunnedBy: DomainCounts;

  constructor(pod: PodFacts, cluster: Cluster, from?: State) {
    this.pod = pod;
    this.cluster = cluster;
    const { required, requiredAnti } = pod.affinities ?? noTerms;
    this.required = required;
    this.requiredAnti = requiredAnti;
    this.wanted = new DomainCounts(from?.wanted);
    this.shunned = new DomainCounts(from?.shunned);
    this.shunnedBy = new DomainCounts(from?.shunnedBy);
    if (!from) this.countAll();
  }

  get isIdle(): boolean {
    return this.required.length + this.requiredAnti.length === 0 && this.shunnedBy.isEmpty;
  }

  rejection(node: NodeInfo): Rejection | undefined {
    if (!this.isNearWanted(node)) return unresolvable("node(s) didn't match pod affinity rules");
    if (this.requiredAnti.some(({ topologyKey }) => (this.shunned.get(topologyKey, node) ?? 0) > 0))
      return resolvable("node(s) didn't match pod anti-affinity rules");
    if (this.shunnedBy.hasAny(node)) return resolvable("node(s) didn't satisfy existing pods anti-affinity rules");
    return undefined;
  }

  forked(): Forked {
    return {
      node: (node) => this.rejection(node),
      move: (pod, node, by) => {
        this.countShunning(pod, node, by);
        if (this.required.length > 0 && this.required.every((term) => means(term, pod, this.cluster)))
          for (const { topologyKey } of this.required) this.wanted.add(topologyKey, node, by);
        for (const term of this.requiredAnti)
          if (means(term, pod, this.cluster)) this.shunned.add(term.topologyKey, node, by);
      },
    };
  }

  private countAll(): void {
    for (const node of this.cluster.snapshot.shunning)
      for (const other of node.shunning.values()) this.countShunning(other, node, 1);
    if (this.required.length > 0)
      for (const [node, count] of countsByNode(this.required, this.cluster))
        for (const { topologyKey } of this.required) this.wanted.add(topologyKey, node, count);
    for (const term of this.requiredAnti)
      for (const [node, count] of countsByNode([term], this.cluster)) this.shunned.add(term.topologyKey, node, count);
  }

  private countShunning(other: PodFacts, node: NodeInfo, by: 1 | -1): void {
    for (const term of other.affinities?.requiredAnti ?? [])
      if (means(term, this.pod, this.cluster)) this.shunnedBy.add(term.topologyKey, node, by);
  }

  private isNearWanted(node: NodeInfo): boolean {
    const counts = this.required.map(({ topologyKey }) => this.wanted.get(topologyKey, node));
    if (counts.includes(undefined)) return false;
    if (!counts.includes(0)) return true;
    // The first pod of a group that wants to be together has nobody to be near.
    return this.wanted.isEmpty && this.required.every((term) => means(term, this.pod, this.cluster));
  }
}

export const interPodAffinityHint: Hint = (pod, event) => {
  const { required, requiredAnti } = pod.affinities ?? noTerms;
  const shuns = (other: PodFacts): boolean => (other.affinities?.requiredAnti ?? []).some((term) => mayMean(term, pod));
  const wants = (other: PodFacts): boolean => required.some((term) => mayMean(term, other));
  const avoids = (other: PodFacts): boolean => requiredAnti.some((term) => mayMean(term, other));
  switch (event.kind) {
    case "node":
    case "namespace":
      return true;
    case "podPlaced":
      return wants(event.pod);
    case "podGone":
      return avoids(event.pod) || shuns(event.pod);
    case "podChanged":
      return wants(event.pod) || avoids(event.old) || shuns(event.old);
    case "nodeGone":
    case "storage":
      return false;
  }
};
