/** The scheduler against an API server in memory, in virtual time. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { silentLog } from "#base/log.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import { createInformers } from "#client/watch-informer.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { createScheduler } from "./scheduler.ts";
import { node, pod, type PodOptions } from "#testing/scheduling.ts";

function start(context: TestContext) {
  const clock = new VirtualClock();
  const client = new MemoryCluster(clock).client("test");
  const events: string[] = [];
  const record = (about: KubeObject, { reason, message }: ObjectEvent): void =>
    void events.push(`${about.metadata.name ?? ""} ${reason}: ${message}`);
  const end = new AbortController();
  context.after(() => end.abort());
  const parts = { client, clock, log: silentLog, recorder: { record }, random: { fraction: () => 0 } };
  void createScheduler({ ...parts, informers: createInformers(client, parts, end.signal) }).run(end.signal);
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
