/** A node and what is on it: what a filter looks at. Sums are kept as pods come and go. */
import type { Node } from "#resources/core/node.ts";
import { amountsOf } from "./amounts.ts";
import type { PodAffinities, PodFacts } from "./pod-facts.ts";

export class NodeInfo {
  readonly name: string;
  /** By uid. */
  readonly pods = new Map<string, PodFacts>();
  /** Those of the pods that do not take certain others near them. */
  readonly shunning = new Map<string, PodFacts>();
  /** Those of the pods that would like others near them, or away. */
  readonly wishing = new Map<string, PodFacts>();
  /** Sums of what the pods ask for, by resource. */
  readonly requested = new Map<string, number>();
  labels: Readonly<Record<string, string>>;
  usedCpu = 0;
  usedMemory = 0;
  /** How many pods hold a port. One port can be held under several addresses. */
  readonly ports = new Map<string, number>();
  private current: Node;
  private has: ReadonlyMap<string, number>;
  private imageBytes: ReadonlyMap<string, number> | undefined;

  constructor(node: Node) {
    this.name = node.metadata.name ?? "";
    this.current = node;
    this.labels = node.metadata.labels ?? {};
    this.has = amountsOf(node.status.allocatable);
  }

  get node(): Node {
    return this.current;
  }

  set node(node: Node) {
    const { allocatable, images } = this.current.status;
    this.current = node;
    this.labels = node.metadata.labels ?? {};
    if (node.status.allocatable !== allocatable) this.has = amountsOf(node.status.allocatable);
    if (node.status.images !== images) this.imageBytes = undefined;
  }

  allocatable(resource: string): number {
    return this.has.get(resource) ?? 0;
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
    if (pod.affinities && shuns(pod.affinities)) this.shunning.set(pod.uid, pod);
    if (pod.affinities && wishes(pod.affinities)) this.wishing.set(pod.uid, pod);
    this.count(pod, 1);
  }

  remove(uid: string): PodFacts | undefined {
    const pod = this.pods.get(uid);
    if (!pod) return undefined;
    this.pods.delete(uid);
    this.shunning.delete(uid);
    this.wishing.delete(uid);
    this.count(pod, -1);
    return pod;
  }

  /** The same node, to try out other pods on it. */
  copy(): NodeInfo {
    const copy = new NodeInfo(this.current);
    for (const pod of this.pods.values()) copy.add(pod);
    return copy;
  }

  private count(pod: PodFacts, by: 1 | -1): void {
    const { all, usedCpu, usedMemory } = pod.requests;
    for (const [name, amount] of all) this.requested.set(name, (this.requested.get(name) ?? 0) + by * amount);
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

function shuns({ requiredAnti }: PodAffinities): boolean {
  return requiredAnti.length > 0;
}

function wishes({ required, preferred, preferredAnti }: PodAffinities): boolean {
  return required.length + preferred.length + preferredAnti.length > 0;
}

export function portKey(protocol: string, port: number, ip: string): string {
  return `${protocol}/${port}/${ip}`;
}
