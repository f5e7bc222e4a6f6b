/**
 * The cluster as the scheduler sees it: nodes, and pods on them. Changes come in as the informers tell them, and as
 * pods are placed: such a pod is assumed to be on its node until the informer says the same.
 */
import { own } from "#base/own.ts";
import type { Selector } from "#machinery/label-selector.ts";
import type { Node } from "#resources/core/node.ts";
import { NodeInfo } from "./node-info.ts";
import { isTerminating, type PodFacts } from "./pod-facts.ts";

interface Placement {
  readonly pod: PodFacts;
  readonly nodeName: string;
  /** True until the informer has shown the pod on its node. */
  readonly assumed: boolean;
}

export interface PodSelection {
  readonly namespace: string;
  readonly selector: Selector;
  /** Whether pods that are being deleted count. */
  readonly terminating: boolean;
}

interface MatchCount extends PodSelection {
  readonly byNode: Map<string, number>;
}

const none: readonly never[] = [];
const noMatches: ReadonlyMap<string, number> = new Map();

// Selectors whose matching pods are counted as pods come and go; enough for the workloads that grow at one time.
const countedSelectorsMax = 32;

const zoneLabels = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];

export class Snapshot {
  readonly nodes = new Map<string, NodeInfo>();
  /** Nodes with a pod that does not take certain others near it. */
  readonly shunning = new Set<NodeInfo>();
  /** Nodes with a pod that would like others near it, or away. */
  readonly wishing = new Set<NodeInfo>();
  /** How many pods on nodes use a claim, by its key. */
  readonly claimUses = new Map<string, number>();
  /** How many nodes have an image, by each of its names. */
  readonly imageNodes = new Map<string, number>();
  private readonly placements = new Map<string, Placement>();
  // Pods on nodes that are not known (yet), by node name.
  private readonly strays = new Map<string, Map<string, PodFacts>>();
  private readonly nominated = new Map<string, Map<string, PodFacts>>();
  private readonly counts = new Map<string, MatchCount>();
  private ordered: readonly NodeInfo[] | undefined;

  /** All nodes, zones taking turns, so that the first few of them are of all zones. */
  get list(): readonly NodeInfo[] {
    this.ordered ??= interleaved(this.nodes.values());
    return this.ordered;
  }

  setNode(node: Node): void {
    const name = node.metadata.name ?? "";
    const known = this.nodes.get(name);
    if (known) {
      if (zoneOf(known.node) !== zoneOf(node)) this.ordered = undefined;
      if (known.node.status.images !== node.status.images) {
        this.countImages(known.node, -1);
        this.countImages(node, 1);
      }
      known.node = node;
      return;
    }
    const info = new NodeInfo(node);
    this.nodes.set(name, info);
    this.countImages(node, 1);
    this.ordered = undefined;
    for (const pod of this.strays.get(name)?.values() ?? []) this.put(info, pod);
    this.strays.delete(name);
  }

  removeNode(name: string): void {
    const info = this.nodes.get(name);
    if (!info) return;
    this.nodes.delete(name);
    this.shunning.delete(info);
    this.wishing.delete(info);
    this.countImages(info.node, -1);
    this.ordered = undefined;
    if (info.pods.size > 0) this.strays.set(name, new Map(info.pods));
  }

  /** A pod as the informer shows it, on its node. */
  setPod(pod: PodFacts): void {
    const nodeName = pod.pod.spec.nodeName ?? "";
    this.removePod(pod.uid);
    this.place(pod, nodeName, false);
  }

  /** A pod that is about to be bound to the node. */
  assume(pod: PodFacts, nodeName: string): void {
    this.removePod(pod.uid);
    this.place(pod, nodeName, true);
  }

  /** True when the pod was there only by assumption, which is over. */
  forget(uid: string): boolean {
    if (!this.placements.get(uid)?.assumed) return false;
    this.removePod(uid);
    return true;
  }

  /** The pod, if it is on a node or assumed to be. */
  placed(uid: string): PodFacts | undefined {
    return this.placements.get(uid)?.pod;
  }

  isAssumed(uid: string): boolean {
    return this.placements.get(uid)?.assumed ?? false;
  }

