/** Garbage collection with restarts at every step, watches that lag, and others who write meanwhile, in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, OwnerReference } from "#machinery/meta.ts";
import { replicaSets } from "#resources/apps/replica-set.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { served, type Call } from "./faulty-client.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const labels = { app: "web" };
const template = { metadata: { labels }, spec: { containers: [{ name: "web", image: "v1", resources: {} }] } };
const inDefault = (name: string) => ({ namespace: "default", name });
const collector = "system:serviceaccount:kube-system:generic-garbage-collector";
const isCollectors = ({ user, verb }: Call): boolean => user === collector && verb !== "watch";

const isWrite = (call: Call): boolean => isCollectors(call) && call.verb !== "get" && call.verb !== "list";

async function withSet(replicas: number): Promise<{ readonly cluster: SimulatedCluster }> {
  const cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  await cluster.create(replicaSets, {
    metadata: inDefault("web"),
    spec: { replicas, selector: { matchLabels: labels }, template },
  });
  await cluster.until(replicaSets, ([one]) => one?.status.readyReplicas === replicas);
  return { cluster };
}

const isGone = (objects: readonly KubeObject[]): boolean => objects.length === 0;
const owners = ({ metadata }: Pod): number => (metadata.ownerReferences ?? []).length;

test("orphans survive a crash before and after any write of the collector", async () => {
  const replicas = 4;
  for (const fate of ["hung", "lost"] as const) {
    let crashed = true;
    for (let crashAt = 0; crashed; crashAt += 1) {
      crashed = false;
      const { cluster } = await withSet(replicas);
      await using _ = cluster;
      let writes = 0;
      cluster.fate = (call) => {
        if (!isWrite(call) || crashed || writes++ < crashAt) return served;
        crashed = true;
        return { kind: fate };
      };
      await cluster.client.delete(replicaSets, inDefault("web"), { propagationPolicy: "Orphan" });
      await cluster.clock.advance(10);
      if (crashed) cluster.crashControllers();
      if (crashed) cluster.startControllers();
      await cluster.until(replicaSets, isGone, 600_000);
      await cluster.clock.advance(20_000);
      const { items } = await cluster.client.list(pods, { namespace: "default" });
      assert.deepEqual(items.map(owners), [0, 0, 0, 0], `${fate} at ${crashAt}`);
      assert.ok(items.every(({ metadata }) => metadata.deletionTimestamp === undefined));
      assert.ok(crashed || crashAt > replicas);
    }
  }
});

test("a restart with one watch that lags behind the others costs no orphan and no dependent", async () => {
  const { cluster } = await withSet(5);
  await using _ = cluster;
  cluster.crashControllers();
  await cluster.client.delete(replicaSets, inDefault("web"), { propagationPolicy: "Orphan" });
  cluster.fate = ({ user, verb, resource }) =>
    user === collector && verb === "watch" && resource === "pods" ? { kind: "served", lateMs: 700 } : served;
  cluster.startControllers();
  await cluster.until(replicaSets, isGone, 600_000);
  await cluster.clock.advance(60_000);
  const { items } = await cluster.client.list(pods, { namespace: "default" });
  assert.deepEqual(items.map(owners), [0, 0, 0, 0, 0]);
});

const owned = (name: string, owner: KubeObject, namespace = "default") => ({
  metadata: { namespace, name, ownerReferences: [referenceTo(owner)] },
});

function referenceTo({ apiVersion, kind, metadata }: KubeObject): OwnerReference {
  return { apiVersion, kind, name: metadata.name ?? "", uid: metadata.uid ?? "" };
}

async function names(cluster: SimulatedCluster, namespace = "default"): Promise<string[]> {
  const { items } = await cluster.client.list(configMaps, { namespace });
  return items.map((item: ConfigMap) => item.metadata.name ?? "").filter((name) => name !== "kube-root-ca.crt");
}

test("a dependent that somebody gave another owner since it was read is not deleted", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: [] });
  const first = await cluster.create(configMaps, { metadata: inDefault("first") });
  const second = await cluster.create(configMaps, { metadata: inDefault("second") });
  await cluster.create(configMaps, owned("child", first));
  let late = true;
  cluster.fate = (call) => {
    if (call.verb !== "delete" || !isCollectors(call) || !late) return served;
    late = false;
    return { kind: "served", lateMs: 1_000 };
  };
  await cluster.client.delete(configMaps, inDefault("first"));
  await cluster.clock.advance(500);
  assert.equal(late, false, "the collector has read the child and is about to delete it");
  const ownerReferences = [{ ...referenceTo(second) }];
  const target = { resource: configMaps, key: inDefault("child") };
  await cluster.client.patch(target, { type: "merge", body: { metadata: { ownerReferences } } });
  await cluster.clock.advance(60_000);
  assert.deepEqual(await names(cluster), ["child", "second"]);
});

test("owners that went while nobody watched are found gone after a restart", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: [] });
  const first = await cluster.create(configMaps, { metadata: inDefault("first") });
  await cluster.create(configMaps, owned("child", first));
  await cluster.clock.advance(1_000);
  cluster.crashControllers();
  await cluster.client.delete(configMaps, inDefault("first"));
  cluster.startControllers();
  await cluster.clock.advance(10_000);
  assert.deepEqual(await names(cluster), []);
});

test("an object of one namespace that names an owner of another does not make others lose theirs", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: [] });
  const owner = await cluster.create(configMaps, { metadata: inDefault("owner") });
  await cluster.create(configMaps, owned("stranger", owner, "kube-public"));
  await cluster.create(configMaps, owned("child", owner));
  await cluster.clock.advance(10_000);
  assert.deepEqual(await names(cluster), ["child", "owner"]);
  assert.deepEqual((await names(cluster, "kube-public")).includes("stranger"), false);
});

test("what cannot be deleted is tried again with growing pauses", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: [] });
  const owner = await cluster.create(configMaps, { metadata: inDefault("owner") });
  await cluster.create(configMaps, owned("child", owner));
  let tries = 0;
  cluster.fate = (call) => {
    if (!isCollectors(call) || call.verb !== "delete") return served;
    tries += 1;
    return { kind: "refused" };
  };
  await cluster.client.delete(configMaps, inDefault("owner"));
  await cluster.clock.advance(3_600_000);
  assert.ok(tries > 5 && tries < 30, String(tries));
});

test("an owner that is deleted in the foreground goes after its dependents, also across a restart", async () => {
  const { cluster } = await withSet(3);
  await using _ = cluster;
  const left: string[] = [];
  const informer = cluster.informers.informer(pods);
  cluster.informers.informer(replicaSets).onChange(({ type }) => {
    if (type === "deleted") left.push(...informer.list("default").map(({ metadata }) => metadata.name ?? ""));
  }, AbortSignal.timeout(60_000));
  await cluster.client.delete(replicaSets, inDefault("web"), { propagationPolicy: "Foreground" });
  cluster.crashControllers();
  cluster.startControllers();
  await cluster.until(replicaSets, isGone, 600_000);
  assert.deepEqual(left, []);
  await cluster.until(pods, isGone);
});

test("a circle of owners that are all deleted in the foreground goes", async () => {
  await using cluster = await SimulatedCluster.start({ nodeNames: ["one"] });
  const names = ["a", "b", "c"];
  const made = new Map<string, ConfigMap>();
  for (const name of names) made.set(name, await cluster.create(configMaps, { metadata: inDefault(name) }));
  for (const [at, name] of names.entries()) {
    const map = made.get(name);
    const owner = made.get(names[(at + 1) % names.length] ?? "");
    assert(map && owner);
    const reference = {
      apiVersion: "v1",
      kind: "ConfigMap",
      name: owner.metadata.name ?? "",
      blockOwnerDeletion: true,
    };
    const ownerReferences = [{ ...reference, uid: owner.metadata.uid ?? "" }];
    await cluster.client.update(configMaps, { ...map, metadata: { ...map.metadata, ownerReferences } });
  }
  await cluster.clock.advance(1_000);
  await Promise.all(
    names.map((name) => cluster.client.delete(configMaps, inDefault(name), { propagationPolicy: "Foreground" })),
  );
  await cluster.until(configMaps, (maps) => !maps.some(({ metadata }) => names.includes(metadata.name ?? "")), 60_000);
});
