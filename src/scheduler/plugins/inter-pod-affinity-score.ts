/** Pods near or away from other pods, where they prefer it. */
import type { DomainCount } from "../pod-count.ts";
import { scoreMax, type Cluster, type Scorer } from "../plugin.ts";
import type { PodFacts } from "../pod-facts.ts";
import { countHolders, countMeant, means } from "./affinity-terms.ts";

/** What each pod in a domain counts, for or against it. */
interface Wish {
  readonly count: DomainCount;
  readonly weight: number;
}

export const interPodAffinityScore: Scorer = (pod, cluster, nodes) => {
  const wishes = wishesAbout(pod, cluster);
  if (wishes.length === 0) return undefined;
  const raw = nodes.map((node) => {
    let points = 0;
    for (const { count, weight } of wishes) points += weight * (count.near(node) ?? 0);
    return points;
  });
  const least = Math.min(...raw);
  const range = Math.max(...raw) - least;
  return raw.map((one) => (range === 0 ? 0 : Math.trunc((scoreMax * (one - least)) / range)));
};

/** What the pod would like, and what those on nodes would like of it. */
function wishesAbout(pod: PodFacts, cluster: Cluster): readonly Wish[] {
  const wishes: Wish[] = [];
  for (const term of pod.affinities?.preferred ?? [])
    wishes.push({ count: countMeant([term], term.topologyKey, cluster), weight: term.weight });
  for (const term of pod.affinities?.preferredAnti ?? [])
    wishes.push({ count: countMeant([term], term.topologyKey, cluster), weight: -term.weight });
  for (const held of cluster.snapshot.held.about(pod))
    if (held.weight !== 0 && means(held.term, pod, cluster))
      wishes.push({ count: countHolders(held, cluster), weight: held.weight });
  return wishes.filter(({ count }) => count.total > 0);
}
