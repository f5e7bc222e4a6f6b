/**
 * DaemonSets: one pod on every node that suits it.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/
 */
import { deepEqual } from "#machinery/equal.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import { keyOf, type ObjectKey } from "#machinery/meta.ts";
import { controllerRevisions, type ControllerRevision } from "#resources/apps/controller-revision.ts";
import { daemonSets, type DaemonSet, type DaemonSetStatus } from "#resources/apps/daemon-set.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods } from "#resources/core/pod.ts";
import type { Change } from "#client/informer.ts";
import { create, each, normal, ramp, remove, sequence, updateStatus, warning } from "./actions.ts";
import { nothing, type Action, type Caches, type Controller, type Plan } from "./controller.ts";
import { FailedPods } from "./daemon-set/failed-pods.ts";
import { byPlaceAndAge, daemonPod, eligibility, hashLabel, nodeNameOf } from "./daemon-set/pod.ts";
import { maxSurgeOf, rollOut, type Changes } from "./daemon-set/rollout.ts";
import { claim, type Claimable } from "./ownership.ts";
import { availableInMs, isAvailable, isEnded, isReady } from "./pod-state.ts";
import { cutHistory, numberTemplate } from "./revision-history.ts";
import { byOwner, ownKind, ownedBy, watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface DaemonSetObservation {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  /** Owned pods and revisions, and orphans of the namespace. */
  readonly pods: readonly PodSeen[];
  readonly revisions: readonly ControllerRevision[];
  /** Milliseconds until a failed pod may be replaced. */
  readonly waitMsOf: (pod: PodSeen) => number;
  readonly nowMs: number;
}

const burstMax = 250;
const historyDefault = 10;

export function daemonSetController(): Controller<DaemonSetObservation> {
  const failedPods = new FailedPods();
  return {
    name: "daemon-set-controller",
    watches: [
      ownKind(daemonSets),
      ownedBy(podView, "DaemonSet", adopters),
      ownedBy(controllerRevisions, "DaemonSet", adopters),
      watching(nodes, {
        keysOf: (change, caches) => (concerns(change) ? caches.list(daemonSets, "").map(keyOf) : []),
      }),
    ],
    observe: (key, caches) => {
      const set = caches.get(daemonSets, key);
      if (!set || set.metadata.deletionTimestamp !== undefined) return undefined;
      const setUid = set.metadata.uid ?? "";
      const owners = [setUid, `orphan/${key.namespace}`];
      return {
        set,
        nodes: caches.list(nodes, ""),
        pods: owners.flatMap((value) => caches.byIndex(podView, { name: byOwner, value })),
        revisions: owners.flatMap((value) => caches.byIndex(controllerRevisions, { name: byOwner, value })),
        waitMsOf: (pod) => failedPods.waitMs({ setUid, nodeName: nodeNameOf(pod) ?? "" }, pod, caches.monotonicMs),
        nowMs: caches.nowMs,
      };
    },
    plan: planDaemonSet,
  };
}

function adopters(orphan: Claimable, caches: Caches): readonly ObjectKey[] {
  return caches
    .list(daemonSets, orphan.metadata.namespace ?? "")
    .filter((set) => selectorOf(set.spec.selector).matches(orphan.metadata.labels ?? {}))
    .map(keyOf);
}

/** Heartbeats change a node's status, which no DaemonSet looks at. */
function concerns({ type, old: before, object: now }: Change<Node>): boolean {
  if (type !== "modified") return true;
  return !deepEqual(before.metadata.labels, now.metadata.labels) || !deepEqual(before.spec.taints, now.spec.taints);
}

/** Pure. */
export function planDaemonSet(seen: DaemonSetObservation): Plan {
  const { set, nowMs } = seen;
  const selector = selectorOf(set.spec.selector);
  if (selector.matchesEverything) {
    const message = "This daemon set is selecting all pods. A non-empty selector is required.";
    return { actions: [warning(set, "SelectingAll", message)] };
  }
  const revisions = claim({ owner: set, selector, candidates: seen.revisions, resource: controllerRevisions });
  const claimed = claim({ owner: set, selector, candidates: seen.pods, resource: pods });
  const adopted = [...revisions.actions, ...claimed.actions];
  const numbered = numberTemplate({
    owner: set,
    template: set.spec.template,
    collisionCount: set.status.collisionCount ?? 0,
    revisions: revisions.owned,
    hashLabel,
    collided: () => {
      const collisionCount = (set.status.collisionCount ?? 0) + 1;
      return [updateStatus(daemonSets, { ...set, status: { ...set.status, collisionCount } })];
    },
  });
  if (!numbered.current) return { actions: [...adopted, ...numbered.actions] };
  const hash = numbered.current.metadata.labels?.[hashLabel] ?? "";
  const placed = place({ ...seen, pods: claimed.owned }, hash);
  const live = new Set([hash, ...claimed.owned.map((pod) => pod.metadata.labels?.[hashLabel])]);
  const cut = cutHistory(
    revisions.owned,
    (one) => live.has(one.metadata.labels?.[hashLabel]),
    set.spec.revisionHistoryLimit ?? historyDefault,
  );
  const actions = [...adopted, ...statusAction(placed), ...placed.events, ...changeActions(placed), ...cut];
  const waits = [
    ...placed.waitsMs,
    ...claimed.owned.flatMap((pod) => availableInMs(pod, set.spec.minReadySeconds ?? 0, nowMs) ?? []),
  ];
  if (actions.length === 0 && waits.length === 0) return nothing;
  return waits.length === 0 ? { actions } : { actions, againAfterMs: Math.min(...waits) };
}

interface Placed {
  readonly seen: DaemonSetObservation;
  readonly hash: string;
  readonly podsByNode: ReadonlyMap<string, readonly PodSeen[]>;
  /** Names of the nodes that should have a pod. */
  readonly wanted: ReadonlySet<string>;
  readonly changes: Changes;
  readonly events: readonly Action[];
  readonly waitsMs: readonly number[];
}

/** Which nodes get and lose pods; the rollout goes on once every node has what it should. */
function place(seen: DaemonSetObservation, hash: string): Placed {
  const { set, nowMs } = seen;
  const podsByNode = Map.groupBy(
    seen.pods.filter((pod) => !(isEnded(pod) && pod.metadata.deletionTimestamp !== undefined)),
    (pod) => nodeNameOf(pod) ?? "",
  );
  const events: Action[] = [];
  const waitsMs: number[] = [];
  const remove: PodSeen[] = [];
  const add: string[] = [];
  const wanted = new Set<string>();
  for (const node of seen.nodes) {
    const name = node.metadata.name ?? "";
    const here = podsByNode.get(name) ?? [];
    const { runs, stays } = eligibility(set, node);
    if (runs) wanted.add(name);
    const live = here.filter((pod) => pod.metadata.deletionTimestamp === undefined);
    if (!stays) remove.push(...live);
    else if (runs && here.length === 0) add.push(name);
    else {
      const ended = replaceEnded(seen, live.filter(isEnded));
      events.push(...ended.events);
      waitsMs.push(...ended.waitsMs);
      remove.push(
        ...ended.remove,
        ...surplus(
          seen,
          hash,
          live.filter((pod) => !isEnded(pod)),
        ),
      );
    }
  }
  const names = new Set(seen.nodes.map((node) => node.metadata.name));
  for (const [name, here] of podsByNode)
    if (!names.has(name))
      remove.push(
        ...here.filter((pod) => pod.spec.nodeName === undefined && pod.metadata.deletionTimestamp === undefined),
      );
  const settled = remove.length === 0 && add.length === 0;
  const rolling = set.spec.updateStrategy.type !== "OnDelete";
  const changes =
    settled && rolling ? rollOut({ set, hash, podsByNode, desired: wanted.size, nowMs }) : { remove, add };
  return { seen, hash, podsByNode, wanted, changes, events, waitsMs };
}

function replaceEnded({ set, waitMsOf }: DaemonSetObservation, ended: readonly PodSeen[]) {
  const remove: PodSeen[] = [];
  const events: Action[] = [];
  const waitsMs: number[] = [];
  for (const pod of ended) {
    const { namespace, name } = pod.metadata;
    const where = `daemon pod ${namespace}/${name} on node ${nodeNameOf(pod) ?? ""}`;
    const failed = pod.status.phase === "Failed";
    const waitMs = failed ? waitMsOf(pod) : 0;
    if (waitMs > 0) {
      waitsMs.push(waitMs);
      continue;
    }
    remove.push(pod);
    events.push(
      failed
        ? warning(set, "FailedDaemonPod", `Found failed ${where}, will try to kill it`)
        : normal(set, "SucceededDaemonPod", `Found succeeded ${where}, will try to delete it`),
    );
  }
  return { remove, events, waitsMs };
}

/** All but the oldest pod; with surge, the oldest of the new template may stand beside the oldest of an older one. */
function surplus(
  { set, nodes: all, nowMs }: DaemonSetObservation,
  hash: string,
  running: readonly PodSeen[],
): readonly PodSeen[] {
  if (running.length <= 1) return [];
  const ordered = running.toSorted(byPlaceAndAge);
  if (maxSurgeOf(set, all.length) === 0) return ordered.slice(1);
  const isNew = (pod: PodSeen): boolean => pod.metadata.labels?.[hashLabel] === hash;
  const fresh = ordered.find(isNew);
  const old = ordered.find((pod) => !isNew(pod));
  const others = ordered.filter((pod) => pod !== fresh && pod !== old);
  const replaced = fresh && old && (!isReady(old) || isAvailable(fresh, set.spec.minReadySeconds ?? 0, nowMs));
  return replaced ? [...others, old] : others;
}

function changeActions({ seen: { set }, hash, changes }: Placed): Action[] {
  const created = changes.add.slice(0, burstMax).map((nodeName) =>
    create(pods, daemonPod(set, hash, nodeName), {
      created: (pod) => [normal(set, "SuccessfulCreate", `Created pod: ${pod.metadata.name}`)],
      refused: (error) => [warning(set, "FailedCreate", `Error creating: ${error.message}`)],
    }),
  );
  const removed = changes.remove
    .slice(0, burstMax)
    .map((pod) => sequence([remove(pods, pod), normal(set, "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`)]));
  const changed = [...(created.length > 0 ? [ramp(created)] : []), ...removed];
  // Pods go also while others cannot come: a full quota would otherwise never get room.
  return changed.length > 0 ? [each(changed)] : [];
}

function statusAction({ seen, hash, podsByNode, wanted }: Placed): Action[] {
  const { set, nowMs } = seen;
  const first = seen.nodes.flatMap((node) => {
    const name = node.metadata.name ?? "";
    const pod = podsByNode.get(name)?.toSorted(byPlaceAndAge)[0];
    return pod ? [{ pod, wanted: wanted.has(name) }] : [];
  });
  const scheduled = first.filter((one) => one.wanted).map(({ pod }) => pod);
  const available = scheduled.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length;
  const { collisionCount, conditions } = set.status;
  const status: DaemonSetStatus = {
    currentNumberScheduled: scheduled.length,
    numberMisscheduled: first.length - scheduled.length,
    desiredNumberScheduled: wanted.size,
    numberReady: scheduled.filter(isReady).length,
    updatedNumberScheduled: scheduled.filter((pod) => pod.metadata.labels?.[hashLabel] === hash).length,
    numberAvailable: available,
    numberUnavailable: wanted.size - available,
    observedGeneration: set.metadata.generation,
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions ? { conditions } : {}),
  };
  const withoutZeros = (one: object): object =>
    Object.fromEntries(Object.entries(one).filter(([, value]) => value !== 0));
  if (deepEqual(withoutZeros(set.status), withoutZeros(status))) return [];
  return [updateStatus(daemonSets, { ...set, status })];
}
