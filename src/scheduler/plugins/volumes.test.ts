/** Where pods with volumes can go, as tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { PersistentVolume } from "#resources/core/persistent-volume.ts";
import type { StorageClass } from "#resources/storage/storage-class.ts";
import { claim, clusterOf, node, pod, volume } from "#testing/scheduling.ts";
import type { Cluster, Filter } from "../plugin.ts";
import { factsOf } from "../pod-facts.ts";
import type { Related } from "../related.ts";
import { claimsOf, planVolumes } from "../volumes.ts";
import { nodeVolumeLimits } from "./node-volume-limits.ts";
import { volumeBinding } from "./volume-binding.ts";
import { volumeRestrictions } from "./volume-restrictions.ts";
import { volumeZone } from "./volume-zone.ts";

function storageClass(provisioner: string, rest: Partial<StorageClass> = {}): StorageClass {
  const volumeBindingMode = "WaitForFirstConsumer";
  const metadata = { name: "local" };
  return { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata, provisioner, volumeBindingMode, ...rest };
}

function storage(
  claims: readonly PersistentVolumeClaim[],
  volumes: readonly PersistentVolume[] = [],
  classes: readonly StorageClass[] = [storageClass("example.com/provisioner")],
): Partial<Related> {
  return {
    claim: (key) => claims.find(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name ?? ""}` === key),
    volume: (name) => volumes.find(({ metadata }) => metadata.name === name),
    volumesOf: (name) => volumes.filter(({ spec }) => (spec.storageClassName ?? "") === name),
    storageClass: (name) => classes.find(({ metadata }) => metadata.name === name),
  };
}

function onNode(name: string): PersistentVolume["spec"]["nodeAffinity"] {
  const matchExpressions = [{ key: "kubernetes.io/hostname", operator: "In" as const, values: [name] }];
  return { required: { nodeSelectorTerms: [{ matchExpressions }] } };
}

function answers(filter: Filter, cluster: Cluster, one = pod("p", { claims: ["data"] })): unknown {
  const answer = filter(factsOf(one), cluster);
  if (!answer) return "nothing to check";
  if (answer.kind === "refused") return answer.rejection.reasons.join();
  return cluster.snapshot.list.map((info) => answer.node(info)?.reasons.join() ?? "ok");
}

const nodes = [node("a"), node("b")];
const delayed = { storageClassName: "local" };

test("VolumeBinding makes a pod wait for claims that are missing, or not bound at once", () => {
  const answer = (related: Partial<Related>): unknown => answers(volumeBinding, clusterOf(nodes, {}, related));
  assert.equal(answer(storage([])), 'persistentvolumeclaim "data" not found');
  assert.equal(answer(storage([claim("data")])), "pod has unbound immediate PersistentVolumeClaims");
  const dying = claim("data", {}, { deletionTimestamp: "2026-01-01T00:00:00Z" });
  assert.equal(answer(storage([dying])), 'persistentvolumeclaim "data" is being deleted');
  assert.equal(answers(volumeBinding, clusterOf(nodes), pod("p")), "nothing to check");
});

test("VolumeBinding takes a pod to its volumes", () => {
  const bound = claim("data", { volumeName: "v" });
  const at = clusterOf(nodes, {}, storage([bound], [volume("v", { nodeAffinity: onNode("b") })]));
  assert.deepEqual(answers(volumeBinding, at), ["node(s) didn't match PersistentVolume's node affinity", "ok"]);
  const gone = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
  assert.deepEqual(answers(volumeBinding, clusterOf(nodes, {}, storage([bound]))), [gone, gone]);
});

test("VolumeBinding chooses the smallest free volume of the node, or has one made there", () => {
  const volumes = [
    volume("big", { ...delayed, capacity: { storage: "9Gi" }, nodeAffinity: onNode("a") }),
    volume("fit", { ...delayed, capacity: { storage: "2Gi" }, nodeAffinity: onNode("a") }),
    volume("small", { ...delayed, capacity: { storage: "1Mi" } }),
  ];
  const plans = (classes: readonly StorageClass[], wanted = claim("data", delayed)): unknown => {
    const { snapshot, related } = clusterOf(nodes, {}, storage([wanted], volumes, classes));
    const claims = claimsOf(factsOf(pod("p", { claims: ["data"] })), related);
    assert.ok(claims?.kind === "claims");
    return snapshot.list.map((info) => {
      const plan = planVolumes(claims, info.node, related);
      if (plan.kind === "none") return plan.why;
      return [...plan.bindings.map((one) => one.volume), ...plan.provisions]
        .map(({ metadata }) => metadata.name)
        .join();
    });
  };
  const none = "node(s) didn't find available persistent volumes to bind";
  assert.deepEqual(plans([storageClass("example.com/provisioner")]), ["fit", "data"]);
  assert.deepEqual(plans([storageClass("kubernetes.io/no-provisioner")]), ["fit", none]);
  const matchLabelExpressions = [{ key: "kubernetes.io/hostname", values: ["c"] }];
  assert.deepEqual(plans([storageClass("x", { allowedTopologies: [{ matchLabelExpressions }] })]), ["fit", none]);
  const selected = claim("data", delayed, { annotations: { "volume.kubernetes.io/selected-node": "b" } });
  assert.deepEqual(plans([storageClass("x")], selected), [none, "data"]);
});

test("VolumeRestrictions gives a claim with ReadWriteOncePod to one pod", () => {
  const exclusive = claim("data", { volumeName: "v", accessModes: ["ReadWriteOncePod"] });
  const taken = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode";
  const used = clusterOf(nodes, { a: [pod("x", { claims: ["data"] })] }, storage([exclusive]));
  assert.deepEqual(answers(volumeRestrictions, used), [taken, taken]);
  assert.deepEqual(answers(volumeRestrictions, clusterOf(nodes, {}, storage([exclusive]))), ["ok", "ok"]);
});

test("VolumeZone keeps a pod in the zones of its volume", () => {
  const zone = "topology.kubernetes.io/zone";
  const placed = ["x", "y", "z"].map((name) => node(name, {}, { labels: { [zone]: name } }));
  const related = storage([claim("data", { volumeName: "v" })], [volume("v", {}, { [zone]: "x__z" })]);
  const away = "node(s) had no available volume zone";
  const answer = answers(volumeZone, clusterOf([...placed, node("anywhere")], {}, related));
  // In the order of the snapshot, zones taking turns.
  assert.deepEqual(answer, ["ok", away, "ok", "ok"]);
});

test("NodeVolumeLimits counts each volume of a driver once", () => {
  const csi = (name: string): PersistentVolume => volume(name, { csi: { driver: "d", volumeHandle: name } });
  const related = storage(
    [claim("data", { volumeName: "v" }), claim("other", { volumeName: "w" })],
    [csi("v"), csi("w")],
  );
  const drivers = [{ name: "d", nodeID: "n", topologyKeys: [], allocatable: { count: 1 } }];
  const csiNode: Related["csiNode"] = (name) => ({
    apiVersion: "storage.k8s.io/v1",
    kind: "CSINode",
    metadata: { name },
    spec: { drivers },
  });
  const placed = { a: [pod("x", { claims: ["other"] })], b: [pod("y", { claims: ["data"] })] };
  const answer = answers(nodeVolumeLimits, clusterOf(nodes, placed, { ...related, csiNode }));
  assert.deepEqual(answer, ["node(s) exceed max volume count", "ok"]);
});
