/** What the StatefulSet controller plans, as a table of what it sees. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ControllerRevision } from "#resources/apps/controller-revision.ts";
import type { StatefulSet, StatefulSetSpec, StatefulSetStatus } from "#resources/apps/stateful-set.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Action } from "./controller.ts";
import { planStatefulSet } from "./stateful-set.ts";

const nowMs = Date.parse("2026-01-01T00:01:00Z");
const labels = { app: "db" };
const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: "db", uid: "owner", controller: true };

function statefulSet(spec: Partial<StatefulSetSpec> = {}, status: Partial<StatefulSetStatus> = {}): StatefulSet {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { namespace: "default", name: "db", uid: "owner", generation: 1 },
    spec: {
      replicas: 3,
      serviceName: "db",
      selector: { matchLabels: labels },
      template: template("v2"),
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
      podManagementPolicy: "OrderedReady",
      ...spec,
    },
    status: { replicas: 0, availableReplicas: 0, ...status },
  };
}

const template = (image: string) => ({
  metadata: { labels },
  spec: { containers: [{ name: "db", image, resources: {} }] },
});

function revision(name: string, number: number, image: string): ControllerRevision {
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: { namespace: "default", name, uid: name, labels, ownerReferences: [owner] },
    data: { spec: { template: { ...template(image), $patch: "replace" } } },
    revision: number,
  };
}

const [first, second] = [revision("db-1", 1, "v1"), revision("db-2", 2, "v2")];

interface PodOptions {
  readonly at?: string;
  readonly ready?: boolean;
  readonly phase?: "Pending" | "Running" | "Failed";
  readonly ending?: boolean;
}

function pod(ordinal: number, { at = "db-2", ready = true, phase = "Running", ending = false }: PodOptions = {}): Pod {
  const name = `db-${ordinal}`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: "default",
      name,
      uid: name,
      labels: {
        ...labels,
        "controller-revision-hash": at,
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": String(ordinal),
      },
      ownerReferences: [owner],
      ...(ending ? { deletionTimestamp: "2026-01-01T00:01:00Z" } : {}),
    },
    spec: { containers: [] },
    status: {
      phase,
      conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: "2026-01-01T00:00:00Z" }],
    },
  };
}

function plan(
  set: StatefulSet,
  pods: readonly Pod[],
  claims: readonly PersistentVolumeClaim[] = [],
): readonly Action[] {
  const claimNamed = (name: string) => claims.find((claim) => claim.metadata.name === name);
  return planStatefulSet({ set, pods, revisions: [first, second], claimNamed, nowMs }).actions;
}

/** Creations and deletions; events and status are looked at apart. */
function moves(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => {
    switch (action.kind) {
      case "sequence":
      case "each":
      case "ramp":
        return moves(action.actions);
      case "create":
        return [`create ${action.object.metadata.name}`];
      case "delete":
      case "patch":
        return [`${action.kind} ${action.key.name}`];
      case "update":
      case "unless":
      case "event":
        return [];
    }
  });
}

const parallel = { podManagementPolicy: "Parallel" } as const;
const cases: readonly [name: string, set: StatefulSet, pods: Pod[], moves: string[]][] = [
  ["pods come one by one", statefulSet(), [], ["create db-0"]],
  ["the next pod waits for the one before", statefulSet(), [pod(0, { ready: false })], []],
  ["the next pod comes once the one before is ready", statefulSet(), [pod(0)], ["create db-1"]],
  ["parallel sets fill all gaps at once", statefulSet(parallel), [pod(1)], ["create db-0", "create db-2"]],
  ["ordinals start where the set says", statefulSet({ ordinals: { start: 5 } }), [], ["create db-5"]],
  ["a failed pod is deleted to come back", statefulSet(), [pod(0, { phase: "Failed" })], ["delete db-0"]],
  ["a terminating pod is waited for", statefulSet(), [pod(0, { ending: true })], []],
  ["the highest ordinal goes first", statefulSet({ replicas: 1 }), [pod(0), pod(1), pod(2)], ["delete db-2"]],
  [
    "a pod that is not well does not keep a higher one from going",
    statefulSet({ replicas: 1 }),
    [pod(0), pod(1, { ready: false }), pod(2)],
    ["delete db-2"],
  ],
  [
    "parallel sets shrink at once",
    statefulSet({ replicas: 1, ...parallel }),
    [pod(0), pod(1), pod(2)],
    ["delete db-2", "delete db-1"],
  ],
  [
    "a rolling update takes the highest old pod",
    statefulSet(),
    [pod(0, { at: "db-1" }), pod(1, { at: "db-1" }), pod(2, { at: "db-1" })],
    ["delete db-2"],
  ],
  [
    "a partition keeps pods below it",
    statefulSet({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } }),
    [pod(0, { at: "db-1" }), pod(1, { at: "db-1" }), pod(2)],
    [],
  ],
  [
    "maxUnavailable takes several",
    statefulSet({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 2 } } }),
    [pod(0, { at: "db-1" }), pod(1, { at: "db-1" }), pod(2, { at: "db-1" })],
    ["delete db-2", "delete db-1"],
  ],
  [
    "OnDelete leaves old pods",
    statefulSet({ updateStrategy: { type: "OnDelete" } }),
    [pod(0, { at: "db-1" }), pod(1), pod(2)],
    [],
  ],
];
for (const [name, set, pods, expected] of cases)
  test(name, () => {
    assert.deepEqual(moves(plan(set, pods)), expected);
  });

const volumeClaimTemplates = [
  { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: { resources: {} }, status: {} },
];