  removePod(uid: string): void {
    this.withdraw(uid);
    const placement = this.placements.get(uid);
    if (!placement) return;
    this.placements.delete(uid);
    const { pod, nodeName } = placement;
    this.countMatches(placement, -1);
    for (const claim of pod.claims) adjust(this.claimUses, claim, -1);
    const info = this.nodes.get(nodeName);
    if (info) {
      info.remove(uid);
      if (info.shunning.size === 0) this.shunning.delete(info);
      if (info.wishing.size === 0) this.wishing.delete(info);
      return;
    }
    const strays = this.strays.get(nodeName);
    strays?.delete(uid);
    if (strays?.size === 0) this.strays.delete(nodeName);
  }

  /** A pod that waits for room on the node, which others of its priority or lower must leave to it. */
  nominate(pod: PodFacts, nodeName: string): void {
    this.withdraw(pod.uid);
    const there = this.nominated.get(nodeName) ?? new Map<string, PodFacts>();
    there.set(pod.uid, pod);
    this.nominated.set(nodeName, there);
  }

  withdraw(uid: string): void {
    for (const [nodeName, there] of this.nominated)
      if (there.delete(uid) && there.size === 0) this.nominated.delete(nodeName);
  }

  nominatedTo(nodeName: string): Iterable<PodFacts> {
    return this.nominated.get(nodeName)?.values() ?? none;
  }

  /** How many pods of a namespace match a selector, by node; without zeros. */
  matchesByNode(selection: PodSelection): ReadonlyMap<string, number> {
    const { namespace, selector, terminating } = selection;
    if (selector.matchesNothing) return noMatches;
    const key = `${namespace}/${terminating ? "all" : "staying"}/${selector.toString()}`;
    const count = this.counts.get(key) ?? this.startCount(selection);
    this.counts.delete(key);
    this.counts.set(key, count);
    const [oldest] = this.counts.keys();
    if (this.counts.size > countedSelectorsMax && oldest !== undefined) this.counts.delete(oldest);
    return count.byNode;
  }

  private startCount(selection: PodSelection): MatchCount {
    const count = { ...selection, byNode: new Map<string, number>() };
    for (const placement of this.placements.values()) countMatch(count, placement, 1);
    return count;
  }

  private place(pod: PodFacts, nodeName: string, assumed: boolean): void {
    const placement = { pod, nodeName, assumed };
    this.placements.set(pod.uid, placement);
    this.countMatches(placement, 1);
    for (const claim of pod.claims) adjust(this.claimUses, claim, 1);
    const info = this.nodes.get(nodeName);
    if (info) {
      this.put(info, pod);
      return;
    }
    const strays = this.strays.get(nodeName) ?? new Map<string, PodFacts>();
    strays.set(pod.uid, pod);
    this.strays.set(nodeName, strays);
  }

  private put(info: NodeInfo, pod: PodFacts): void {
    info.add(pod);
    if (info.shunning.size > 0) this.shunning.add(info);
    if (info.wishing.size > 0) this.wishing.add(info);
  }

  private countMatches(placement: Placement, by: 1 | -1): void {
    for (const count of this.counts.values()) countMatch(count, placement, by);
  }

  private countImages(node: Node, by: 1 | -1): void {
    for (const { names } of node.status.images ?? []) for (const name of names ?? []) adjust(this.imageNodes, name, by);
  }
}

function countMatch(count: MatchCount, { pod, nodeName }: Placement, by: 1 | -1): void {
  if (pod.namespace !== count.namespace || (isTerminating(pod.pod) && !count.terminating)) return;
  if (count.selector.matches(pod.pod.metadata.labels)) adjust(count.byNode, nodeName, by);
}

/** Zeros are not kept. */
export function adjust(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

function zoneOf({ metadata }: Node): string {
  return zoneLabels.map((label) => own(metadata.labels, label)).find((zone) => zone !== undefined) ?? "";
}

function interleaved(nodes: Iterable<NodeInfo>): readonly NodeInfo[] {
  const zones = [...Map.groupBy(nodes, ({ node }) => zoneOf(node)).values()];
  if (zones.length <= 1) return zones[0] ?? [];
  const longest = Math.max(...zones.map((zone) => zone.length));
  const rounds = Array.from({ length: longest }, (_, round) => zones.flatMap((zone) => zone[round] ?? []));
  return rounds.flat();
}
