/**
 * Watches over nodes: one that is silent is marked unknown, and taints follow from conditions, so that pods stay away
 * or are driven out.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
 */
import { rfc3339 } from "#base/clock.ts";
import { deepEqual } from "#machinery/equal.ts";
import { untyped } from "#machinery/resource.ts";
import { nodes, type Node, type NodeCondition } from "#resources/core/node.ts";
import { pods } from "#resources/core/pod.ts";
import { each, normal, patch, sequence, updateStatus, warning } from "./actions.ts";
import { conditionOf } from "./conditions.ts";
import { nothing, type Action, type Controller, type Plan } from "./controller.ts";
import { Heartbeats, leaseView } from "./node/heartbeats.ts";
import { LostReady } from "./node/lost-ready.ts";
import { isDrivenOut, wishedTaints } from "./node/taints.ts";
import { Zones, type Turn } from "./node/zones.ts";
import { isReady } from "./pod-state.ts";
import { lookedAt, ownKind, watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface NodeObservation {
  readonly node: Node;
  /** How much longer the node may be silent; it is too late at 0 and less. */
  readonly leftMs: number;
  readonly firstLook: boolean;
  /** Whether the pods of a node that is not ready are to be driven out. */
  readonly turn: Turn;
  /** Its pods still count as ready and must not. */
  readonly marksPods: boolean;
  readonly pods: readonly PodSeen[];
  readonly nowMs: number;
}

const graceMs = 50_000;
const startGraceMs = 60_000;
// A node that is not ready is looked at so often, for what becomes of its zone brings no event of its own.
const zoneLookMs = 10_000;
const leaseNamespace = "kube-node-lease";
export const byNode = "node";
export const nodeIndex = { [byNode]: (pod: PodSeen) => [pod.spec.nodeName ?? ""] };

export function nodeLifeCycleController(): Controller<NodeObservation> {
  const heartbeats = new Heartbeats();
  const zones = new Zones();
  // Nodes that stopped being ready and whose pods have not all been told yet.
  const lostReady = new LostReady();
  return {
    name: "node-life-cycle-controller",
    watches: [
      ownKind(nodes),
      watching(leaseView, {
        keysOf: ({ object: { metadata } }) =>
          metadata.namespace === leaseNamespace ? [{ namespace: "", name: metadata.name ?? "" }] : [],
      }),
      lookedAt(podView, nodeIndex),
    ],
    observe: (key, caches) => {
      const node = caches.get(nodes, key);
      if (!node) {
        heartbeats.forget(key.name);
        zones.forget(key.name);
        lostReady.forget(key.name);
        return undefined;
      }
      const lease = caches.get(leaseView, { namespace: leaseNamespace, name: key.name });
      const ready = conditionOf(node.status.conditions, "Ready");
      const beat = { node, lease, graceMs: ready ? graceMs : startGraceMs };
      const { leftMs, first } = heartbeats.note(beat, caches.monotonicMs);
      zones.note(node);
      const onNode = caches.byIndex(podView, { name: byNode, value: key.name });
      return {
        node,
        leftMs,
        firstLook: first,
        turn: turnOf(node, zones, caches.monotonicMs),
        marksPods: lostReady.note(node, onNode),
        pods: onNode,
        nowMs: caches.nowMs,
      };
    },
    plan: planNode,
  };
}

/** A node that has had its turn keeps it; one that is ready needs none. */
function turnOf(node: Node, zones: Zones, nowMs: number): Turn {
  if (zones.stopped) return { kind: "stopped" };
  const status = conditionOf(node.status.conditions, "Ready")?.status;
  if (isDrivenOut(node) || (status !== "False" && status !== "Unknown")) return { kind: "now" };
  return zones.turn(node, nowMs);
}

/** Pure. */
export function planNode(seen: NodeObservation): Plan {
  const { node, leftMs, nowMs, turn } = seen;
  if (node.metadata.deletionTimestamp !== undefined) return nothing;
  const { name } = node.metadata;
  const registered = seen.firstLook
    ? [normal(node, "RegisteredNode", `Node ${name} event: Registered Node ${name} in Controller`)]
    : [];
  const ready = conditionOf(node.status.conditions, "Ready")?.status;
  if (leftMs <= 0 && ready !== "Unknown") return { actions: [...registered, ...markUnknown(seen)] };
  const taints = wishedTaints(node, { nowMs, evicts: turn.kind === "now" });
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
  // Taints and pods are independent: a pod that cannot be told does not keep the node from being tainted.
  const told = seen.marksPods ? markPods(seen) : [];
  const actions = [...registered, ...(tainted.length + told.length > 0 ? [each([...tainted, ...told])] : [])];
  const waits = [
    ...(leftMs > 0 ? [leftMs] : []),
    ...(ready === "False" || ready === "Unknown" ? [zoneLookMs] : []),
    ...(turn.kind === "later" ? [turn.inMs] : []),
  ];
  return waits.length === 0 ? { actions } : { actions, againAfterMs: Math.min(...waits) };
}

/** A silent node: nobody knows how it is, and its pods do not get requests any more. */
function markUnknown(seen: NodeObservation): Action[] {
  const { node, nowMs } = seen;
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
    ...markPods(seen),
  ];
}

function markPods({ pods: onNode, nowMs }: NodeObservation): Action[] {
  const told = onNode.filter(isReady).map((pod) => sequence(markPodNotReady(pod, rfc3339(nowMs))));
  return told.length === 0 ? [] : [each(told)];
}

function markPodNotReady(pod: PodSeen, now: string): Action[] {
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