test("a pod has its name, labels, host name and claims", () => {
  const actions = plan(statefulSet({ volumeClaimTemplates }), [pod(0)]);
  assert.deepEqual(moves(actions), ["create data-db-1", "create db-1"]);
  const made = actions.findLast((action) => action.kind === "create");
  assert.ok(made?.kind === "create");
  const { metadata, spec } = made.object as Pod;
  assert.deepEqual(metadata.labels, {
    app: "db",
    "statefulset.kubernetes.io/pod-name": "db-1",
    "apps.kubernetes.io/pod-index": "1",
    "controller-revision-hash": "db-2",
  });
  assert.equal(spec.hostname, "db-1");
  assert.equal(spec.subdomain, "db");
  assert.deepEqual(spec.volumes, [{ name: "data", persistentVolumeClaim: { claimName: "data-db-1" } }]);
  const event = made.created?.(made.object)[0];
  assert.ok(event?.kind === "event");
  assert.equal(event.event.message, "create Pod db-1 in StatefulSet db successful");
});

test("below the partition a missing pod comes back at the current revision", () => {
  const rollingUpdate = { partition: 2 };
  const set = statefulSet({ updateStrategy: { type: "RollingUpdate", rollingUpdate } }, { currentRevision: "db-1" });
  const made = plan(set, [pod(1, { at: "db-1" }), pod(2)]).find((action) => action.kind === "create");
  assert.ok(made?.kind === "create");
  assert.equal(made.object.metadata.labels?.["controller-revision-hash"], "db-1");
  assert.equal((made.object as Pod).spec.containers[0]?.image, "v1");
});

test("claims go with the pod when scaled down, with the set when deleted, as the policy says", () => {
  const claim = {
    ...volumeClaimTemplates[0],
    metadata: { namespace: "default", name: "data-db-1" },
  } as PersistentVolumeClaim;
  const ownersOf = (set: StatefulSet): unknown => {
    const action = plan(set, [pod(0), pod(1)], [claim]).find((one) => one.kind === "patch");
    const body = action?.kind === "patch" && action.patch.type === "merge" ? action.patch.body : {};
    return (body["metadata"] as { ownerReferences?: { kind: string }[] } | undefined)?.ownerReferences?.map(
      (one) => one.kind,
    );
  };
  const scaled = { persistentVolumeClaimRetentionPolicy: { whenScaled: "Delete" }, volumeClaimTemplates };
  const deleted = { persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" }, volumeClaimTemplates };
  assert.deepEqual(ownersOf(statefulSet({ ...scaled, replicas: 1 })), ["Pod"]);
  assert.deepEqual(ownersOf(statefulSet({ ...scaled, replicas: 2 })), undefined);
  assert.deepEqual(ownersOf(statefulSet({ ...deleted, replicas: 2 })), ["StatefulSet"]);
});

test("the status counts revisions, and a complete update makes the new one current", () => {
  const statusOf = (pods: Pod[]): StatefulSetStatus | undefined => {
    const found = plan(statefulSet({}, { currentRevision: "db-1" }), pods).find((one) => one.kind === "update");
    return found?.kind === "update" ? (found.object as StatefulSet).status : undefined;
  };
  const common = { observedGeneration: 1, replicas: 3, readyReplicas: 3, availableReplicas: 3, updateRevision: "db-2" };
  assert.deepEqual(statusOf([pod(0, { at: "db-1" }), pod(1), pod(2)]), {
    ...common,
    currentReplicas: 1,
    updatedReplicas: 2,
    currentRevision: "db-1",
    collisionCount: 0,
  });
  assert.deepEqual(statusOf([pod(0), pod(1), pod(2)]), {
    ...common,
    currentReplicas: 3,
    updatedReplicas: 3,
    currentRevision: "db-2",
    collisionCount: 0,
  });
});

test("a new template gets a revision before any pod; an old one that comes back is numbered anew", () => {
  const changed = planStatefulSet({
    set: statefulSet({ template: template("v3") }),
    pods: [],
    revisions: [first, second],
    claimNamed: () => undefined,
    nowMs,
  }).actions;
  assert.equal(changed.length, 1);
  const [made] = changed;
  assert.ok(made?.kind === "create");
  assert.equal((made.object as ControllerRevision).revision, 3);
  assert.match(made.object.metadata.name ?? "", /^db-[bcdfghjklmnpqrstvwxz2456789]+$/);
  const [back] = plan(statefulSet({ template: template("v1") }), []);
  assert.ok(back?.kind === "update");
  assert.deepEqual([back.object.metadata.name, (back.object as ControllerRevision).revision], ["db-1", 3]);
});

test("a set of 2,000,000,000 replicas is filled 500 a look, whatever its order and update", () => {
  const replicas = 2_000_000_000;
  for (const rollingUpdate of [
    { partition: 0 },
    { partition: 0, maxUnavailable: "50%" },
    { partition: 1_999_999_999 },
  ]) {
    const updateStrategy = { type: "RollingUpdate", rollingUpdate } as const;
    assert.deepEqual(moves(plan(statefulSet({ replicas, updateStrategy }), [pod(0)])), ["create db-1"]);
    const filled = moves(plan(statefulSet({ replicas, updateStrategy, ...parallel }), [pod(0)]));
    assert.equal(filled.length, 500);
    assert.equal(filled[0], "create db-1");
  }
});

test("a set that shrinks from 10,000 pods is looked at in less than the square of their number", () => {
  const pods = Array.from({ length: 10_000 }, (_, ordinal) => pod(ordinal));
  const startMs = performance.now();
  assert.deepEqual(moves(plan(statefulSet({ replicas: 9_999 }), pods)), ["delete db-9999"]);
  // 5.5 s when every ordinal searched all pods.
  assert.ok(performance.now() - startMs < 1_500);
});
