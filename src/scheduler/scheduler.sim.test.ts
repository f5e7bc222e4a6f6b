/** The scheduler against an API server in memory, in virtual time. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { silentLog } from "#base/log.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import { createInformers } from "#client/watch-informer.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import type { Client } from "#client/client.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes } from "#resources/core/persistent-volume.ts";
import { storageClasses } from "#resources/storage/storage-class.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { createScheduler } from "./scheduler.ts";
import { claim, node, pod, volume, type PodOptions } from "#testing/scheduling.ts";

function start(
  context: TestContext,
  change: (client: Client) => Partial<Client> = () => ({}),
  clock = new VirtualClock(),
) {
  const client = new MemoryCluster(clock).client("test");
  const events: string[] = [];
  const record = (about: KubeObject, { reason, message }: ObjectEvent): void =>
    void events.push(`${about.metadata.name ?? ""} ${reason}: ${message}`);
  const end = new AbortController();
  context.after(() => end.abort());
  const parts = { clock, log: silentLog, recorder: { record }, random: { fraction: () => 0 } };
  const informers = createInformers(client, parts, end.signal);
  const its: Client = Object.assign(Object.create(client), change(client));
  void createScheduler({ ...parts, client: its, informers }).run(end.signal);
  const get = (name: string): Promise<Pod> => client.get(pods, { namespace: "default", name });
  return {
    clock,
    client,
    events,
    get,
    nodeOf: async (name: string): Promise<string | undefined> => (await get(name)).spec.nodeName,
    addNode: (one: Node): Promise<Node> => client.create(nodes, one),
    addPod: (name: string, options: PodOptions = {}): Promise<Pod> => client.create(pods, pod(name, options)),
  };
}

test("a pod is bound as soon as there is a node with room for it", async (context) => {
  const cluster = start(context);
  await cluster.addPod("a", { requests: { cpu: "1" } });
  await cluster.clock.advance(0);
  const waiting = await cluster.get("a");
  assert.equal(waiting.status.conditions?.[0]?.message, "no nodes available to schedule pods");
  await cluster.addNode(node("one", { cpu: "1" }));
  await cluster.clock.advance(0);
  assert.equal(await cluster.nodeOf("a"), "one");
  assert.deepEqual(cluster.events, [
    "a FailedScheduling: no nodes available to schedule pods",
    "a Scheduled: Successfully assigned default/a to one",
  ]);
});

test("a pod without room says why in upstream's words, and is placed when another one ends", async (context) => {
  const cluster = start(context);
  await cluster.addNode(node("one", { cpu: "1" }));
  await cluster.addPod("a", { requests: { cpu: "1" } });
  await cluster.addPod("b", { requests: { cpu: "500m" } });
  await cluster.clock.advance(0);
  const condition = (await cluster.get("b")).status.conditions?.[0];
  assert.equal(condition?.reason, "Unschedulable");
  assert.equal(
    condition.message,
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: " +
      "0/1 nodes are available: 1 No preemption victims found for incoming pod.",
  );
  await cluster.client.delete(pods, { namespace: "default", name: "a" });
  await cluster.clock.advance(0);
  assert.equal(await cluster.nodeOf("b"), "one");
});

test("a pod of higher priority takes the place of one of lower priority", async (context) => {
  const cluster = start(context);
  await cluster.addNode(node("one", { cpu: "1" }));
  await cluster.addPod("low", { requests: { cpu: "1" } });
  await cluster.clock.advance(0);
  await cluster.addPod("high", { requests: { cpu: "1" }, priority: 10 });
  await cluster.clock.advance(0);
  await assert.rejects(cluster.get("low"), { reason: "NotFound" });
  assert.equal(await cluster.nodeOf("high"), "one");
  assert.ok(cluster.events.some((event) => event.startsWith("low Preempted: Preempted by pod ")));
});

test("a gated pod is placed when its gates are gone, and pods of other schedulers are left alone", async (context) => {
  const cluster = start(context);
  await cluster.addNode(node("one"));
  await cluster.addPod("gated", { gates: ["wait"] });
  await cluster.addPod("other", { schedulerName: "other" });
  await cluster.clock.advance(600_000);
  assert.equal(await cluster.nodeOf("gated"), undefined);
  const key = { namespace: "default", name: "gated" };
  await cluster.client.patch({ resource: pods, key }, { type: "merge", body: { spec: { schedulingGates: null } } });
  await cluster.clock.advance(0);
  assert.equal(await cluster.nodeOf("gated"), "one");
  assert.equal(await cluster.nodeOf("other"), undefined);
});

test("a pod whose binding fails is tried again, and its place is free until then", async (context) => {
  let failures = 1;
  const cluster = start(context, (client) => ({
    post: async (target, body) => {
      if (failures === 0) return await client.post(target, body);
      failures -= 1;
      throw new Error("no connection");
    },
  }));
  await cluster.addNode(node("one", { cpu: "1" }));
  await cluster.addPod("a", { requests: { cpu: "1" } });
  await cluster.clock.advance(0);
  const condition = (await cluster.get("a")).status.conditions?.[0];
  assert.equal(condition?.reason, "SchedulerError");
  assert.equal(condition.message, 'running Bind plugin "DefaultBinder": no connection');
  await cluster.addPod("b", { requests: { cpu: "500m" } });
  await cluster.clock.advance(1_000);
  assert.deepEqual([await cluster.nodeOf("a"), await cluster.nodeOf("b")], [undefined, "one"]);
  await cluster.client.delete(pods, { namespace: "default", name: "b" });
  await cluster.clock.advance(0);
  assert.equal(await cluster.nodeOf("a"), "one");
});

test("a pod is bound after the volume that was chosen with its node, and after one is made there", async (context) => {
  const cluster = start(context);
  const { client, clock } = cluster;
  const metadata = { name: "local" };
  const local = { metadata, provisioner: "example.com/maker", volumeBindingMode: "WaitForFirstConsumer" as const };
  await client.create(storageClasses, { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", ...local });
  await client.create(persistentVolumes, volume("v", { storageClassName: "local" }));
  await client.create(persistentVolumeClaims, claim("first", { storageClassName: "local" }));
  await client.create(persistentVolumeClaims, claim("second", { storageClassName: "local" }));
  await cluster.addNode(node("one"));
  await cluster.addPod("a", { claims: ["first"] });
  await cluster.addPod("b", { claims: ["second"] });
  await clock.advance(0);
  const chosen = await client.get(persistentVolumes, { namespace: "", name: "v" });
  assert.equal(chosen.spec.claimRef?.name, "first");
  const second = { namespace: "default", name: "second" };
  const { annotations } = (await client.get(persistentVolumeClaims, second)).metadata;
  assert.equal(annotations?.["volume.kubernetes.io/selected-node"], "one");
  assert.deepEqual([await cluster.nodeOf("a"), await cluster.nodeOf("b")], [undefined, undefined]);
  for (const name of ["first", "second"]) {
    const target = { resource: persistentVolumeClaims, key: { namespace: "default", name } };
    const completed = { annotations: { "pv.kubernetes.io/bind-completed": "yes" } };
    await client.patch(target, { type: "merge", body: { metadata: completed, spec: { volumeName: name } } });
  }
  await clock.advance(0);
  assert.deepEqual([await cluster.nodeOf("a"), await cluster.nodeOf("b")], ["one", "one"]);
});

test("a pod that must be near another one is placed right after it", async (context) => {
  const cluster = start(context);
  await cluster.addNode(node("one"));
  const term = { labelSelector: { matchLabels: { app: "db" } }, topologyKey: "kubernetes.io/hostname" };
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  await cluster.addPod("web", { affinity });
  await cluster.clock.advance(0);
  assert.equal(await cluster.nodeOf("web"), undefined);
  await cluster.addPod("db", { labels: { app: "db" } });
  await cluster.clock.advance(0);
  assert.equal(await cluster.nodeOf("web"), "one");
});

test("a pod that is bound but not seen on its node is placed again", async (context) => {
  let lost = 1;
  const cluster = start(context, (client) => ({
    post: async (target, body) => {
      lost -= 1;
      return lost >= 0 ? {} : await client.post(target, body);
    },
  }));
  await cluster.addNode(node("one"));
  await cluster.addPod("a");
  await cluster.clock.advance(29_000);
  assert.equal(await cluster.nodeOf("a"), undefined);
  await cluster.clock.advance(2_000);
  assert.equal(await cluster.nodeOf("a"), "one");
});

/** A clock on which everything takes long, so that whoever may rest does. */
class SlowClock extends VirtualClock {
  private workedMs = 0;

