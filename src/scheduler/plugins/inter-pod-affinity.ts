/** Pods near or away from other pods, where they require it. */
import { heldId } from "../held-terms.ts";
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
import type { DomainCount } from "../pod-count.ts";
import type { AffinityTerm, PodAffinities, PodFacts } from "../pod-facts.ts";
import { countHolders, countMeant, mayMean, means } from "./affinity-terms.ts";

const noTerms: PodAffinities = { required: [], requiredAnti: [], preferred: [], preferredAnti: [] };
const notNear = unresolvable("node(s) didn't match pod affinity rules");
const tooNear = resolvable("node(s) didn't match pod anti-affinity rules");
const unwelcome = resolvable("node(s) didn't satisfy existing pods anti-affinity rules");

export const interPodAffinity: Filter = (pod, cluster) => {
  const state = new State(pod, cluster);
  if (state.isIdle) return undefined;
  return check((node) => state.rejection(node, undefined), { fork: () => forked(state) });
};

/** A term, and how many pods there are that matter to it, by domain. */
interface Counted {
  readonly id: string;
  readonly term: AffinityTerm;
  readonly count: DomainCount;
}

class State {
  readonly pod: PodFacts;
  readonly cluster: Cluster;
  /** Each with the pods that all of them mean. */
  readonly required: readonly Counted[];
  readonly requiredAnti: readonly Counted[];
  /** Terms of pods on nodes that do not want this one near. */
  readonly shunning: readonly Counted[];
  private readonly isFirst: boolean;

  constructor(pod: PodFacts, cluster: Cluster) {
    this.pod = pod;
    this.cluster = cluster;
    const { required, requiredAnti } = pod.affinities ?? noTerms;
    this.required = required.map((term) => ({
      id: term.id,
      term,
      count: countMeant(required, term.topologyKey, cluster),
    }));
    // Each once: what moves is counted by their ids.
    this.requiredAnti = [...new Map(requiredAnti.map((term) => [term.id, term])).values()].map((term) => ({
      id: term.id,
      term,
      count: countMeant([term], term.topologyKey, cluster),
    }));
    this.shunning = cluster.snapshot.held
      .about(pod)
      .filter(({ weight, term }) => weight === 0 && means(term, pod, cluster))
      .map((held) => ({ id: held.id, term: held.term, count: countHolders(held, cluster) }))
      .filter(({ count }) => count.total > 0);
    // The first pod of a group that wants to be together has nobody to be near.
    this.isFirst = required.length > 0 && required.every((term) => means(term, pod, cluster));
  }

  get isIdle(): boolean {
    return this.required.length + this.requiredAnti.length + this.shunning.length === 0;
  }

  /** @param moved Pods that came to this node, and left it. */
  rejection(node: NodeInfo, moved: Moved | undefined): Rejection | undefined {
    if (this.required.length > 0 && !this.isNearWanted(node, moved?.wanted ?? 0)) return notNear;
    for (const one of this.requiredAnti) if (isAnyNear(one, node, moved?.shunned)) return tooNear;
    for (const one of this.shunning) if (isAnyNear(one, node, moved?.shunning)) return unwelcome;
    return moved?.newlyShunning(node) ? unwelcome : undefined;
  }

  private isNearWanted(node: NodeInfo, more: number): boolean {
    let isNear = true;
    for (const { count } of this.required) {
      const near = count.near(node);
      if (near === undefined) return false;
      if (near + more === 0) isNear = false;
    }
    if (isNear) return true;
    return this.isFirst && this.required.every(({ count }) => count.total + more === 0);
  }
}

/** A node that is in no domain of the topology is near nobody. */
function isAnyNear({ count, id }: Counted, node: NodeInfo, moved: ReadonlyMap<string, number> | undefined): boolean {
  const near = count.near(node);
  return near !== undefined && near + (moved?.get(id) ?? 0) > 0;
}

/** Pods that came to a node, or left it: all of them are in the domains of this node. */
class Moved {
  /** More (or fewer) pods that all required terms mean. */
  wanted = 0;
  /** The same for each term that must not be near, by its id. */
  readonly shunned = new Map<string, number>();
  /** The same for pods that hold a term against this one. */
  readonly shunning = new Map<string, number>();
  private readonly state: State;
  private readonly known: ReadonlySet<string>;
  private readonly topologies = new Map<string, string>();

  constructor(state: State) {
    this.state = state;
    this.known = new Set(state.shunning.map(({ id }) => id));
  }

  add(other: PodFacts, by: 1 | -1): void {
    const { pod, cluster, required, requiredAnti } = this.state;
    for (const term of other.affinities?.requiredAnti ?? []) {
      if (!means(term, pod, cluster)) continue;
      const id = heldId(term, 0);
      this.topologies.set(id, term.topologyKey);
      this.shunning.set(id, (this.shunning.get(id) ?? 0) + by);
    }
    if (required.length > 0 && required.every(({ term }) => means(term, other, cluster))) this.wanted += by;
    for (const { term, id } of requiredAnti)
      if (means(term, other, cluster)) this.shunned.set(id, (this.shunned.get(id) ?? 0) + by);
  }

  /** True when a pod came that does not want this one near, for a reason that no other pod has had. */
  newlyShunning(node: NodeInfo): boolean {
    for (const [id, by] of this.shunning)
      if (by > 0 && !this.known.has(id) && Object.hasOwn(node.labels, this.topologies.get(id) ?? "")) return true;
    return false;
  }
}

function forked(state: State): Forked {
  const moved = new Moved(state);
  return {
    node: (node) => state.rejection(node, moved),
    move: (pod, _, by) => moved.add(pod, by),
  };
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
