/**
 * The cluster as the scheduler sees it: nodes, and pods on them. Changes come in as the informers tell them, and as
 * pods are placed: such a pod is assumed to be on its node until the informer says the same.
 */
import { own } from "#base/own.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { Node } from "#resources/core/node.ts";
import { HeldTerms } from "./held-terms.ts";
import { NodeInfo } from "./node-info.ts";
import { adjust, type NodeShape } from "./pod-count.ts";
import { isTerminating, type PodFacts } from "./pod-facts.ts";
import { PodGroups, type PodGroup } from "./pod-groups.ts";
import { Topology } from "./topology.ts";

interface Placement {
  readonly pod: PodFacts;
  readonly nodeName: string;
  readonly group: PodGroup;
  /** True until the informer has shown the pod on its node. */
  readonly assumed: boolean;
}

const none: readonly never[] = [];

// Topologies whose domains are numbered; a cluster has two or three.
const topologiesMax = 64;

const zoneLabels = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];

export class Snapshot implements NodeShape {
  readonly nodes = new Map<string, NodeInfo>();
  /** Pods on nodes, as selectors see them. */
  readonly groups = new PodGroups();
  /** What pods on nodes say of others near them. */
  readonly held = new HeldTerms();
  /** How many pods on nodes use a claim, by its key. */
  readonly claimUses = new Map<string, number>();
  /** How many nodes have an image, by each of its names. */
  readonly imageNodes = new Map<string, number>();
  private readonly placements = new Map<string, Placement>();
  // Pods on nodes that are not known (yet), by node name.
  private readonly strays = new Map<string, Map<string, PodFacts>>();
  private readonly nominated = new Map<string, Map<string, PodFacts>>();
  // The other way round. Invariant: every pod in `nominated` is here.
  private readonly nominations = new Map<string, string>();
  private readonly topologies = new Map<string, Topology>();
  private ordered: readonly NodeInfo[] | undefined;
  private shapes = 0;

  /** All nodes, zones taking turns, so that the first few of them are of all zones. */
  get list(): readonly NodeInfo[] {
    if (this.ordered) return this.ordered;
    this.ordered = interleaved(this.nodes.values());
    for (const [slot, node] of this.ordered.entries()) node.slot = slot;
    return this.ordered;
  }

  get shape(): number {
    return this.shapes;
  }

  topology(key: string): Topology {
    const known = this.topologies.get(key);
    if (known) return known;
    if (this.topologies.size >= topologiesMax) this.topologies.clear();
    const made = new Topology(key, this.list);
    this.topologies.set(key, made);
    return made;
  }

  setNode(node: Node): void {
    const name = node.metadata.name ?? "";
    const known = this.nodes.get(name);
    if (known) {
      if (zoneOf(known.node) !== zoneOf(node)) this.ordered = undefined;
      const before = known.node;
      if (!deepEqual(before.metadata.labels, node.metadata.labels) || !deepEqual(before.spec.taints, node.spec.taints))
        this.reshape();
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
    this.reshape();
    for (const pod of this.strays.get(name)?.values() ?? []) info.add(pod);
    this.strays.delete(name);
  }

  removeNode(name: string): void {
    const info = this.nodes.get(name);
    if (!info) return;
    this.nodes.delete(name);
    this.countImages(info.node, -1);
    this.ordered = undefined;
    this.reshape();
    if (info.pods.size > 0) this.strays.set(name, new Map(info.pods));
  }

  /** A pod as the informer shows it, on its node. */
  setPod(pod: PodFacts): void {
    const nodeName = pod.pod.spec.nodeName ?? "";
    const before = this.placements.get(pod.uid);
    if (before?.nodeName === nodeName && isSameToOthers(before.pod, pod)) this.renew(before, pod);
    else {
      this.removePod(pod.uid);
      this.place(pod, nodeName, false);
    }
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
    const { pod, nodeName, group } = placement;
    this.groups.remove(group, nodeName, this);
    this.held.add(pod, nodeName, { by: -1, nodes: this });
    for (const claim of pod.claims) adjust(this.claimUses, claim, -1);
    const info = this.nodes.get(nodeName);
    if (info) {
      info.remove(uid);
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
    this.nominations.set(pod.uid, nodeName);
  }

  withdraw(uid: string): void {
    const nodeName = this.nominations.get(uid);
    if (nodeName === undefined) return;
    this.nominations.delete(uid);
    const there = this.nominated.get(nodeName);
    there?.delete(uid);
    if (there?.size === 0) this.nominated.delete(nodeName);
  }

  nominatedTo(nodeName: string): Iterable<PodFacts> {
    return this.nominated.get(nodeName)?.values() ?? none;
  }

  /** True when pods wait for room on any node. */
  get hasNominated(): boolean {
    return this.nominated.size > 0;
  }

  private place(pod: PodFacts, nodeName: string, assumed: boolean): void {
    const group = this.groups.add(pod, nodeName, this);
    this.placements.set(pod.uid, { pod, nodeName, assumed, group });
    this.held.add(pod, nodeName, { by: 1, nodes: this });
    for (const claim of pod.claims) adjust(this.claimUses, claim, 1);
    const info = this.nodes.get(nodeName);
    if (info) {
      info.add(pod);
      return;
    }
    const strays = this.strays.get(nodeName) ?? new Map<string, PodFacts>();
    strays.set(pod.uid, pod);
    this.strays.set(nodeName, strays);
  }

  /** The same pod on the same node, of which nothing has changed that counts. */
  private renew({ nodeName, group }: Placement, pod: PodFacts): void {
    this.withdraw(pod.uid);
    this.placements.set(pod.uid, { pod, nodeName, assumed: false, group });
    const there = this.nodes.get(nodeName)?.pods ?? this.strays.get(nodeName);
    there?.set(pod.uid, pod);
  }

  private reshape(): void {
    this.shapes += 1;
    this.topologies.clear();
  }

  private countImages(node: Node, by: 1 | -1): void {
    for (const { names } of node.status.images ?? []) for (const name of names ?? []) adjust(this.imageNodes, name, by);
  }
}

/** True when one can stand for the other in every sum. What a pod says of others, its ports and its claims never change. */
function isSameToOthers(one: PodFacts, other: PodFacts): boolean {
  return (
    one.requests === other.requests &&
    isTerminating(one.pod) === isTerminating(other.pod) &&
    one.namespace === other.namespace &&
    one.affinities === other.affinities &&
    deepEqual(one.pod.metadata.labels, other.pod.metadata.labels)
  );
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
