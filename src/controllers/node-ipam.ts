/** Gives every node a network of its own for its pods, out of the cluster's. */
import { formatCidr, parseCidr, type Cidr } from "#base/cidr.ts";
import { keyOf, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { patch, warning } from "./actions.ts";
import { type Action, type Controller, type Plan } from "./controller.ts";
import { NodeNetworks } from "./node/networks.ts";
import { watching } from "./watches.ts";

export interface NodeIpamObservation {
  readonly node: Node;
  /** A network that no node has, kept for this one; undefined when all are taken, or when it needs none. */
  readonly free: Cidr | undefined;
  /** An older node that has the same network, and keeps it. */
  readonly clashesWith: string | undefined;
}

// While every network is taken, from one look to the next.
const fullMs = 60_000;

/** @param clusterCidr The first IPv4 network of a list by commas. */
export function nodeIpamController(clusterCidr: string): Controller<NodeIpamObservation> {
  const cluster = clusterCidr
    .split(",")
    .map(parseCidr)
    .find((cidr) => cidr !== undefined);
  const networks = cluster && new NodeNetworks(cluster);
  return {
    name: "node-ipam-controller",
    // One at a time: the next node must see what the one before was given.
    workers: 1,
    watches: [
      watching(nodes, {
        keysOf: ({ type, object }): readonly ObjectKey[] => {
          // Every node is counted before the first is given anything, for all are told before the first look.
          if (type === "deleted") networks?.forget(nameOf(object));
          else networks?.note(nameOf(object), object.spec.podCIDR);
          return [keyOf(object)];
        },
      }),
    ],
    observe: (key, caches) => {
      const node = caches.get(nodes, key);
      if (!node || !networks || node.metadata.deletionTimestamp !== undefined) return undefined;
      networks.note(key.name, node.spec.podCIDR);
      if ((node.spec.podCIDR ?? "") === "") return { node, free: networks.offer(key.name), clashesWith: undefined };
      const clashesWith = networks.sharing(key.name).find((name) => {
        const other = caches.get(nodes, { namespace: "", name });
        return other && (other.spec.podCIDR ?? "") !== "" && isOlder(other, node);
      });
      return clashesWith === undefined ? undefined : { node, free: undefined, clashesWith };
    },
    plan: planNodeIpam,
  };
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? "";
}

function isOlder(a: Node, b: Node): boolean {
  const [left, right] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  return left === right ? nameOf(a) < nameOf(b) : left < right;
}

/** Pure. */
export function planNodeIpam({ node, free, clashesWith }: NodeIpamObservation): Plan {
  const { name } = node.metadata;
  if (clashesWith !== undefined) {
    // What a node was given cannot be changed; pods of two nodes with one network do not reach one another.
    const message = `Node ${name} has the pod network ${node.spec.podCIDR} that node ${clashesWith} has, too: delete one of them, so that it registers anew`;
    return { actions: [warning(node, "CIDRConflict", message)] };
  }
  if (!free) {
    const message = `Node ${name} status is now: CIDRNotAvailable`;
    return { actions: [warning(node, "CIDRNotAvailable", message)], againAfterMs: fullMs };
  }
  return { actions: [give(node, formatCidr(free))] };
}

/** The version is a precondition: who gives the node a network at the same time wins, or this one does, never both. */
function give(node: Node, podCIDR: string): Action {
  const { resourceVersion } = node.metadata;
  const body = { metadata: { resourceVersion }, spec: { podCIDR, podCIDRs: [podCIDR] } };
  return patch({ resource: nodes, object: node }, body);
}
