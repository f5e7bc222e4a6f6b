/** Gives every node a network of its own for its pods, out of the cluster's. */
import { cidrSize, formatCidr, parseCidr, type Cidr } from "#base/cidr.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { patch, warning } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { own } from "./watches.ts";

export interface NodeIpamObservation {
  readonly node: Node;
  /** Networks that nodes have. */
  readonly taken: readonly string[];
  readonly cluster: Cidr;
}

/** Pods of a node at most: as many as the addresses of this network; upstream's size. */
const nodePrefixLength = 24;

/** @param clusterCidr The first IPv4 network of a list by commas. */
export function nodeIpamController(clusterCidr: string): Controller<NodeIpamObservation> {
  const cluster = clusterCidr
    .split(",")
    .map(parseCidr)
    .find((cidr) => cidr !== undefined);
  return {
    name: "node-ipam-controller",
    // One at a time: the next node must see what the one before was given.
    workers: 1,
    watches: [own(nodes)],
    observe: (key, caches) => {
      const node = caches.get(nodes, key);
      if (!node || !cluster || (node.spec.podCIDR ?? "") !== "") return undefined;
      return { node, cluster, taken: caches.list(nodes, "").flatMap(({ spec }) => spec.podCIDR ?? []) };
    },
    plan: planNodeIpam,
  };
}

/** Pure: the lowest network that is free. */
export function planNodeIpam({ node, taken, cluster }: NodeIpamObservation): Plan {
  if (node.metadata.deletionTimestamp !== undefined) return nothing;
  const prefixLength = Math.max(nodePrefixLength, cluster.prefixLength);
  const size = cidrSize({ base: 0, prefixLength });
  const used = new Set(taken.flatMap((text) => parseCidr(text)?.base ?? []));
  for (let base = cluster.base; base < cluster.base + cidrSize(cluster); base += size) {
    if (used.has(base)) continue;
    const podCIDR = formatCidr({ base, prefixLength });
    return { actions: [patch({ resource: nodes, object: node }, { spec: { podCIDR, podCIDRs: [podCIDR] } })] };
  }
  const message = `Node ${node.metadata.name} status is now: CIDRNotAvailable`;
  return { actions: [warning(node, "CIDRNotAvailable", message)], againAfterMs: 60_000 };
}
