/** Which pod networks of the cluster are taken, by which nodes. Memory of the controller, in step with its cache. */
import { cidrSize, parseCidr, type Cidr } from "#base/cidr.ts";

/** Upstream's size: room for twice the pods a node runs. */
const prefixUsual = 24;
/** The smallest that holds the 110 pods a node runs. */
const prefixSmall = 25;

/** Clusters with little room give less of it to each node, so that there is more than one. */
function prefixOf({ prefixLength }: Cidr): number {
  return Math.max(prefixLength, prefixLength + 2 > prefixUsual ? prefixSmall : prefixUsual);
}

interface Held {
  readonly text: string;
  readonly first: number;
  readonly last: number;
}

export class NodeNetworks {
  private readonly cluster: Cidr;
  private readonly prefixLength: number;
  private readonly count: number;
  private readonly byNode = new Map<string, Held>();
  private readonly bySlot = new Map<number, Set<string>>();
  // Invariant: no slot below it is free.
  private lowest = 0;

  constructor(cluster: Cidr) {
    this.cluster = cluster;
    this.prefixLength = prefixOf(cluster);
    this.count = cidrSize(cluster) / this.slotSize;
  }

  get size(): number {
    return this.byNode.size + this.bySlot.size;
  }

  /** The node has this network now; what was offered to it stays kept for it while it has none. */
  note(node: string, podCidr: string | undefined): void {
    const held = this.byNode.get(node);
    if ((podCidr ?? "") === "" || held?.text === podCidr) return;
    const cidr = parseCidr(podCidr ?? "");
    this.forget(node);
    if (!cidr) return;
    const first = Math.floor((cidr.base - this.cluster.base) / this.slotSize);
    const last = Math.ceil((cidr.base + cidrSize(cidr) - this.cluster.base) / this.slotSize) - 1;
    this.hold(node, { text: podCidr ?? "", first: Math.max(0, first), last: Math.min(this.count - 1, last) });
  }

  forget(node: string): void {
    const held = this.byNode.get(node);
    if (!held) return;
    this.byNode.delete(node);
    for (let slot = held.first; slot <= held.last; slot += 1) {
      const nodes = this.bySlot.get(slot);
      nodes?.delete(node);
      if (nodes?.size !== 0) continue;
      this.bySlot.delete(slot);
      this.lowest = Math.min(this.lowest, slot);
    }
  }

  /** The lowest free network, kept for the node from now on; undefined when none is free. */
  offer(node: string): Cidr | undefined {
    const kept = this.byNode.get(node);
    if (kept) return this.cidrAt(kept.first);
    while (this.lowest < this.count && this.bySlot.has(this.lowest)) this.lowest += 1;
    if (this.lowest >= this.count) return undefined;
    this.hold(node, { text: "", first: this.lowest, last: this.lowest });
    return this.cidrAt(this.lowest);
  }

  /** Other nodes whose networks share addresses with this one's. */
  sharing(node: string): readonly string[] {
    const held = this.byNode.get(node);
    if (!held) return [];
    const others = new Set<string>();
    for (let slot = held.first; slot <= held.last; slot += 1)
      for (const other of this.bySlot.get(slot) ?? []) if (other !== node) others.add(other);
    return [...others];
  }

  private hold(node: string, held: Held): void {
    this.byNode.set(node, held);
    for (let slot = held.first; slot <= held.last; slot += 1) {
      const nodes = this.bySlot.get(slot) ?? new Set();
      this.bySlot.set(slot, nodes.add(node));
    }
  }

  private cidrAt(slot: number): Cidr {
    return { base: this.cluster.base + slot * this.slotSize, prefixLength: this.prefixLength };
  }

  private get slotSize(): number {
    return cidrSize({ base: 0, prefixLength: this.prefixLength });
  }
}
