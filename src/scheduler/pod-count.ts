/**
 * How many pods of some kind there are, by node and by domain. Pods that come and go are counted one by one; when nodes
 * come, go or change their labels or taints, what is counted by domain is begun anew at the next question.
 */
import type { NodeInfo } from "./node-info.ts";
import type { Topology } from "./topology.ts";

/** The nodes of the moment. */
export interface NodeShape {
  /** Rises when a node comes, goes, or changes its labels or taints. */
  readonly shape: number;
  /** Each at its slot. */
  readonly list: readonly NodeInfo[];
  readonly nodes: ReadonlyMap<string, NodeInfo>;
  topology(key: string): Topology;
}

/** Nodes whose pods count, for a topology. */
export interface Counting {
  readonly topologyKey: string;
  /** Says the same as `isCounted`: two with the same text count the same nodes. "" for all. */
  readonly condition: string;
  readonly isCounted?: (node: NodeInfo) => boolean;
}

// A workload asks for a handful: its topologies, and these again while its pods change from one template to the next.
const countingsMax = 16;

export class PodCount {
  /** Without zeros; nodes that are not known (yet) are there, too. */
  readonly byNode = new Map<string, number>();
  private readonly byCounting = new Map<string, DomainCount>();

  add(nodeName: string, by: number, nodes: NodeShape): void {
    adjust(this.byNode, nodeName, by);
    if (this.byCounting.size === 0) return;
    const node = nodes.nodes.get(nodeName);
    if (!node) return;
    for (const count of this.byCounting.values()) if (count.shape === nodes.shape) count.add(node, by);
  }

  /** The count by domain, which changes as pods come and go until the nodes change. */
  byDomain(counting: Counting, nodes: NodeShape): DomainCount {
    const key = `${counting.topologyKey} ${counting.condition}`;
    const known = this.byCounting.get(key);
    // The list is asked for first: it is what gives nodes their slots.
    if (nodes.list.length > 0 && known?.shape === nodes.shape) return known;
    if (!known && this.byCounting.size >= countingsMax) this.byCounting.clear();
    const made = new DomainCount(counting, nodes, this.byNode);
    this.byCounting.set(key, made);
    return made;
  }

  /** Takes less memory until it is asked again. */
  forgetDomains(): void {
    this.byCounting.clear();
  }
}

export class DomainCount {
  readonly topology: Topology;
  readonly shape: number;
  /** How many domains have a node whose pods count. */
  readonly size: number;
  /** How many pods are counted in all. */
  total = 0;
  private readonly counted: Uint8Array | undefined;
  private readonly counts: Int32Array;
  /** How many domains have so many pods. Invariant: the values sum up to `size`. */
  private readonly tally = new Map<number, number>();
  /** The fewest pods in any domain; Infinity without a domain. */
  private fewest: number;

  constructor({ topologyKey, isCounted }: Counting, nodes: NodeShape, byNode: ReadonlyMap<string, number>) {
    const { list } = nodes;
    this.shape = nodes.shape;
    this.topology = nodes.topology(topologyKey);
    this.counted = isCounted ? Uint8Array.from(list, (node) => Number(isCounted(node))) : undefined;
    this.counts = new Int32Array(this.topology.size);
    const domains = new Set<number>();
    for (const node of list) {
      const domain = this.countedDomain(node);
      if (domain !== undefined) domains.add(domain);
    }
    for (const [name, count] of byNode) {
      const node = nodes.nodes.get(name);
      const domain = node && this.countedDomain(node);
      if (domain === undefined) continue;
      this.counts[domain] = (this.counts[domain] ?? 0) + count;
      this.total += count;
    }
    for (const domain of domains) adjust(this.tally, this.counts[domain] ?? 0, 1);
    this.size = domains.size;
    this.fewest = Math.min(...this.tally.keys());
  }

  /** Pods in the node's domain; undefined when the node is in none. */
  near(node: NodeInfo): number | undefined {
    const domain = this.topology.domainOf(node);
    return domain === undefined ? undefined : (this.counts[domain] ?? 0);
  }

  /** True when pods on the node count. */
  isCounted(node: NodeInfo): boolean {
    return this.countedDomain(node) !== undefined;
  }

  /**
   * The fewest pods in any domain; Infinity without a domain.
   *
   * @param change What if there were so many more (or fewer) in the node's domain.
   */
  least(change?: { readonly node: NodeInfo; readonly by: number }): number {
    if (!change || change.by === 0) return this.fewest;
    const domain = this.countedDomain(change.node);
    if (domain === undefined) return this.fewest;
    const now = this.counts[domain] ?? 0;
    const alone = now === this.fewest && this.tally.get(now) === 1;
    const others = alone ? Math.min(...[...this.tally.keys()].filter((count) => count !== now)) : this.fewest;
    return Math.min(others, now + change.by);
  }

  add(node: NodeInfo, by: number): void {
    const domain = this.countedDomain(node);
    if (domain === undefined) return;
    const before = this.counts[domain] ?? 0;
    const after = before + by;
    this.counts[domain] = after;
    this.total += by;
    adjust(this.tally, before, -1);
    adjust(this.tally, after, 1);
    if (after < this.fewest) this.fewest = after;
    else if (before === this.fewest && !this.tally.has(before)) this.fewest = Math.min(...this.tally.keys());
  }

  private countedDomain(node: NodeInfo): number | undefined {
    return this.counted && this.counted[node.slot] !== 1 ? undefined : this.topology.domainOf(node);
  }
}

/** Zeros are not kept. */
export function adjust<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
