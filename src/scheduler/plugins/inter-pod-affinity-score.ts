/** Pods near or away from other pods, where they prefer it. */
import { own } from "#base/own.ts";
import type { NodeInfo } from "../node-info.ts";
import { scoreMax, type Cluster, type Scorer } from "../plugin.ts";
import type { PodFacts } from "../pod-facts.ts";
import { countsByNode, means } from "./affinity-terms.ts";

// What a pod there requires of this one counts as a preference of this weight.
const requiredWeight = 1;

export const interPodAffinityScore: Scorer = (pod, cluster, nodes) => {
  const points = new Points();
  for (const term of pod.affinities?.preferred ?? [])
    for (const [node, count] of countsByNode([term], cluster)) points.add(term.topologyKey, node, count * term.weight);
  for (const term of pod.affinities?.preferredAnti ?? [])
    for (const [node, count] of countsByNode([term], cluster)) points.add(term.topologyKey, node, -count * term.weight);
  for (const node of cluster.snapshot.wishing)
    for (const other of node.wishing.values()) addWishesOf(other, node, { pod, cluster, points });
  if (points.isEmpty) return undefined;
  const raw = nodes.map((node) => points.of(node));
  const least = Math.min(...raw);
  const range = Math.max(...raw) - least;
  return raw.map((one) => (range === 0 ? 0 : Math.trunc((scoreMax * (one - least)) / range)));
};

interface Wishes {
  readonly pod: PodFacts;
  readonly cluster: Cluster;
  readonly points: Points;
}

function addWishesOf({ affinities }: PodFacts, node: NodeInfo, { pod, cluster, points }: Wishes): void {
  if (!affinities) return;
  for (const term of affinities.required)
    if (means(term, pod, cluster)) points.add(term.topologyKey, node, requiredWeight);
  for (const term of affinities.preferred)
    if (means(term, pod, cluster)) points.add(term.topologyKey, node, term.weight);
  for (const term of affinities.preferredAnti)
    if (means(term, pod, cluster)) points.add(term.topologyKey, node, -term.weight);
}

/** Sums by topology key, then by value; they may be negative. */
class Points {
  private readonly byKey = new Map<string, Map<string, number>>();

  get isEmpty(): boolean {
    return this.byKey.size === 0;
  }

  add(topologyKey: string, node: NodeInfo, by: number): void {
    const value = own(node.labels, topologyKey);
    if (value === undefined || by === 0) return;
    const byValue = this.byKey.get(topologyKey) ?? new Map<string, number>();
    byValue.set(value, (byValue.get(value) ?? 0) + by);
    this.byKey.set(topologyKey, byValue);
  }

  of(node: NodeInfo): number {
    let sum = 0;
    for (const [key, byValue] of this.byKey) sum += byValue.get(own(node.labels, key) ?? "") ?? 0;
    return sum;
  }
}
