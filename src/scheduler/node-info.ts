/** A node and what is on it: what a filter looks at. Sums are kept as pods come and go. */
import type { Node } from "#resources/core/node.ts";
import { amountsOf } from "./amounts.ts";
import type { PodFacts } from "./pod-facts.ts";

export class NodeInfo {
  readonly name: string;
  /** By uid. */
  readonly pods = new Map<string, PodFacts>();
  /** Those of the pods that say near or away from which others they want to be. */
  readonly withAffinity = new Map<string, PodFacts>();
  /** Sums of what the pods ask for, by resource. */
  readonly requested = new Map<string, number>();
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
    this.has = amountsOf(node.status.allocatable);
  }

  get node(): Node {
    return this.current;
  }

  set node(node: Node) {
    const { allocatable, images } = this.current.status;
    this.current = node;
    if (node.status.allocatable !== allocatable) this.has = amountsOf(node.status.allocatable);
    if (node.status.images !== images) this.imageBytes = undefined;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.current.metadata.labels ?? {};
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
    if (pod.affinities) this.withAffinity.set(pod.uid, pod);
    this.count(pod, 1);
  }

  remove(uid: string): PodFacts | undefined {
    const pod = this.pods.get(uid);
    if (!pod) return undefined;
    this.pods.delete(uid);
    this.withAffinity.delete(uid);
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

export function portKey(protocol: string, port: number, ip: string): string {
  return `${protocol}/${port}/${ip}`;
}
