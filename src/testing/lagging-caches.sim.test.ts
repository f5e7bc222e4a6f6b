/** What is not there for controllers whose caches lag behind, and must not cost anybody their data. In virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodes } from "#resources/core/node.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes } from "#resources/core/persistent-volume.ts";
import { pods } from "#resources/core/pod.ts";
import { served } from "./faulty-client.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const inDefault = (name: string) => ({ namespace: "default", name });
const claimSpec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };

/** From now on no controller hears of changes of these, until far beyond the end of the test. */
function lag(cluster: SimulatedCluster, resource: string): void {
  cluster.fate = ({ verb, resource: other }) =>
    verb === "watch" && other === resource ? { kind: "served", lateMs: 3_600_000 } : served;
}

test("a claim that a pod uses, of which the caches have not heard, is not let go", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  await cluster.create(persistentVolumeClaims, {
    metadata: inDefault("data"),
    spec: { ...claimSpec, storageClassName: "", volumeName: "disk" },
  });
  await cluster.create(persistentVolumes, {
    metadata: { name: "disk" },
    spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/data" } },
  });
  await cluster.until(persistentVolumeClaims, ([one]) => one?.status.phase === "Bound");
  await cluster.clock.advance(1_000);
  lag(cluster, "pods");
  await cluster.create(pods, {
    metadata: inDefault("web"),
    spec: {
      nodeName: "one",
      containers: [{ name: "web", image: "web", resources: {} }],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
    },
  });
  await cluster.client.delete(persistentVolumeClaims, inDefault("data"));
  await cluster.clock.advance(60_000);
  const [claim] = (await cluster.client.list(persistentVolumeClaims, { namespace: "default" })).items;
  assert.equal(claim?.metadata.name, "data", "the pod has it mounted");
});

test("a volume of a claim of which the caches have not heard is not given back", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  await cluster.clock.advance(1_000);
  lag(cluster, "persistentvolumeclaims");
  const claim = await cluster.create(persistentVolumeClaims, {
    metadata: inDefault("data"),
    spec: { ...claimSpec, storageClassName: "" },
  });
  // As a provisioner of its own makes it.
  const claimRef = { kind: "PersistentVolumeClaim", apiVersion: "v1", ...inDefault("data"), uid: claim.metadata.uid };
  await cluster.create(persistentVolumes, {
    metadata: { name: "disk", annotations: { "pv.kubernetes.io/provisioned-by": "example.com/disks" } },
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      hostPath: { path: "/data" },
      persistentVolumeReclaimPolicy: "Delete",
      claimRef,
    },
  });
  await cluster.clock.advance(60_000);
  const volume = await cluster.client.get(persistentVolumes, { namespace: "", name: "disk" });
  assert.notEqual(volume.status.phase, "Released");
});

test("pods of a node of which the caches have not heard stay", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  await cluster.clock.advance(1_000);
  lag(cluster, "nodes");
  await cluster.create(nodes, { metadata: { name: "two" }, spec: {} });
  await cluster.create(pods, {
    metadata: inDefault("web"),
    spec: { nodeName: "two", containers: [{ name: "web", image: "web", resources: {} }] },
  });
  await cluster.clock.advance(300_000);
  const { items } = await cluster.client.list(pods, { namespace: "default" });
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ["web"],
  );
});