  override monotonicMs(): number {
    this.workedMs += 20;
    return super.monotonicMs() + this.workedMs;
  }
}

test("room is looked for anew when a node goes while it is looked for", async (context) => {
  const clock = new SlowClock();
  let tried = 0;
  const cluster = start(context, () => ({}), clock);
  for (const name of ["one", "two", "three"]) {
    await cluster.addNode(node(name, { cpu: "1" }));
    await cluster.addPod(`low-${name}`, { requests: { cpu: "1" } });
    await clock.advance(1_000);
  }
  const after = clock.after.bind(clock);
  // Of the turns that the look for room takes, the second one begins when a node was tried.
  clock.after = (delayMs, callback) =>
    after(delayMs, () => {
      tried += 1;
      if (tried === 2) void cluster.client.delete(nodes, { namespace: "", name: "one" });
      callback();
    });
  await cluster.addPod("high", { requests: { cpu: "1" }, priority: 10 });
  await clock.advance(0);
  await clock.advance(30_000);
  assert.equal(await cluster.nodeOf("high"), await victimless(cluster));
  assert.notEqual(await cluster.nodeOf("high"), "one");
  assert.equal((await cluster.get("low-one")).spec.nodeName, "one");
});

/** The node whose pod of low priority is gone. */
async function victimless(cluster: ReturnType<typeof start>): Promise<string | undefined> {
  for (const name of ["one", "two", "three"])
    if (
      await cluster.get(`low-${name}`).then(
        () => false,
        () => true,
      )
    )
      return name;
  return undefined;
}
