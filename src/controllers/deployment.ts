/**
 * Deployments: every template is a ReplicaSet, and a rollout moves pods from the old ones to the new one.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
 */
import { deepEqual } from "#machinery/equal.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import { controllerOf, keyOf, type ObjectKey } from "#machinery/meta.ts";
import { deployments, type Deployment, type DeploymentStatus } from "#resources/apps/deployment.ts";
import { replicaSets, type ReplicaSet } from "#resources/apps/replica-set.ts";
import { create, normal, remove, update, updateStatus, warning } from "./actions.ts";
import { nothing, type Action, type Caches, type Controller, type Plan } from "./controller.ts";
import { sizeOf } from "./deployment/replica-counts.ts";
import {
  findNewSet,
  newSetAnnotations,
  newSetFor,
  nextRevision,
  revisionAnnotation,
  sameTemplate,
} from "./deployment/revision.ts";
import {
  emptyOldSets,
  growNewSet,
  isScaling,
  resize,
  scaleInProportion,
  shrinkOldSets,
  surplusHistory,
  type Sets,
} from "./deployment/scale.ts";
import {
  countedStatus,
  deadlineInMs,
  deadlineMsOf,
  isComplete,
  progressing,
  rolloutStatus,
  tellPause,
  tellProgress,
} from "./deployment/status.ts";
import { conditionOf } from "./conditions.ts";
import { claim } from "./ownership.ts";
import { isEnded } from "./pod-state.ts";
import { byOwner, ownKind, ownedBy, ownerIndex, watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface DeploymentObservation {
  readonly deployment: Deployment;
  /** Owned ReplicaSets and orphans of the namespace. */
  readonly candidates: readonly ReplicaSet[];
  readonly setNamed: (name: string) => ReplicaSet | undefined;
  /** Pods of a ReplicaSet that have not ended, by its uid. */
  readonly runningPodsOf: (setUid: string) => readonly PodSeen[];
  readonly nowMs: number;
}

export const deploymentController: Controller<DeploymentObservation> = {
  name: "deployment-controller",
  watches: [
    ownKind(deployments),
    ownedBy(replicaSets, "Deployment", adopters),
    watching(podView, {
      indexes: { [byOwner]: ownerIndex },
      // A recreating Deployment waits for the last old pod to end.
      keysOf: ({ type, object }, caches) =>
        type === "deleted" || isEnded(object) ? deploymentsOfPod(object, caches) : [],
    }),
  ],
  observe: (key, caches) => {
    const deployment = caches.get(deployments, key);
    if (!deployment) return undefined;
    const candidates = [deployment.metadata.uid ?? "", `orphan/${key.namespace}`].flatMap((value) =>
      caches.byIndex(replicaSets, { name: byOwner, value }),
    );
    return {
      deployment,
      candidates,
      setNamed: (name) => caches.get(replicaSets, { namespace: key.namespace, name }),
      runningPodsOf: (value) => caches.byIndex(podView, { name: byOwner, value }).filter((pod) => !isEnded(pod)),
      nowMs: caches.nowMs,
    };
  },
  plan: planDeployment,
};

function adopters(orphan: ReplicaSet, caches: Caches): readonly ObjectKey[] {
  return caches
    .list(deployments, orphan.metadata.namespace ?? "")
    .filter((deployment) => selectorOf(deployment.spec.selector).matches(orphan.metadata.labels ?? {}))
    .map(keyOf);
}

function deploymentsOfPod(pod: PodSeen, caches: Caches): readonly ObjectKey[] {
  const namespace = pod.metadata.namespace ?? "";
  const setName = controllerOf(pod)?.name;
  const set = setName === undefined ? undefined : caches.get(replicaSets, { namespace, name: setName });
  const owner = set && controllerOf(set);
  return owner?.kind === "Deployment" ? [{ namespace, name: owner.name }] : [];
}

/** Pure. */
export function planDeployment(observation: DeploymentObservation): Plan {
  const { deployment: asRead, candidates, nowMs } = observation;
  const selector = selectorOf(asRead.spec.selector);
  if (selector.matchesEverything) return planSelectingAll(asRead);
  const claimed = claim({ owner: asRead, selector, candidates, resource: replicaSets });
  const newSet = findNewSet(asRead, claimed.owned);
  const oldSets = claimed.owned.filter((set) => set !== newSet);
  if (asRead.metadata.deletionTimestamp !== undefined) {
    const status = countedStatus({ deployment: asRead, newSet, oldSets }, nowMs);
    return finish(observation, claimed.actions, { ...asRead, status });
  }
  const sets = { deployment: tellPause(asRead, nowMs), newSet, oldSets };
  const { actions, deployment } = step(sets, observation);
  return finish(observation, [...claimed.actions, ...actions], deployment);
}

function planSelectingAll(deployment: Deployment): Plan {
  const { generation } = deployment.metadata;
  const message = "This deployment is selecting all pods. A non-empty selector is required.";
  const event = warning(deployment, "SelectingAll", message);
  if ((deployment.status.observedGeneration ?? 0) >= (generation ?? 0)) return { actions: [event] };
  const status = { ...deployment.status, observedGeneration: generation };
  return { actions: [event, updateStatus(deployments, { ...deployment, status })] };
}

interface Step {
  readonly actions: readonly Action[];
  /** With the annotations and the status that follow. */
  readonly deployment: Deployment;
}

/** What one look does: number the new set, then scale, or move the rollout on by one step. */
function step(sets: Sets, observation: DeploymentObservation): Step {
  const { nowMs } = observation;
  const numbered = numberNewSet(sets);
  if (numbered.length > 0) return { actions: numbered, deployment: sets.deployment };
  const known = noteNewSet(sets, nowMs);
  const noted: Sets = { ...sets, deployment: known };
  if (known.spec.paused === true || isScaling(noted)) {
    const surplus = known.spec.paused === true ? surplusHistory(noted) : [];
    const actions = [...scaleInProportion(noted), ...surplus.map((set) => remove(replicaSets, set))];
    return { actions, deployment: { ...known, status: countedStatus(noted, nowMs) } };
  }
  return known.spec.strategy.type === "Recreate" ? recreate(noted, observation) : roll(noted, observation);
}

/** The new ReplicaSet gets the newest revision number and what else follows from the Deployment. */
function numberNewSet({ deployment, newSet, oldSets }: Sets): Action[] {
  if (!newSet) return [];
  const annotations = newSetAnnotations(deployment, newSet, nextRevision(oldSets));
  const { minReadySeconds } = deployment.spec;
  const same =
    deepEqual(annotations, newSet.metadata.annotations ?? {}) &&
    (minReadySeconds ?? 0) === (newSet.spec.minReadySeconds ?? 0);
  if (same) return [];
  const spec = { ...newSet.spec, minReadySeconds };
  return [update(replicaSets, { ...newSet, metadata: { ...newSet.metadata, annotations }, spec })];
}

function noteNewSet({ deployment, newSet }: Sets, nowMs: number): Deployment {
  const revision = newSet?.metadata.annotations?.[revisionAnnotation];
  if (!newSet || revision === undefined) return deployment;
  const numbered = withRevision(deployment, revision);
  if (conditionOf(deployment.status.conditions, progressing)) return numbered;
  const message = `Found new replica set "${newSet.metadata.name}"`;
  return tellProgress(numbered, { status: "True", reason: "FoundNewReplicaSet", message }, nowMs);
}

function withRevision(deployment: Deployment, revision: string): Deployment {
  const { annotations } = deployment.metadata;
  if (annotations?.[revisionAnnotation] === revision) return deployment;
  const metadata = { ...deployment.metadata, annotations: { ...annotations, [revisionAnnotation]: revision } };
  return { ...deployment, metadata };
}

function roll(sets: Sets, observation: DeploymentObservation): Step {
  const { newSet } = sets;
  if (!newSet) return createNewSet(sets, observation);
  const up = growNewSet(sets, newSet);
  const moved = up.length > 0 ? up : shrinkOldSets(sets, newSet);
  return settle(sets, moved, observation);
}

function recreate(sets: Sets, observation: DeploymentObservation): Step {
  const { deployment, newSet, oldSets } = sets;
  const down = emptyOldSets(sets);
  const busy =
    down.length > 0 ||
    oldSets.some((set) => set.status.replicas > 0 || observation.runningPodsOf(set.metadata.uid ?? "").length > 0);
  if (busy) return settle(sets, down, observation);
  if (!newSet) return createNewSet(sets, observation);
  return settle(sets, resize(deployment, newSet, sizeOf(deployment)), observation);
}

/** The status that follows, and the history cut to its limit once the rollout is through. */
function settle(sets: Sets, moved: readonly Action[], { nowMs }: DeploymentObservation): Step {
  const { deployment } = sets;
  const through = moved.length === 0 && isComplete(deployment, deployment.status);
  const cleaned = through ? surplusHistory(sets).map((set) => remove(replicaSets, set)) : [];
  return { actions: [...moved, ...cleaned], deployment: { ...deployment, status: rolloutStatus(sets, nowMs) } };
}

function createNewSet({ deployment, oldSets }: Sets, { nowMs, setNamed }: DeploymentObservation): Step {
  const set = newSetFor(deployment, oldSets);
  const name = set.metadata.name ?? "";
  const action = create(replicaSets, set, {
    created: () =>
      sizeOf(set) > 0
        ? [normal(deployment, "ScalingReplicaSet", `Scaled up replica set ${name} from 0 to ${sizeOf(set)}`)]
        : [],
    refused: (error) => {
      if (error.reason === "AlreadyExists") {
        const other = setNamed(name);
        const ours =
          other !== undefined &&
          controllerOf(other)?.uid === deployment.metadata.uid &&
          sameTemplate(deployment.spec.template, other.spec.template);
        if (ours || !other) return [];
        const collisionCount = (deployment.status.collisionCount ?? 0) + 1;
        return [updateStatus(deployments, { ...deployment, status: { ...deployment.status, collisionCount } })];
      }
      const message = `Failed to create new replica set "${name}": ${error.message}`;
      const told = tellProgress(deployment, { status: "False", reason: "ReplicaSetCreateError", message }, nowMs);
      const event = warning(deployment, "ReplicaSetCreateError", message);
      return deadlineMsOf(deployment) === undefined ? [event] : [updateStatus(deployments, told), event];
    },
  });
  const revision = set.metadata.annotations?.[revisionAnnotation] ?? "1";
  const message = `Created new replica set "${name}"`;
  const story = { status: "True", reason: "NewReplicaSetCreated", message } as const;
  return { actions: [action], deployment: tellProgress(withRevision(deployment, revision), story, nowMs) };
}

/** Writes the Deployment's annotations and status if they changed, and comes back for the deadline. */
function finish(
  { deployment: asRead, nowMs }: DeploymentObservation,
  actions: readonly Action[],
  next: Deployment,
): Plan {
  const same =
    deepEqual(asRead.metadata.annotations ?? {}, next.metadata.annotations ?? {}) &&
    deepEqual(present(asRead.status), present(next.status));
  const all = same ? actions : [...actions, updateStatus(deployments, next)];
  const againAfterMs = deadlineInMs(next, nowMs);
  if (all.length === 0 && againAfterMs === undefined) return nothing;
  return againAfterMs === undefined ? { actions: all } : { actions: all, againAfterMs };
}

/** Absent and zero mean the same in all counts but one. */
function present(status: DeploymentStatus): object {
  const { terminatingReplicas, ...counts } = status;
  const some = Object.entries(counts).filter(
    ([, value]) => value !== 0 && !(Array.isArray(value) && value.length === 0),
  );
  return { ...Object.fromEntries(some), terminatingReplicas };
}
