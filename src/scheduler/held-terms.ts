/** What pods on nodes require or prefer of others near them, each term once, with the number of pods that hold it. */
import type { AffinityTerm, PodAffinities, PodFacts } from "./pod-facts.ts";
import { PodCount, type NodeShape } from "./pod-count.ts";

export interface HeldTerm {
  readonly id: string;
  readonly term: AffinityTerm;
  /** What the wish counts, for or against; 0 for pods that do not take certain others near them. */
  readonly weight: number;
  /** Pods that hold it; by node. */
  readonly holders: PodCount;
  /** How many hold it. */
  held: number;
}

// What a pod there requires of others counts as a preference of this weight.
const requiredWeight = 1;
// Terms that are counted by domain at one time: each costs a few bytes for each node.
const countedMax = 512;

export class HeldTerms {
  private readonly byId = new Map<string, HeldTerm>();
  // By a label that every pod has that the term means, "key=value".
  private readonly byLabel = new Map<string, Set<HeldTerm>>();
  private readonly others = new Set<HeldTerm>();
  // The one used last is last.
  private readonly counted = new Set<HeldTerm>();

  /** The pod comes to the node, or leaves it. */
  add({ affinities }: PodFacts, nodeName: string, change: { readonly by: 1 | -1; readonly nodes: NodeShape }): void {
    if (!affinities) return;
    for (const { term, weight } of termsOf(affinities)) {
      if (term.selector.matchesNothing) continue;
      const id = heldId(term, weight);
      const held = this.byId.get(id) ?? this.begin(id, term, weight);
      held.held += change.by;
      held.holders.add(nodeName, change.by, change.nodes);
      if (held.held <= 0) this.end(held);
    }
  }

  /** Terms that may mean the pod: those of them that do are to be found by the labels of its namespace. */
  about({ pod }: PodFacts): readonly HeldTerm[] {
    if (this.byId.size === 0) return [];
    const found = [...this.others];
    const { labels = {} } = pod.metadata;
    for (const [key, value] of Object.entries(labels))
      for (const held of this.byLabel.get(`${key}=${value}`) ?? []) found.push(held);
    return found;
  }

  /** Says that the term is counted by domain. */
  used(held: HeldTerm): void {
    this.counted.delete(held);
    this.counted.add(held);
    const [oldest] = this.counted;
    if (this.counted.size <= countedMax || !oldest) return;
    this.counted.delete(oldest);
    oldest.holders.forgetDomains();
  }

  private begin(id: string, term: AffinityTerm, weight: number): HeldTerm {
    const held: HeldTerm = { id, term, weight, holders: new PodCount(), held: 0 };
    this.byId.set(id, held);
    const label = neededLabel(term);
    if (label === undefined) this.others.add(held);
    else {
      const there = this.byLabel.get(label);
      if (there) there.add(held);
      else this.byLabel.set(label, new Set([held]));
    }
    return held;
  }

  private end(held: HeldTerm): void {
    this.byId.delete(held.id);
    this.others.delete(held);
    this.counted.delete(held);
    const label = neededLabel(held.term) ?? "";
    const there = this.byLabel.get(label);
    there?.delete(held);
    if (there?.size === 0) this.byLabel.delete(label);
  }
}

function* termsOf(affinities: PodAffinities): Generator<{ readonly term: AffinityTerm; readonly weight: number }> {
  for (const term of affinities.requiredAnti) yield { term, weight: 0 };
  for (const term of affinities.required) yield { term, weight: requiredWeight };
  for (const term of affinities.preferred) yield { term, weight: term.weight };
  for (const term of affinities.preferredAnti) yield { term, weight: -term.weight };
}

export function heldId({ id }: AffinityTerm, weight: number): string {
  return `${weight} ${id}`;
}

function neededLabel({ selector }: AffinityTerm): string | undefined {
  const first = selector.exact().next().value;
  return first && `${first.key}=${first.value}`;
}
