/**
 * Deletes pods nobody will end: those whose node is gone or down for good, those that were deleted before they got a
 * node, and, beyond a number, those that ended.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
 */
import { rfc3339 } from "#base/clock.ts";
import type { Change } from "#client/informer.ts";
import { keyOf, type ObjectKey } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods } from "#resources/core/pod.ts";
import { each, patch, sequence, unless } from "./actions.ts";
import { isTrue } from "./conditions.ts";
import { nothing, type Action, type Caches, type Controller, type Plan } from "./controller.ts";
import { isEnded } from "./pod-state.ts";
import { watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface PodGarbageObservation {
  readonly all: readonly PodSeen[];
  /** Nodes that are there, or were a moment ago. */
  readonly nodeNames: ReadonlySet<string>;
  /** Nodes of which somebody said that they are down for good, and that are not ready. */
  readonly outOfService: ReadonlySet<string>;
  /** A node is missing, and will count as gone if it does not come back. */
  readonly waiting: boolean;
  readonly nowMs: number;
}

const endedPodsMax = 12_500;
const everyMs = 20_000;
// A node may be missing only because it registers anew.
const nodeGoneMs = 40_000;
// A look goes through every pod of the cluster: a storm of pods that end is one look.
const settleMs = 2_000;
// Pods of one look; the rest comes with the next.
const burstMax = 500;
const outOfServiceTaint = "node.kubernetes.io/out-of-service";
const theOnlyKey: ObjectKey = { namespace: "", name: "pods" };

export function podGarbageCollector(): Controller<PodGarbageObservation> {
  const missingSinceMs = new Map<string, number>();
  return {
    name: "pod-garbage-collector",
    workers: 1,
    settleMs,
    watches: [
      watching(nodes, { keysOf: (change) => (concerns(change) ? [theOnlyKey] : []) }),
      watching(podView, {
        keysOf: ({ type, object }, caches) => (type !== "deleted" && mayBeGarbage(object, caches) ? [theOnlyKey] : []),
      }),
    ],
    observe: (_, caches) => {
      const all = caches.list(podView, "");
      const present = caches.list(nodes, "");
      const names = new Set(present.map(nameOf));
      const recently = missingLately(missingSinceMs, { all, names }, caches.monotonicMs);
      return {
        all,
        nodeNames: new Set([...names, ...recently]),
        outOfService: new Set(present.filter(isOutOfService).map(nameOf)),
        waiting: recently.length > 0,
        nowMs: caches.nowMs,
      };
    },
    plan: planPodGarbage,
  };
}

function nameOf(node: Node): string {
  return node.metadata.name ?? "";
}

function isOutOfService({ spec, status }: Node): boolean {
  const said = (spec.taints ?? []).some(({ key }) => key === outOfServiceTaint);
  return said && !isTrue(status.conditions, "Ready");
}

/** Heartbeats concern nobody here. */
function concerns({ type, object, old }: Change<Node>): boolean {
  return type === "modified" ? isOutOfService(object) !== isOutOfService(old) : true;
}

/** Names of nodes that pods are on and that are missing, but not for long enough to count as gone. */
function missingLately(
  sinceMs: Map<string, number>,
  { all, names }: { readonly all: readonly PodSeen[]; readonly names: ReadonlySet<string> },
  nowMs: number,
): readonly string[] {
  const wanted = new Set(all.flatMap((pod) => pod.spec.nodeName ?? []));
  for (const name of sinceMs.keys()) if (names.has(name) || !wanted.has(name)) sinceMs.delete(name);
  for (const name of wanted) if (!names.has(name) && !sinceMs.has(name)) sinceMs.set(name, nowMs);
  return [...sinceMs].flatMap(([name, since]) => (nowMs - since < nodeGoneMs ? [name] : []));
}

function mayBeGarbage(pod: PodSeen, caches: Caches): boolean {
  const { nodeName } = pod.spec;
  if (isEnded(pod)) return true;
  const deleted = pod.metadata.deletionTimestamp !== undefined;
  if (nodeName === undefined) return deleted;
  const node = caches.get(nodes, { namespace: "", name: nodeName });
  return !node || (deleted && isOutOfService(node));
}

/** Pure. Each pod is independent of the others: one that cannot be deleted does not keep the rest. */
export function planPodGarbage({ all, nodeNames, outOfService, waiting, nowMs }: PodGarbageObservation): Plan {
  const orphaned = all.filter((pod) => pod.spec.nodeName !== undefined && !nodeNames.has(pod.spec.nodeName));
  const ending = all.filter((pod) => pod.metadata.deletionTimestamp !== undefined);
  const unscheduled = ending.filter((pod) => pod.spec.nodeName === undefined);
  const abandoned = ending.filter(
    (pod) => nodeNames.has(pod.spec.nodeName ?? "") && outOfService.has(pod.spec.nodeName ?? ""),
  );
  const oldestFirst = all
    .filter(isEnded)
    .toSorted((a, b) => (a.metadata.creationTimestamp ?? "").localeCompare(b.metadata.creationTimestamp ?? ""));
  const surplus = oldestFirst.slice(0, Math.max(0, oldestFirst.length - endedPodsMax));
  const wanted = [
    ...orphaned.map((pod) => sequence([...missing(pod), ...failed(pod, nowMs), force(pod)])),
    // Whoever counts pods by how they ended must hear of these, too.
    ...[...unscheduled, ...abandoned].map((pod) => sequence([...ended(pod), force(pod)])),
    ...surplus.map(force),
  ];
  const actions = wanted.length === 0 ? [] : [each(wanted.slice(0, burstMax))];
  if (wanted.length > burstMax) return { actions, againAfterMs: 1 };
  if (waiting) return { actions, againAfterMs: everyMs };
  return actions.length === 0 ? nothing : { actions };
}

/** A node that registered anew, of which the caches have not heard, keeps its pods. */
function missing({ spec }: PodSeen): Action[] {
  return [unless(nodes, { fieldSelector: `metadata.name=${spec.nodeName ?? ""}` })];
}

function force(pod: PodSeen): Action {
  const { uid } = pod.metadata;
  const request = { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { uid }) };
  return { kind: "delete", resource: untyped(pods), key: keyOf(pod), request };
}

function ended(pod: PodSeen): Action[] {
  if (isEnded(pod)) return [];
  return [
    patch(
      { resource: pods, object: pod },
      { metadata: { uid: pod.metadata.uid }, status: { phase: "Failed" } },
      "status",
    ),
  ];
}

/** Tells owners that count failures why the pod ended. */
function failed(pod: PodSeen, nowMs: number): Action[] {
  if (isEnded(pod)) return [];
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByPodGC",
    message: "PodGC: node no longer exists",
    lastTransitionTime: rfc3339(nowMs),
  };
  const metadata = { uid: pod.metadata.uid };
  // The other conditions stay as they are, which is for the API to know.
  const body = { metadata, status: { phase: "Failed", conditions: [condition] } };
  const patch = { type: "strategic", body } as const;
  return [{ kind: "patch", resource: untyped(pods), key: keyOf(pod), patch, subresource: "status" }];
}
