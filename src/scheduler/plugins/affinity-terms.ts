/** Which pods the terms of pod affinity mean, and how many of them each domain of a topology has. */
import { own } from "#base/own.ts";
import { Selector } from "#machinery/label-selector.ts";
import type { NodeInfo } from "../node-info.ts";
import type { Cluster } from "../plugin.ts";
import type { AffinityTerm, PodFacts } from "../pod-facts.ts";
import { adjust } from "../snapshot.ts";

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

/** How many pods on each node all of the terms mean; nodes without any may be missing. */
export function countsByNode(terms: readonly AffinityTerm[], cluster: Cluster): Iterable<readonly [NodeInfo, number]> {
  const { snapshot } = cluster;
  const namespaces = new Set(terms.flatMap((term) => [...term.namespaces]));
  const [namespace] = namespaces;
  const isOneNamespace = namespaces.size === 1 && terms.every((term) => term.namespaceSelector.matchesNothing);
  if (!isOneNamespace || namespace === undefined || terms.some((term) => term.selector.matchesNothing))
    return snapshot.list.map((node) => [node, countOn(node, terms, cluster)] as const);
  // What the snapshot counts as pods come and go need not be counted anew.
  const selector = Selector.of(terms.flatMap((term) => term.selector.requirements));
  const byNode = snapshot.matchesByNode({ namespace, selector, terminating: true });
  return [...byNode].flatMap(([name, count]) => {
    const node = snapshot.nodes.get(name);
    return node ? [[node, count] as const] : [];
  });
}

function countOn(node: NodeInfo, terms: readonly AffinityTerm[], cluster: Cluster): number {
  let count = 0;
  for (const pod of node.pods.values()) if (terms.every((term) => means(term, pod, cluster))) count += 1;
  return count;
}

/** Numbers of pods by topology key, then by its value. */
export class DomainCounts {
  private readonly byKey = new Map<string, Map<string, number>>();

  constructor(from?: DomainCounts) {
    for (const [key, byValue] of from?.byKey ?? []) this.byKey.set(key, new Map(byValue));
  }

  get isEmpty(): boolean {
    for (const byValue of this.byKey.values()) if (byValue.size > 0) return false;
    return true;
  }

  add(topologyKey: string, node: NodeInfo, by: number): void {
    const value = own(node.labels, topologyKey);
    if (value === undefined || by === 0) return;
    let byValue = this.byKey.get(topologyKey);
    if (!byValue) this.byKey.set(topologyKey, (byValue = new Map()));
    adjust(byValue, value, by);
  }

  /** Undefined when the node is in no domain of the topology. */
  get(topologyKey: string, node: NodeInfo): number | undefined {
    const value = own(node.labels, topologyKey);
    return value === undefined ? undefined : (this.byKey.get(topologyKey)?.get(value) ?? 0);
  }

  /** True when the node is in a domain with any. */
  hasAny(node: NodeInfo): boolean {
    for (const [key, byValue] of this.byKey) if (byValue.has(own(node.labels, key) ?? "")) return true;
    return false;
  }
}
