/**
 * ReplicaSets: keep as many pods as asked for. ReplicationControllers are the same with a plain map for a selector.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
 */
import { rfc3339 } from "#base/clock.ts";
import { selectorOf, selectorOfMap, type Selector } from "#machinery/label-selector.ts";
import { controllerOf, keyOf, type ObjectKey } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import { replicaSets, type ReplicaSet } from "#resources/apps/replica-set.ts";
import { pods } from "#resources/core/pod.ts";
import { replicationControllers, type ReplicationController } from "#resources/core/replication-controller.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { StatusError } from "#machinery/status.ts";
import { create, each, normal, patch, ramp, remove, sequence, updateStatus, warning } from "./actions.ts";
import { nothing, type Action, type Caches, type Controller, type Plan } from "./controller.ts";
import { claim } from "./ownership.ts";
import { podFromTemplate } from "./pod-from-template.ts";
import { byDeletion, isActive, isEnding, readinessOf, type Readiness } from "./pod-state.ts";
import { byOwner, ownKind, ownedBy, ownerIndex } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

type Owner = ReplicaSet | ReplicationController;

export interface ReplicaSetObservation {
  readonly owner: Owner;
  readonly resource: ResourceDefinition;
  readonly selector: Selector;
  /** Owned pods and orphans of the namespace. */
  readonly candidates: readonly PodSeen[];
  /** Pods of all owners that have the same owner as this one, asked for when pods are to go. */
  readonly related: () => readonly PodSeen[];
  readonly nowMs: number;
}

// Pods made or deleted in one look; the rest comes with the next.
const burstMax = 500;

export const replicaSetController: Controller<ReplicaSetObservation> = replicaController({
  name: "replicaset-controller",
  resource: replicaSets,
  selectorOf: (owner) => selectorOf(owner.spec.selector),
});

export const replicationController: Controller<ReplicaSetObservation> = replicaController({
  name: "replication-controller",
  resource: replicationControllers,
  selectorOf: (owner) => selectorOfMap(owner.spec.selector),
});

interface Variant<T extends Owner> {
  readonly name: string;
  readonly resource: ResourceDefinition<T>;
  readonly selectorOf: (owner: T) => Selector;
}

function replicaController<T extends Owner>(variant: Variant<T>): Controller<ReplicaSetObservation> {
  const { resource } = variant;
  const adopters = (orphan: PodSeen, caches: Caches): readonly ObjectKey[] =>
    caches
      .list(resource, orphan.metadata.namespace ?? "")
      .filter((owner) => variant.selectorOf(owner).matches(orphan.metadata.labels ?? {}))
      .map(keyOf);
  return {
    name: variant.name,
    watches: [ownKind(resource, { [byOwner]: ownerIndex }), ownedBy(podView, resource.kind, adopters)],
    observe: (key, caches) => {
      const owner = caches.get(resource, key);
      if (!owner) return undefined;
      const candidates = [owner.metadata.uid ?? "", `orphan/${key.namespace}`].flatMap((value) =>
        caches.byIndex(podView, { name: byOwner, value }),
      );
      return {
        owner,
        resource: untyped(resource),
        selector: variant.selectorOf(owner),
        candidates,
        related: () => relatedPods(owner, resource, caches),
        nowMs: caches.nowMs,
      };
    },
    plan: planReplicas,
  };
}

function relatedPods<T extends Owner>(owner: T, resource: ResourceDefinition<T>, caches: Caches): readonly PodSeen[] {
  const above = controllerOf(owner)?.uid;
  const siblings = above === undefined ? [owner] : caches.byIndex(resource, { name: byOwner, value: above });
  return siblings.flatMap(({ metadata }) => caches.byIndex(podView, { name: byOwner, value: metadata.uid ?? "" }));
}

/** Pure: which pods to make or delete, and the status that follows from what is seen. */
export function planReplicas({ owner, resource, selector, candidates, related, nowMs }: ReplicaSetObservation): Plan {
  const claimed = claim({ owner, selector, candidates: candidates.filter(isActive), resource: pods });
  const { owned } = claimed;
  const wanted = owner.spec.replicas ?? 1;
  const minReady = owner.spec.minReadySeconds ?? 0;
  const ending = candidates.filter((pod) => isEnding(pod) && controllerOf(pod)?.uid === owner.metadata.uid);
  const scaling =
    owner.metadata.deletionTimestamp === undefined ? scale({ owner, resource, owned, related, wanted, nowMs }) : [];
  const readiness = readinessOf(owned, minReady, nowMs);
  const status = statusAction({ owner, resource, owned, readiness, ending });
  const actions = [...claimed.actions, ...status, ...scaling];
  const { nextInMs } = readiness;
  if (actions.length === 0 && nextInMs === undefined) return nothing;
  return nextInMs === undefined ? { actions } : { actions, againAfterMs: nextInMs };
}

