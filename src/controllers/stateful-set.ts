/**
 * StatefulSets: pods with a name, an order and volumes of their own.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
 */
import { deepEqual } from "#machinery/equal.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import { keyOf, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import { controllerRevisions, type ControllerRevision } from "#resources/apps/controller-revision.ts";
import { statefulSets, type StatefulSet, type StatefulSetStatus } from "#resources/apps/stateful-set.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { pods } from "#resources/core/pod.ts";
import { updateStatus } from "./actions.ts";
import { nothing, type Action, type Caches, type Controller, type Plan } from "./controller.ts";
import { claim, type Claimable } from "./ownership.ts";
import { availableInMs, isReady } from "./pod-state.ts";
import { cutHistory, numberTemplate } from "./revision-history.ts";
import type { ClaimNamed } from "./stateful-set/claims.ts";
import { parsePodName, replicasOf, revisionOfPod } from "./stateful-set/identity.ts";
import { isRunningAndAvailable, isTerminating, progress, type Members } from "./stateful-set/progress.ts";
import { byOwner, ownKind, ownedBy, watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface StatefulSetObservation {
  readonly set: StatefulSet;
  /** Owned pods and revisions, and orphans of the namespace. */
  readonly pods: readonly PodSeen[];
  readonly revisions: readonly ControllerRevision[];
  readonly claimNamed: ClaimNamed;
  readonly nowMs: number;
}

const hashLabel = "controller.kubernetes.io/hash";
const historyDefault = 10;

export const statefulSetController: Controller<StatefulSetObservation> = {
  name: "statefulset-controller",
  watches: [
    ownKind(statefulSets),
    ownedBy(podView, "StatefulSet", adopters),
    ownedBy(controllerRevisions, "StatefulSet", adopters),
    watching(persistentVolumeClaims, {
      keysOf: ({ type, object }) => (type === "deleted" ? setsOf(object) : []),
    }),
  ],
  observe: (key, caches) => {
    const set = caches.get(statefulSets, key);
    if (!set) return undefined;
    const owners = [set.metadata.uid ?? "", `orphan/${key.namespace}`];
    return {
      set,
      pods: owners.flatMap((value) => caches.byIndex(podView, { name: byOwner, value })),
      revisions: owners.flatMap((value) => caches.byIndex(controllerRevisions, { name: byOwner, value })),
      claimNamed: (name) => caches.get(persistentVolumeClaims, { namespace: key.namespace, name }),
      nowMs: caches.nowMs,
    };
  },
  plan: planStatefulSet,
};

function adopters(orphan: Claimable, caches: Caches): readonly ObjectKey[] {
  return caches
    .list(statefulSets, orphan.metadata.namespace ?? "")
    .filter((set) => selectorOf(set.spec.selector).matches(orphan.metadata.labels ?? {}))
    .map(keyOf);
}

/** The sets that may wait for a claim to be gone before they make its pod anew. */
function setsOf(claim: KubeObject): readonly ObjectKey[] {
  const namespace = claim.metadata.namespace ?? "";
  return (claim.metadata.ownerReferences ?? []).flatMap(({ kind, name }) => {
    const set = kind === "Pod" ? parsePodName(name)?.parent : kind === "StatefulSet" ? name : undefined;
    return set === undefined ? [] : [{ namespace, name: set }];
  });
}

/** Pure. */
export function planStatefulSet(seen: StatefulSetObservation): Plan {
  const { set, nowMs } = seen;
  const selector = selectorOf(set.spec.selector);
  if (selector.matchesEverything) return nothing;
  const revisions = claim({ owner: set, selector, candidates: seen.revisions, resource: controllerRevisions });
  const named = seen.pods.filter((pod) => parsePodName(pod.metadata.name ?? "")?.parent === set.metadata.name);
  const claimed = claim({ owner: set, selector, candidates: named, resource: pods });
  const adopted = [...revisions.actions, ...claimed.actions];
  const numbered = numberTemplate({
    owner: set,
    template: set.spec.template,
    collisionCount: set.status.collisionCount ?? 0,
    revisions: revisions.owned,
    hashLabel,
    collided: () => {
      const collisionCount = (set.status.collisionCount ?? 0) + 1;
      return [updateStatus(statefulSets, { ...set, status: { ...set.status, collisionCount } })];
    },
  });
  const updateRevision = numbered.current;
  if (!updateRevision)
    return { actions: set.metadata.deletionTimestamp === undefined ? [...adopted, ...numbered.actions] : adopted };
  const currentRevision =
    revisions.owned.find((one) => one.metadata.name === set.status.currentRevision) ?? updateRevision;
  const members: Members = {
    set,
    members: claimed.owned,
    currentRevision,
    updateRevision,
    claimNamed: seen.claimNamed,
    nowMs,
  };
  const steps = set.metadata.deletionTimestamp === undefined ? progress(members) : [];
  const actions = [...adopted, ...statusAction(members), ...steps, ...cut(members, revisions.owned)];
  const waits = claimed.owned.flatMap((pod) => availableInMs(pod, set.spec.minReadySeconds ?? 0, nowMs) ?? []);
  return waits.length === 0 ? { actions } : { actions, againAfterMs: Math.min(...waits) };
}

function cut({ set, members, currentRevision, updateRevision }: Members, all: readonly ControllerRevision[]): Action[] {
  const live = new Set([currentRevision.metadata.name, updateRevision.metadata.name, ...members.map(revisionOfPod)]);
  return cutHistory(all, (one) => live.has(one.metadata.name), set.spec.revisionHistoryLimit ?? historyDefault);
}

function statusAction(seen: Members): Action[] {
  const { set, members, currentRevision, updateRevision } = seen;
  const count = (test: (pod: PodSeen) => boolean): number => members.filter(test).length;
  const at = (revision: ControllerRevision): number =>
    count((pod) => !isTerminating(pod) && revisionOfPod(pod) === revision.metadata.name);
  const counted: StatefulSetStatus = {
    observedGeneration: set.metadata.generation,
    replicas: members.length,
    readyReplicas: count((pod) => pod.status.phase === "Running" && isReady(pod)),
    availableReplicas: count((pod) => isRunningAndAvailable(seen, pod)),
    currentReplicas: at(currentRevision),
    updatedReplicas: at(updateRevision),
    currentRevision: currentRevision.metadata.name,
    updateRevision: updateRevision.metadata.name,
    collisionCount: set.status.collisionCount ?? 0,
    ...(set.status.conditions ? { conditions: set.status.conditions } : {}),
  };
  const status = completed(set, counted);
  if (deepEqual(withoutZeros(set.status), withoutZeros(status))) return [];
  return [updateStatus(statefulSets, { ...set, status })];
}

/** Once every pod is at the new revision and ready, the new revision is the current one. */
function completed(set: StatefulSet, status: StatefulSetStatus): StatefulSetStatus {
  const wanted = replicasOf(set);
  const done =
    set.spec.updateStrategy.type !== "OnDelete" &&
    status.updatedReplicas === wanted &&
    status.readyReplicas === wanted &&
    status.replicas === wanted;
  if (!done) return status;
  return { ...status, currentReplicas: status.updatedReplicas, currentRevision: status.updateRevision };
}

/** Absent and zero mean the same. */
function withoutZeros(status: StatefulSetStatus): object {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0));
}
