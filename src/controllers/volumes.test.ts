/** What the controllers of volumes plan, as tables of what they see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { PersistentVolume } from "#resources/core/persistent-volume.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { StorageClass } from "#resources/storage/storage-class.ts";
import type { Action } from "./controller.ts";
import { planEphemeral } from "./ephemeral-volume.ts";
import { planProtection } from "./volume-protection.ts";
import { planClaim, type ClaimObservation } from "./volumes/claim.ts";
import { planVolume } from "./volumes/volume.ts";

const annotated = (...names: string[]) => Object.fromEntries(names.map((name) => [name, "yes"]));
const completed = "pv.kubernetes.io/bind-completed";

function claim(spec: Partial<PersistentVolumeClaim["spec"]> = {}, annotations = {}): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { namespace: "default", name: "data", uid: "claim", annotations },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "5Gi" } },
      storageClassName: "fast",
      ...spec,
    },
    status: { phase: "Pending" },
  };
}

function volume(name: string, spec: Partial<PersistentVolume["spec"]> = {}, annotations = {}): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, uid: name, annotations },
    spec: { capacity: { storage: "10Gi" }, accessModes: ["ReadWriteOnce"], storageClassName: "fast", ...spec },
    status: { phase: "Available" },
  };
}

const held = { kind: "PersistentVolumeClaim", namespace: "default", name: "data", uid: "claim" };
const byOther = { ...held, uid: "another" };
const storageClass = (volumeBindingMode: "Immediate" | "WaitForFirstConsumer"): StorageClass => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: "fast" },
  provisioner: "example.com/disks",
  volumeBindingMode,
});

function shown(action: Action): string {
  switch (action.kind) {
    case "update":
      return `${action.object.metadata.name} is claimed`;
    case "patch": {
      const status = action.patch.type === "merge" ? action.patch.body["status"] : undefined;
      const phase = (status as { phase?: string } | undefined)?.phase;
      return phase === undefined ? `change ${action.key.name}` : `${action.key.name} is ${phase}`;
    }
    case "unless":
      return `unless there is such a ${action.resource.singular}`;
    case "event":
      return action.event.reason;
    case "create":
    case "delete":
    case "sequence":
    case "each":
    case "ramp":
      return action.kind;
  }
}

const bound = (name: string): string[] => [`${name} is claimed`, `${name} is Bound`, "change data", "data is Bound"];
const claims: readonly [name: string, seen: Partial<ClaimObservation>, actions: string[]][] = [
  [
    "the smallest volume that is large enough is taken",
    {
      volumes: [
        volume("large"),
        volume("small", { capacity: { storage: "6Gi" } }),
        volume("tiny", { capacity: { storage: "1Gi" } }),
      ],
    },
    bound("small"),
  ],
  [
    "volumes of another class, mode or access are not",
    {
      volumes: [
        volume("a", { storageClassName: "slow" }),
        volume("b", { volumeMode: "Block" }),
        volume("c", { accessModes: ["ReadOnlyMany"] }),
      ],
    },
    ["ProvisioningFailed"],
  ],
  [
    "a volume that was reserved comes first",
    {
      volumes: [volume("small", { capacity: { storage: "5Gi" } }), volume("mine", { claimRef: { ...held, uid: "" } })],
    },
    bound("mine"),
  ],
  ["a provisioner is asked", { storageClass: storageClass("Immediate") }, ["change data", "ExternalProvisioning"]],
  [
    "a class may wait for a pod",
    { storageClass: storageClass("WaitForFirstConsumer"), volumes: [volume("free")] },
    ["WaitForFirstConsumer"],
  ],
  [
    "the pod has a node: a provisioner is asked",
    {
      claim: claim({}, annotated("volume.kubernetes.io/selected-node")),
      storageClass: storageClass("WaitForFirstConsumer"),
    },
    ["change data", "ExternalProvisioning"],
  ],
  ["a claim without a class waits for a volume", { claim: claim({ storageClassName: "" }) }, ["FailedBinding"]],
  ["a claim may name its volume", { claim: claim({ volumeName: "a" }), volume: volume("a") }, bound("a")],
  [
    "which must suit",
    { claim: claim({ volumeName: "a" }), volume: volume("a", { storageClassName: "slow" }) },
    ["VolumeMismatch"],
  ],
  [
    "which may belong to another",
    { claim: claim({ volumeName: "a" }), volume: volume("a", { claimRef: byOther }) },
    [],
  ],
  [
    "a bound claim whose volume is gone is lost",
    { claim: claim({ volumeName: "a" }, annotated(completed)) },
    ["data is Lost", "ClaimLost"],
  ],
  [
    "or whose volume has another claim",
    { claim: claim({ volumeName: "a" }, annotated(completed)), volume: volume("a", { claimRef: byOther }) },
    ["data is Lost", "ClaimMisbound"],
  ],
];
for (const [name, seen, expected] of claims)
  test(`claims: ${name}`, () => {
    const observed = {
      kind: "claim",
      claim: claim(),
      volume: undefined,
      volumes: [],
      storageClass: undefined,
      ...seen,
    } as const;
    assert.deepEqual(planClaim(observed).map(shown), expected);
  });

const dynamic = annotated("pv.kubernetes.io/provisioned-by");
const volumes: readonly [
  name: string,
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
  actions: string[],
][] = [
  ["is free without a claim", { ...volume("a"), status: {} }, undefined, ["a is Available"]],
  [
    "is released when its claim is gone",
    volume("a", { claimRef: held }),
    undefined,
    ["unless there is such a persistentvolumeclaim", "a is Released"],
  ],
  [
    "is released when another claim has the name",
    volume("a", { claimRef: byOther }),
    claim(),
    ["unless there is such a persistentvolumeclaim", "a is Released"],
  ],
  ["is bound when both name each other", volume("a", { claimRef: held }), claim({ volumeName: "a" }), ["a is Bound"]],
  [
    "is let go when its claim took another",
    volume("a", { claimRef: held }, annotated("pv.kubernetes.io/bound-by-controller")),
    claim({ volumeName: "b" }),
    ["change a"],
  ],
  [
    "cannot be deleted when nobody made it",
    volume("a", { claimRef: held, persistentVolumeReclaimPolicy: "Delete" }),
    undefined,
    ["unless there is such a persistentvolumeclaim", "a is Failed", "VolumeFailedDelete"],
  ],
  [
    "is left to who made it",
    volume("a", { claimRef: held, persistentVolumeReclaimPolicy: "Delete" }, dynamic),
    undefined,
    ["unless there is such a persistentvolumeclaim", "a is Released"],
  ],
];
for (const [name, object, holder, expected] of volumes)
  test(`a volume ${name}`, () => {
    assert.deepEqual(planVolume({ kind: "volume", volume: object, claim: holder }).map(shown), expected);
  });

test("a claim keeps its finalizer while a pod uses it", () => {
  const finalizer = "kubernetes.io/pvc-protection";
  const ending = { ...claim().metadata, finalizers: [finalizer], deletionTimestamp: "2026-01-01T00:00:00Z" };
  const change = (object: PersistentVolumeClaim, used: boolean): unknown => {
    const [action] = planProtection(persistentVolumeClaims, finalizer, { object, used }).actions;
    return action?.kind === "patch" && action.patch.type === "strategic" ? action.patch.body["metadata"] : undefined;
  };
  assert.equal(change({ ...claim(), metadata: ending }, true), undefined);
  assert.deepEqual(change({ ...claim(), metadata: ending }, false), {
    uid: "claim",
    resourceVersion: undefined,
    "$deleteFromPrimitiveList/finalizers": [finalizer],
  });
  assert.deepEqual(change(claim(), false), { uid: "claim", finalizers: [finalizer] });
});

test("a pod's own volume is a claim of its name, owned by the pod", () => {
  const template = { metadata: { labels: { app: "web" } }, spec: { resources: {} } };
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name: "web", uid: "pod" },
    spec: { containers: [], volumes: [{ name: "scratch", ephemeral: { volumeClaimTemplate: template } }] },
    status: {},
  };
  const [made] = planEphemeral({ pod, claimNamed: () => undefined }).actions;
  assert.ok(made?.kind === "create");
  assert.equal(made.object.metadata.name, "web-scratch");
  assert.equal(made.object.metadata.ownerReferences?.[0]?.uid, "pod");
  const [event] = planEphemeral({ pod, claimNamed: () => claim() }).actions;
  assert.ok(event?.kind === "event");
  assert.equal(event.event.message, "PVC default/web-scratch was not created for pod default/web (pod is not owner)");
});
