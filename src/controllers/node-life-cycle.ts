/**
 * Watches over nodes: one that is silent is marked unknown, and taints follow from conditions, so that pods stay away
 * or are driven out.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
 */
import { rfc3339 } from "#base/clock.ts";
import { deepEqual } from "#machinery/equal.ts";
import { untyped } from "#machinery/resource.ts";
import { leases } from "#resources/coordination/lease.ts";
import { nodes, type Node, type NodeCondition } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { normal, patch, updateStatus, warning } from "./actions.ts";
import { conditionOf } from "./conditions.ts";
import { nothing, type Action, type Caches, type Controller, type Plan } from "./controller.ts";
import { Heartbeats } from "./node/heartbeats.ts";
import { wishedTaints } from "./node/taints.ts";
import { isReady } from "./pod-state.ts";
import { lookedAt, own } from "./watches.ts";

export interface NodeObservation {
  readonly node: Node;
  /** By this process's clock. */
  readonly heardMs: number;
  readonly firstLook: boolean;
  /** Any node of the cluster is ready. Asked only about nodes that are not, since heartbeats are many. */
  readonly someReady: () => boolean;
  readonly pods: readonly Pod[];
  readonly nowMs: number;
}

const graceMs = 50_000;
const startGraceMs = 60_000;
const leaseNamespace = "kube-node-lease";
export const byNode = "node";
export const nodeIndex = { [byNode]: (pod: unknown) => [(pod as Pod).spec.nodeName ?? ""] };

export function nodeLifeCycleController(): Controller<NodeObservation> {
  const heartbeats = new Heartbeats();
  return {
    name: "node-life-cycle-controller",
    watches: [
      own(nodes),
      {
        resource: untyped(leases),
        keysOf: ({ object: { metadata } }) =>
          metadata.namespace === leaseNamespace ? [{ namespace: "", name: metadata.name ?? "" }] : [],
      },
      lookedAt(pods, nodeIndex),
    ],
    observe: (key, caches) => {
      const node = caches.get(nodes, key);
      if (!node) {
        heartbeats.forget(key.name);
        return undefined;
      }
      const lease = caches.get(leases, { namespace: leaseNamespace, name: key.name });
      const { atMs, first } = heartbeats.note(node, lease, caches.nowMs);
      return {
        node,
        heardMs: atMs,
        firstLook: first,
        someReady: () => someReady(caches),
        pods: caches.byIndex(pods, { name: byNode, value: key.name }),
        nowMs: caches.nowMs,
      };
    },
    plan: planNode,
  };
}

function someReady(caches: Caches): boolean {
  return caches.list(nodes, "").some(({ status }) => conditionOf(status.conditions, "Ready")?.status === "True");
}

/** Pure. */
export function planNode(seen: NodeObservation): Plan {
  const { node, nowMs } = seen;
  if (node.metadata.deletionTimestamp !== undefined) return nothing;
  const { name } = node.metadata;
  const registered = seen.firstLook
    ? [normal(node, "RegisteredNode", `Node ${name} event: Registered Node ${name} in Controller`)]
    : [];
  const ready = conditionOf(node.status.conditions, "Ready");
  const leftMs = seen.heardMs + (ready ? graceMs : startGraceMs) - nowMs;
  if (leftMs <= 0 && ready?.status !== "Unknown") return { actions: [...registered, ...markUnknown(seen)] };
  const evicts = ready?.status === "True" || seen.someReady();
  const taints = wishedTaints(node, { nowMs, evicts });
  const tainted = deepEqual(taints, node.spec.taints ?? [])
    ? []
    : [
        patch(
          { resource: nodes, object: node },
          {
            metadata: { resourceVersion: node.metadata.resourceVersion },
            spec: { taints: taints.map((taint) => ({ ...taint })) },
          },
        ),
      ];
  const actions = [...registered, ...tainted];
  return leftMs > 0 ? { actions, againAfterMs: leftMs } : { actions };
}

/** A silent node: nobody knows how it is, and its pods do not get requests any more. */
function markUnknown({ node, pods: onNode, nowMs }: NodeObservation): Action[] {
  const now = rfc3339(nowMs);
  const known = node.status.conditions ?? [];
  const unknown = (type: string): NodeCondition => {
    const before = conditionOf(known, type);
    return before
      ? {
          ...before,
          status: "Unknown",
          reason: "NodeStatusUnknown",
          message: "Kubelet stopped posting node status.",
          lastTransitionTime: before.status === "Unknown" ? before.lastTransitionTime : now,
        }
      : {
          type,
          status: "Unknown",
          reason: "NodeStatusNeverUpdated",
          message: "Kubelet never posted node status.",
          lastHeartbeatTime: node.metadata.creationTimestamp,
          lastTransitionTime: now,
        };
  };
  const types = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"];
  const others = known.filter(({ type }) => !types.includes(type));
  const conditions = [...others, ...types.map(unknown)];
  return [
    updateStatus(nodes, { ...node, status: { ...node.status, conditions } }),
    normal(node, "NodeNotReady", `Node ${node.metadata.name} status is now: NodeNotReady`),
    ...onNode.filter(isReady).flatMap((pod) => markPodNotReady(pod, now)),
  ];
}

function markPodNotReady(pod: Pod, now: string): Action[] {
  const condition = { type: "Ready", status: "False", lastTransitionTime: now };
  const body = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
  return [
    {
      kind: "patch",
      resource: untyped(pods),
      key: { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name ?? "" },
      patch: { type: "strategic", body },
      subresource: "status",
    },
    warning(pod, "NodeNotReady", "Node is not ready"),
  ];
}
