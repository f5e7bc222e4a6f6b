/**
 * Gives every node a range of pod addresses out of the cluster's network.
 *
 * @see https://kubernetes.io/docs/concepts/cluster-administration/networking/
 */
import { cidrSize, formatCidr, parseCidr, type Cidr } from "#base/cidr.ts";
import { must } from "#base/assert.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { patch, warning } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { own } from "./watches.ts";

export interface NodeIpamObservation {
  readonly node: Node;
  /** Ranges of all nodes. */
  readonly taken: ReadonlySet<string>;
  readonly cluster: Cidr;
}

/** 254 pods a node: more than the 110 that a kubelet takes by default. Upstream's value. */
const nodePrefixLength = 24;

/** @param clusterCidr Checked before: an IPv4 network. */
export function nodeIpamController(clusterCidr: string): Controller<NodeIpamObservation> {
  const cluster = must(parseCidr(clusterCidr), `the network "${clusterCidr}" was checked when it was read`);
  return {
    name: "node-ipam-controller",
    // One at a time, so that no range is given twice.
    workers: 1,
    watches: [own(nodes)],
    observe: (key, caches) => {
      const node = caches.get(nodes, key);
      if (!node || node.spec.podCIDR !== undefined) return undefined;
      const taken = new Set(caches.list(nodes, "").flatMap(({ spec }) => spec.podCIDR ?? []));
      return { node, taken, cluster };
    },
    plan: planNodeIpam,
  };
}

/** Pure: the first range that no node has. */
export function planNodeIpam({ node, taken, cluster }: NodeIpamObservation): Plan {
  if (node.spec.podCIDR !== undefined || node.metadata.deletionTimestamp !== undefined) return nothing;
  const size = 2 ** (32 - nodePrefixLength);
  for (let base = cluster.base; base + size <= cluster.base + cidrSize(cluster); base += size) {
    const podCIDR = formatCidr({ base, prefixLength: nodePrefixLength });
    if (taken.has(podCIDR)) continue;
    return { actions: [patch({ resource: nodes, object: node }, { spec: { podCIDR, podCIDRs: [podCIDR] } })] };
  }
  const why = `expected a free range of /${nodePrefixLength} in ${formatCidr(cluster)}, found all given to nodes`;
  return { actions: [warning(node, "CIDRNotAvailable", why)] };
}