interface Scaling {
  readonly owner: Owner;
  readonly resource: ResourceDefinition;
  readonly owned: readonly PodSeen[];
  readonly related: () => readonly PodSeen[];
  readonly wanted: number;
  readonly nowMs: number;
}

function scale(scaling: Scaling): Action[] {
  const { owner, owned, wanted } = scaling;
  const missing = Math.min(wanted - owned.length, burstMax);
  if (missing > 0) return [createPods(scaling, missing)];
  if (missing === 0 || owned.length <= wanted) return [];
  const surplus = owned.toSorted(byDeletion(scaling.related())).slice(0, Math.min(owned.length - wanted, burstMax));
  const deleted = surplus.map((pod) =>
    sequence([remove(pods, pod), normal(owner, "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`)]),
  );
  return [each(deleted)];
}

function createPods(scaling: Scaling, count: number): Action {
  const { owner } = scaling;
  const { template } = owner.spec;
  if (!template) return ramp([]);
  const action = create(pods, podFromTemplate(owner, template), {
    created: (pod) => [normal(owner, "SuccessfulCreate", `Created pod: ${pod.metadata.name}`)],
    refused: (error) => [warning(owner, "FailedCreate", `Error creating: ${error.message}`)],
  });
  return ramp(
    Array.from({ length: count }, () => action),
    (error) => failureActions(scaling, error),
  );
}

/** The condition users see in `kubectl describe` while pods cannot be made. Said once: every write wakes us again. */
function failureActions({ owner, resource, nowMs }: Scaling, error: StatusError): Action[] {
  const known = owner.status.conditions?.find(({ type }) => type === "ReplicaFailure");
  if (known?.status === "True" && known.reason === "FailedCreate") return [];
  const others = (owner.status.conditions ?? []).filter(({ type }) => type !== "ReplicaFailure");
  const condition = {
    type: "ReplicaFailure",
    status: "True",
    reason: "FailedCreate",
    message: error.message,
    lastTransitionTime: rfc3339(nowMs),
  };
  const body = { status: { conditions: [...others.map((one) => ({ ...one })), condition] } };
  return [patch({ resource, object: owner }, body, "status")];
}

interface Seen extends Omit<Scaling, "wanted" | "related" | "nowMs"> {
  readonly readiness: Readiness;
  /** Owned pods that were deleted and have not ended. */
  readonly ending: readonly PodSeen[];
}

function statusAction({ owner, resource, owned, ending, readiness }: Seen): Action[] {
  const templateLabels = selectorOfMap(owner.spec.template?.metadata.labels ?? {});
  const counts = {
    replicas: owned.length,
    fullyLabeledReplicas: owned.filter((pod) => templateLabels.matches(pod.metadata.labels ?? {})).length,
    readyReplicas: readiness.ready,
    availableReplicas: readiness.available,
    observedGeneration: owner.metadata.generation,
  };
  const wanted = owner.spec.replicas ?? 1;
  const healed =
    owned.length >= wanted && (owner.status.conditions ?? []).some(({ type }) => type === "ReplicaFailure");
  const conditions = healed
    ? owner.status.conditions?.filter(({ type }) => type !== "ReplicaFailure")
    : owner.status.conditions;
  // Zero is said here, so that readers can tell it from a count that is not kept; ReplicationControllers keep none.
  const terminating = owner.kind === "ReplicaSet" ? { terminatingReplicas: ending.length } : {};
  const next = {
    ...withoutZeros(counts),
    ...terminating,
    ...(conditions && conditions.length > 0 ? { conditions } : {}),
  };
  const had = "terminatingReplicas" in owner.status ? { terminatingReplicas: owner.status.terminatingReplicas } : {};
  if (deepEqual({ ...withoutZeros(owner.status), ...had }, next)) return [];
  const updated = { ...owner, status: { replicas: owned.length, ...next } };
  return [updateStatus(resource, updated)];
}

/** Absent and zero mean the same in a status. */
function withoutZeros(status: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0 && value !== undefined));
}
