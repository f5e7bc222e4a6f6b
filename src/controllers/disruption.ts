/**
 * Says for every PodDisruptionBudget how many of its pods may be evicted now.
 *
 * @see https://kubernetes.io/docs/tasks/run-application/configure-pdb/
 */
import { own } from "#base/own.ts";
import { deepEqual } from "#machinery/equal.ts";
import { scaledValue } from "#machinery/int-or-string.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import { controllerOf, keyOf, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { deployments } from "#resources/apps/deployment.ts";
import { replicaSets } from "#resources/apps/replica-set.ts";
import { statefulSets } from "#resources/apps/stateful-set.ts";
import { replicationControllers } from "#resources/core/replication-controller.ts";
import { podDisruptionBudgets, type PodDisruptionBudget } from "#resources/policy/pod-disruption-budget.ts";
import { normal, updateStatus, warning } from "./actions.ts";
import { withCondition, conditionOf } from "./conditions.ts";
import type { Action, Caches, Controller, Plan } from "./controller.ts";
import { isReady } from "./pod-state.ts";
import { bySelector, selecting, selectorIndex, type Selecting } from "./selecting.ts";
import { ownKind, watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

/** The number of pods an owner of pods wants to have. */
export type Scale =
  | { readonly kind: "scale"; readonly uid: string; readonly replicas: number }
  | { readonly kind: "unmanaged" }
  | { readonly kind: "unknown"; readonly why: string };

export interface DisruptionObservation {
  readonly budget: PodDisruptionBudget;
  /** Pods that the budget selects. */
  readonly pods: readonly PodSeen[];
  readonly scaleOf: (pod: PodSeen) => Scale;
  readonly nowMs: number;
}

// An eviction that has not led to a deletion by then is not counted any more.
const evictionMs = 120_000;

const selectingBudgets: Selecting<PodDisruptionBudget> = {
  what: podDisruptionBudgets,
  selectorOf: ({ spec }) => selectorOf(spec.selector),
};

export const disruptionController: Controller<DisruptionObservation> = {
  name: "disruption-controller",
  watches: [
    ownKind(podDisruptionBudgets, { [bySelector]: selectorIndex(selectingBudgets.selectorOf) }),
    watching(podView, {
      keysOf: (change, caches) =>
        change.type === "modified"
          ? [...budgetsOf(change.object, caches), ...budgetsOf(change.old, caches)]
          : budgetsOf(change.object, caches),
    }),
    // A changed scale changes pods, too, but the share of a scale counts at once.
    ...[untyped(deployments), untyped(replicaSets), untyped(statefulSets), untyped(replicationControllers)].map(
      (resource) =>
        watching(resource, {
          keysOf: ({ object }, caches) => caches.list(podDisruptionBudgets, object.metadata.namespace ?? "").map(keyOf),
        }),
    ),
  ],
  observe: (key, caches) => {
    const budget = caches.get(podDisruptionBudgets, key);
    if (!budget) return undefined;
    const selector = selectorOf(budget.spec.selector);
    return {
      budget,
      pods: caches.list(podView, key.namespace).filter((pod) => selector.matches(pod.metadata.labels ?? {})),
      scaleOf: (pod) => scaleOf(pod, caches),
      nowMs: caches.nowMs,
    };
  },
  plan: planDisruption,
};

function budgetsOf(pod: PodSeen, caches: Caches): readonly ObjectKey[] {
  return selecting(selectingBudgets, pod.metadata, caches).map(keyOf);
}

function scaleOf(pod: PodSeen, caches: Caches): Scale {
  const owner = controllerOf(pod);
  if (!owner) return { kind: "unmanaged" };
  const key = { namespace: pod.metadata.namespace ?? "", name: owner.name };
  const found = (
    object: (KubeObject & { readonly spec: { readonly replicas?: number | undefined } }) | undefined,
  ): Scale =>
    object
      ? { kind: "scale", uid: object.metadata.uid ?? "", replicas: object.spec.replicas ?? 1 }
      : { kind: "unknown", why: `found no controllers for pod ${JSON.stringify(pod.metadata.name)}` };
  switch (owner.kind) {
    case "ReplicaSet": {
      const set = caches.get(replicaSets, key);
      const above = set && controllerOf(set);
      return above?.kind === "Deployment" ? found(caches.get(deployments, { ...key, name: above.name })) : found(set);
    }
    case "StatefulSet":
      return found(caches.get(statefulSets, key));
    case "ReplicationController":
      return found(caches.get(replicationControllers, key));
    default:
      return { kind: "unknown", why: `${owner.kind} ${owner.name} does not implement the scale subresource` };
  }
}

/** Pure. */
export function planDisruption(seen: DisruptionObservation): Plan {
  const { budget, pods: selected } = seen;
  const events = selected.length === 0 ? [normal(budget, "NoPods", "No matching pods found")] : [];
  const expected = expectedOf(seen);
  if (expected.kind === "failed") {
    const message = `Failed to calculate the number of expected pods: ${expected.why}`;
    const reason = { reason: "SyncFailed", message: expected.why };
    const failed = write(seen, { ...budget.status, disruptionsAllowed: 0 }, reason);
    return { actions: [...events, warning(budget, "CalculateExpectedPodCountFailed", message), ...failed] };
  }
  const { disruptedPods, waitsMs, late } = disrupted(seen);
  const currentHealthy = selected.filter(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined &&
      own(disruptedPods, pod.metadata.name ?? "") === undefined &&
      isReady(pod),
  ).length;
  const spare = currentHealthy - expected.desired;
  const disruptionsAllowed = expected.pods <= 0 ? 0 : Math.max(0, spare);
  const status = {
    observedGeneration: budget.metadata.generation,
    ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy: expected.desired,
    expectedPods: expected.pods,
    ...(budget.status.conditions ? { conditions: budget.status.conditions } : {}),
  };
  const reason = disruptionsAllowed > 0 ? "SufficientPods" : "InsufficientPods";
  const actions = [
    ...events,
    ...unmanaged(budget, expected.unmanaged),
    ...late,
    ...write(seen, status, { reason, message: "" }),
  ];
  return waitsMs.length === 0 ? { actions } : { actions, againAfterMs: Math.min(...waitsMs) };
}

type Expected =
  | { readonly kind: "counted"; readonly pods: number; readonly desired: number; readonly unmanaged: number }
  | { readonly kind: "failed"; readonly why: string };

/** How many pods there should be, and how many of them healthy. */
function expectedOf({ budget, pods: selected, scaleOf: scale }: DisruptionObservation): Expected {
  const { minAvailable, maxUnavailable } = budget.spec;
  if (maxUnavailable === undefined && typeof minAvailable !== "string")
    return { kind: "counted", pods: selected.length, desired: minAvailable ?? 0, unmanaged: 0 };
  const owners = new Map<string, number>();
  let unmanagedPods = 0;
  for (const pod of selected) {
    const found = scale(pod);
    if (found.kind === "unknown") return { kind: "failed", why: found.why };
    if (found.kind === "scale") owners.set(found.uid, found.replicas);
    else unmanagedPods += 1;
  }
  const total = [...owners.values()].reduce((sum, replicas) => sum + replicas, 0);
  const desired =
    maxUnavailable === undefined
      ? scaledValue(minAvailable ?? 0, total, "up")
      : Math.max(0, total - scaledValue(maxUnavailable, total, "up"));
  return { kind: "counted", pods: total, desired, unmanaged: unmanagedPods };
}

function unmanaged(budget: PodDisruptionBudget, count: number): Action[] {
  if (count === 0) return [];
  const message = `Pods selected by this PodDisruptionBudget (selector: ${selectorOf(budget.spec.selector).toString()}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
  return [warning(budget, "UnmanagedPods", message)];
}

/** Pods whose eviction was granted and that are not deleted yet. */
function disrupted({ budget, pods: selected, nowMs }: DisruptionObservation) {
  const disruptedPods: Record<string, string> = {};
  const waitsMs: number[] = [];
  const late: Action[] = [];
  for (const pod of selected) {
    const name = pod.metadata.name ?? "";
    const since = own(budget.status.disruptedPods, name);
    if (since === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const leftMs = Date.parse(since) + evictionMs - nowMs;
    if (leftMs > 0) {
      disruptedPods[name] = since;
      waitsMs.push(leftMs);
    } else {
      const whose = `${budget.metadata.namespace}/${budget.metadata.name}`;
      late.push(warning(pod, "NotDeleted", `Pod was expected by PDB ${whose} to be deleted but it wasn't`));
    }
  }
  return { disruptedPods, waitsMs, late };
}

function write(
  { budget, nowMs }: DisruptionObservation,
  status: PodDisruptionBudget["status"],
  { reason, message }: { readonly reason: string; readonly message: string },
): Action[] {
  const allowed = status.disruptionsAllowed > 0 ? ("True" as const) : ("False" as const);
  const known = conditionOf(budget.status.conditions, "DisruptionAllowed");
  const { generation } = budget.metadata;
  const condition = {
    type: "DisruptionAllowed",
    status: allowed,
    reason,
    message,
    observedGeneration: generation,
    lastTransitionTime: known?.lastTransitionTime ?? "",
  };
  const same = known !== undefined && deepEqual(known, condition) && known.status === allowed;
  const conditions = same ? budget.status.conditions : withCondition(budget.status.conditions, condition, nowMs);
  const next = { ...status, conditions };
  return deepEqual(budget.status, next) ? [] : [updateStatus(podDisruptionBudgets, { ...budget, status: next })];
}
