/**
 * Deletes pods from nodes with a NoExecute taint they do not tolerate, or no longer.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
 */
import { rfc3339 } from "#base/clock.ts";
import { untyped } from "#machinery/resource.ts";
import { tolerates } from "#resources/core/node-matching.ts";
import { nodes, type Node, type Taint } from "#resources/core/node.ts";
import { pods } from "#resources/core/pod.ts";
import { each, normal, remove, sequence } from "./actions.ts";
import { nothing, type Action, type Controller, type Plan } from "./controller.ts";
import { byNode, nodeIndex } from "./node-life-cycle.ts";
import { TaintTimes } from "./node/taint-times.ts";
import { isEnded } from "./pod-state.ts";
import { ownKind, watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface EvictionObservation {
  readonly node: Node;
  readonly pods: readonly PodSeen[];
  /** How long a pod has stood under a taint. */
  readonly stoodMs: (pod: PodSeen, taint: Taint) => number;
  readonly nowMs: number;
}

export function taintEvictionController(): Controller<EvictionObservation> {
  const times = new TaintTimes();
  return {
    name: "taint-eviction-controller",
    watches: [
      ownKind(nodes),
      watching(podView, {
        indexes: nodeIndex,
        // A pod may come to a node that has the taint already, or lose the toleration it had.
        keysOf: ({ type, object }, caches) => {
          const name = object.spec.nodeName ?? "";
          const node = type === "deleted" || name === "" ? undefined : caches.get(nodes, { namespace: "", name });
          return node && drivingOut(node).length > 0 ? [{ namespace: "", name }] : [];
        },
      }),
    ],
    observe: (key, caches) => {
      const node = caches.get(nodes, key);
      const taints = node ? drivingOut(node) : [];
      if (!node || taints.length === 0) {
        times.forget(key.name);
        return undefined;
      }
      const onNode = caches.byIndex(podView, { name: byNode, value: key.name });
      const stoodMs = times.note(node, { taints, pods: onNode }, caches.monotonicMs);
      return { node, pods: onNode, stoodMs, nowMs: caches.nowMs };
    },
    plan: planEviction,
  };
}

function drivingOut(node: Node): readonly Taint[] {
  return (node.spec.taints ?? []).filter(({ effect }) => effect === "NoExecute");
}

/** Pure. Each pod is independent of the others: one that cannot be deleted does not keep the rest. */
export function planEviction({ node, pods: onNode, stoodMs, nowMs }: EvictionObservation): Plan {
  const taints = drivingOut(node);
  const waits: number[] = [];
  const evicted = onNode.flatMap((pod) => {
    if (pod.metadata.deletionTimestamp !== undefined || isEnded(pod)) return [];
    const leftMs = Math.min(...taints.map((taint) => toleratedMs(pod, taint) - stoodMs(pod, taint)));
    if (leftMs <= 0) return [sequence(evict(pod, nowMs))];
    if (leftMs < Infinity) waits.push(leftMs);
    return [];
  });
  const actions = evicted.length === 0 ? [] : [each(evicted)];
  if (actions.length === 0 && waits.length === 0) return nothing;
  return waits.length === 0 ? { actions } : { actions, againAfterMs: Math.min(...waits) };
}

/** How long the pod may stay under the taint; for ever when all its tolerations have no end. */
function toleratedMs(pod: PodSeen, taint: Taint): number {
  const matching = (pod.spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
  if (matching.length === 0) return 0;
  const seconds = Math.min(...matching.map(({ tolerationSeconds }) => tolerationSeconds ?? Infinity));
  return Math.max(0, seconds) * 1000;
}

function evict(pod: PodSeen, nowMs: number): Action[] {
  const { namespace = "", name = "", uid } = pod.metadata;
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByTaintManager",
    message: "Taint manager: deleting due to NoExecute taint",
    lastTransitionTime: rfc3339(nowMs),
  };
  return [
    normal(pod, "TaintManagerEviction", `Marking for deletion Pod ${namespace}/${name}`),
    {
      kind: "patch",
      resource: untyped(pods),
      key: { namespace, name },
      patch: { type: "strategic", body: { metadata: { uid }, status: { conditions: [condition] } } },
      subresource: "status",
    },
    remove(pods, pod),
  ];
}
