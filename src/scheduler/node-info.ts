/** A node and what is on it: what a filter looks at. Sums are kept as pods come and go. */
import type { Node, Taint } from "#resources/core/node.ts";
import { amountsOf } from "./amounts.ts";
import type { PodFacts } from "./pod-facts.ts";

const none: readonly never[] = [];

// What every pod asks of thousands of nodes stands here, not behind the node's object, which is another one after each
// heartbeat: most of what a look at a node costs is to fetch it from memory.
export class NodeInfo {
  readonly name: string;
  /** By uid. */
  readonly pods = new Map<string, PodFacts>();
  /** Where it stands in the snapshot's list of the moment. */
  slot = -1;
  /** Sums of what the pods ask for, by resource, but for cpu and memory. */
  private readonly others = new Map<string, number>();
  requestedCpu = 0;
  requestedMemory = 0;
  labels: Readonly<Record<string, string>>;
  /** Empty for most nodes. */
  taints: readonly Taint[];
  /** True when it takes no new pods. */
  cordoned: boolean;
  usedCpu = 0;
  usedMemory = 0;
  /** How many pods hold a port. One port can be held under several addresses. */
  readonly ports = new Map<string, number>();
  /** What it has for pods, of what nearly every pod asks for. */
  allocatableCpu = 0;
  allocatableMemory = 0;
  podsMax = 0;
  private current: Node;
  private has: ReadonlyMap<string, number> = new Map();
  private imageBytes: ReadonlyMap<string, number> | undefined;

  constructor(node: Node, from?: NodeInfo) {
    this.name = node.metadata.name ?? "";
    this.current = node;
    this.labels = node.metadata.labels ?? {};
    this.taints = node.spec.taints ?? none;
    this.cordoned = node.spec.unschedulable === true;
    if (!from) {
      this.size(node);
      return;
    }
    this.slot = from.slot;
    this.has = from.has;
    this.imageBytes = from.imageBytes;
    this.allocatableCpu = from.allocatableCpu;
    this.allocatableMemory = from.allocatableMemory;
    this.podsMax = from.podsMax;
    this.requestedCpu = from.requestedCpu;
    this.requestedMemory = from.requestedMemory;
    this.usedCpu = from.usedCpu;
    this.usedMemory = from.usedMemory;
  }

  get node(): Node {
    return this.current;
  }

  set node(node: Node) {
    const { allocatable, images } = this.current.status;
    this.current = node;
    this.labels = node.metadata.labels ?? {};
    this.taints = node.spec.taints ?? none;
    this.cordoned = node.spec.unschedulable === true;
    if (node.status.allocatable !== allocatable) this.size(node);
    if (node.status.images !== images) this.imageBytes = undefined;
  }

  allocatable(resource: string): number {
    return this.has.get(resource) ?? 0;
  }

  requested(resource: string): number {
    if (resource === "cpu") return this.requestedCpu;
    if (resource === "memory") return this.requestedMemory;
    return this.others.get(resource) ?? 0;
  }

  /** Sizes of the images that are on the node, by every name they have. */
  get images(): ReadonlyMap<string, number> {
    this.imageBytes ??= new Map(
      (this.current.status.images ?? []).flatMap(({ names, sizeBytes = 0 }) =>
        (names ?? []).map((name) => [name, sizeBytes] as const),
      ),
    );
    return this.imageBytes;
  }

  add(pod: PodFacts): void {
    this.pods.set(pod.uid, pod);
    this.count(pod, 1);
  }

  remove(uid: string): PodFacts | undefined {
    const pod = this.pods.get(uid);
    if (!pod) return undefined;
    this.pods.delete(uid);
    this.count(pod, -1);
    return pod;
  }

  /** The same node, to try out other pods on it. */
  copy(): NodeInfo {
    const copy = new NodeInfo(this.current, this);
    for (const [uid, pod] of this.pods) copy.pods.set(uid, pod);
    for (const [name, amount] of this.others) copy.others.set(name, amount);
    for (const [key, holders] of this.ports) copy.ports.set(key, holders);
    return copy;
  }

  private size({ status }: Node): void {
    this.has = amountsOf(status.allocatable);
    this.allocatableCpu = this.allocatable("cpu");
    this.allocatableMemory = this.allocatable("memory");
    this.podsMax = this.allocatable("pods");
  }

  private count(pod: PodFacts, by: 1 | -1): void {
    const { cpu, memory, others, usedCpu, usedMemory } = pod.requests;
    this.requestedCpu += by * cpu;
    this.requestedMemory += by * memory;
    for (const [name, amount] of others) this.others.set(name, (this.others.get(name) ?? 0) + by * amount);
    this.usedCpu += by * usedCpu;
    this.usedMemory += by * usedMemory;
    for (const { ip, protocol, port } of pod.ports) {
      const key = portKey(protocol, port, ip);
      const holders = (this.ports.get(key) ?? 0) + by;
      if (holders > 0) this.ports.set(key, holders);
      else this.ports.delete(key);
    }
  }
}

export function portKey(protocol: string, port: number, ip: string): string {
  return `${protocol}/${port}/${ip}`;
}
