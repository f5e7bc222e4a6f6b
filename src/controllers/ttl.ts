/** Tells kubelets how long they may keep Secrets and ConfigMaps without asking, by the size of the cluster. */
import type { ObjectKey } from "#machinery/meta.ts";
import { keyOf } from "#machinery/meta.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { patch } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { watching } from "./watches.ts";

export interface NodeTtlObservation {
  readonly node: Node;
  readonly nodeCount: number;
}

const annotation = "node.alpha.kubernetes.io/ttl";

/** Sizes overlap, so that a cluster at a boundary does not change its mind with every node. */
const steps = [
  { nodesMin: 0, nodesMax: 100, seconds: 0 },
  { nodesMin: 90, nodesMax: 500, seconds: 15 },
  { nodesMin: 450, nodesMax: 1000, seconds: 30 },
  { nodesMin: 900, nodesMax: 2000, seconds: 60 },
  { nodesMin: 1800, nodesMax: 10_000, seconds: 300 },
  { nodesMin: 9000, nodesMax: Infinity, seconds: 600 },
] as const;

export const ttlController: Controller<NodeTtlObservation> = {
  name: "ttl-controller",
  watches: [
    watching(nodes, {
      keysOf: ({ type, object }, caches): readonly ObjectKey[] => {
        if (type === "modified") return [];
        const count = caches.list(nodes, "").length;
        const crossing = steps.some(({ nodesMin, nodesMax }) => count === nodesMax + 1 || count === nodesMin - 1);
        return crossing ? caches.list(nodes, "").map(keyOf) : [keyOf(object)];
      },
    }),
  ],
  observe: (key, caches) => {
    const node = caches.get(nodes, key);
    return node && { node, nodeCount: caches.list(nodes, "").length };
  },
  plan: planTtlOfNode,
};

/** Pure. */
export function planTtlOfNode({ node, nodeCount }: NodeTtlObservation): Plan {
  const told = node.metadata.annotations?.[annotation];
  let at = Math.max(
    0,
    steps.findIndex(({ seconds }) => String(seconds) === told),
  );
  while (nodeCount > (steps[at]?.nodesMax ?? Infinity)) at += 1;
  while (nodeCount < (steps[at]?.nodesMin ?? 0)) at -= 1;
  const text = String(steps[at]?.seconds ?? 0);
  if (told === text) return nothing;
  return { actions: [patch({ resource: nodes, object: node }, { metadata: { annotations: { [annotation]: text } } })] };
}
