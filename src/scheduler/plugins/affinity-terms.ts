/** Which pods the terms of pod affinity mean, and how many of them each domain of a topology has. */
import { Selector } from "#machinery/label-selector.ts";
import type { HeldTerm } from "../held-terms.ts";
import type { DomainCount } from "../pod-count.ts";
import type { Cluster } from "../plugin.ts";
import type { AffinityTerm, PodFacts } from "../pod-facts.ts";

/** True when the term means the pod. */
export function means(
  term: AffinityTerm,
  { namespace, pod }: PodFacts,
  { related }: Pick<Cluster, "related">,
): boolean {
  return (
    term.selector.matches(pod.metadata.labels) &&
    (term.namespaces.has(namespace) || term.namespaceSelector.matches(related.namespaceLabels(namespace)))
  );
}

/** The same without a look at the labels of the namespace: it may say yes where the term does not mean the pod. */
export function mayMean(term: AffinityTerm, { namespace, pod }: PodFacts): boolean {
  const reaches = term.namespaces.has(namespace) || !term.namespaceSelector.matchesNothing;
  return reaches && term.selector.matches(pod.metadata.labels);
}

/** Pods that all of the terms mean, by domain of the topology. */
export function countMeant(terms: readonly AffinityTerm[], topologyKey: string, cluster: Cluster): DomainCount {
  const { snapshot } = cluster;
  const namespaces = terms.map((term) => namespacesOf(term, cluster)).reduce((both, one) => both.intersection(one));
  const selector = terms.some((term) => term.selector.matchesNothing)
    ? Selector.nothing
    : Selector.of(terms.flatMap((term) => term.selector.requirements));
  const count = snapshot.groups.count({ namespaces, selector, terminating: true });
  return count.byDomain({ topologyKey, condition: "" }, snapshot);
}

/** Namespaces with pods that the term reaches, and those it names. */
function namespacesOf({ namespaces, namespaceSelector }: AffinityTerm, cluster: Cluster): ReadonlySet<string> {
  if (namespaceSelector.matchesNothing) return namespaces;
  const reached = new Set(namespaces);
  for (const name of cluster.snapshot.groups.namespaces)
    if (namespaceSelector.matches(cluster.related.namespaceLabels(name))) reached.add(name);
  return reached;
}

/** Pods on nodes that hold the term, by domain of its topology. */
export function countHolders(held: HeldTerm, { snapshot }: Cluster): DomainCount {
  snapshot.held.used(held);
  return held.holders.byDomain({ topologyKey: held.term.topologyKey, condition: "" }, snapshot);
}
