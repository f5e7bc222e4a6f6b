/**
 * Deletes pods nobody will end: those whose node is gone, those that were deleted before they got a node, and, beyond
 * a number, those that ended.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
 */
import { rfc3339 } from "#base/clock.ts";
import { keyOf, type ObjectKey } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { nodes } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { patch } from "./actions.ts";
import { nothing, type Action, type Controller, type Plan } from "./controller.ts";
import { isEnded } from "./pod-state.ts";

export interface PodGarbageObservation {
  readonly all: readonly Pod[];
  /** Nodes that are there, or were a moment ago. */
  readonly nodeNames: ReadonlySet<string>;
  /** A node is missing, and will count as gone if it does not come back. */
  readonly waiting: boolean;
  readonly nowMs: number;
}

const endedPodsMax = 12_500;
const everyMs = 20_000;
// A node may be missing only because it registers anew.
const nodeGoneMs = 40_000;
const theOnlyKey: ObjectKey = { namespace: "", name: "pods" };

export function podGarbageCollector(): Controller<PodGarbageObservation> {
  const missingSinceMs = new Map<string, number>();
  return {
    name: "pod-garbage-collector",
    workers: 1,
    watches: [
      { resource: untyped(nodes), keysOf: () => [theOnlyKey] },
      { resource: untyped(pods), keysOf: ({ object }) => (mayBeGarbage(object as Pod) ? [theOnlyKey] : []) },
    ],
    observe: (_, caches) => {
      const all = caches.list(pods, "");
      const present = new Set(caches.list(nodes, "").map((node) => node.metadata.name ?? ""));
      const named = new Set(all.map((pod) => pod.spec.nodeName).filter((name) => name !== undefined));
      for (const name of missingSinceMs.keys()) if (present.has(name) || !named.has(name)) missingSinceMs.delete(name);
      for (const name of named)
        if (!present.has(name) && !missingSinceMs.has(name)) missingSinceMs.set(name, caches.nowMs);
      const recently = [...missingSinceMs]
        .filter(([, sinceMs]) => caches.nowMs - sinceMs < nodeGoneMs)
        .map(([name]) => name);
      const nodeNames = new Set([...present, ...recently]);
      return { all, nodeNames, waiting: recently.length > 0, nowMs: caches.nowMs };
    },
    plan: planPodGarbage,
  };
}

function mayBeGarbage(pod: Pod): boolean {
  return isEnded(pod) || (pod.metadata.deletionTimestamp !== undefined && pod.spec.nodeName === undefined);
}

/** Pure. */
export function planPodGarbage({ all, nodeNames, waiting, nowMs }: PodGarbageObservation): Plan {
  const orphaned = all.filter((pod) => pod.spec.nodeName !== undefined && !nodeNames.has(pod.spec.nodeName));
  const unscheduled = all.filter(
    (pod) => pod.metadata.deletionTimestamp !== undefined && pod.spec.nodeName === undefined,
  );
  const oldestFirst = all
    .filter(isEnded)
    .toSorted((a, b) => (a.metadata.creationTimestamp ?? "").localeCompare(b.metadata.creationTimestamp ?? ""));
  const surplus = oldestFirst.slice(0, Math.max(0, oldestFirst.length - endedPodsMax));
  const actions = [
    ...orphaned.flatMap((pod) => [...failed(pod, nowMs), force(pod)]),
    // Whoever counts pods by how they ended must hear of these, too.
    ...unscheduled.flatMap((pod) => [...ended(pod), force(pod)]),
    ...surplus.map(force),
  ];
  if (waiting) return { actions, againAfterMs: everyMs };
  return actions.length === 0 ? nothing : { actions };
}

function force(pod: Pod): Action {
  const { uid } = pod.metadata;
  const request = { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { uid }) };
  return { kind: "delete", resource: untyped(pods), key: keyOf(pod), request };
}

function ended(pod: Pod): Action[] {
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
function failed(pod: Pod, nowMs: number): Action[] {
  if (isEnded(pod)) return [];
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByPodGC",
    message: "PodGC: node no longer exists",
    lastTransitionTime: rfc3339(nowMs),
  };
  const others = (pod.status.conditions ?? []).filter(({ type }) => type !== "DisruptionTarget");
  const conditions = [...others.map((one) => ({ ...one })), condition];
  return [patch({ resource: pods, object: pod }, { status: { phase: "Failed", conditions } }, "status")];
}
