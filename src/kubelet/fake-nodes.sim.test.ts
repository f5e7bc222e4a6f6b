/** Fake nodes against an API in memory, in virtual time. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { silentLog } from "#base/log.ts";
import { createInformers } from "#client/watch-informer.ts";
import { leases } from "#resources/coordination/lease.ts";
import { nodes } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import { pod, type PodOptions } from "#testing/scheduling.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { FakeNodes } from "./fake-nodes.ts";

async function start(context: TestContext, count = 2) {
  const clock = new VirtualClock();
  const client = new MemoryCluster(clock).client("test");
  const end = new AbortController();
  context.after(() => end.abort());
  const told: string[] = [];
  const recorder = { record: (_: object, event: { readonly message: string }): void => void told.push(event.message) };
  const informers = createInformers(client, { clock, log: silentLog }, end.signal);
  const times = { startMs: 500, stopMs: 200 };
  const parts = { client, informers, recorder, clock, log: silentLog, count, times, version: "v1.36.0" };
  void new FakeNodes(parts).run(end.signal);
  await clock.advance(1_000);
  const node = { resource: nodes, key: { namespace: "", name: "fake-0" } };
  await client.patch(node, { type: "merge", body: { spec: { podCIDR: "10.128.0.0/24" } } });
  const keyOf = (name: string) => ({ namespace: "default", name });
  return {
    clock,
    client,
    told,
    node,
    get: (name: string): Promise<Pod> => client.get(pods, keyOf(name)),
    isGone: (name: string): Promise<boolean> =>
      client.get(pods, keyOf(name)).then(
        () => false,
        () => true,
      ),
    renewed: async (name: string): Promise<string | undefined> =>
      (await client.get(leases, { namespace: "kube-node-lease", name })).spec?.renewTime,
    place: async (name: string, options: PodOptions & { readonly notes?: Readonly<Record<string, string>> } = {}) => {
      const one = pod(name, { ...options, spec: { ...options.spec, nodeName: "fake-0" } });
      const annotations = { annotations: options.notes ?? {} };
      await client.create(pods, {
        ...one,
        metadata: { ...one.metadata, ...annotations },
        status: { phase: "Pending" },
      });
    },
  };
}

test("fake nodes register as ready, and renew their leases every ten seconds", async (context) => {
  const { clock, client, renewed } = await start(context);
  const { items } = await client.list(nodes, {});
  assert.deepEqual(
    items.map(({ metadata, status }) => [metadata.name, status?.conditions?.at(-1)?.status]),
    [
      ["fake-0", "True"],
      ["fake-1", "True"],
    ],
  );
  const before = await renewed("fake-1");
  await clock.advance(11_000);
  assert.notEqual(await renewed("fake-1"), before);
});

test("a pod on a fake node runs with an address of the node's network, which is given to another when it is gone", async (context) => {
  const cluster = await start(context);
  await cluster.place("a");
  await cluster.place("b");
  await cluster.clock.advance(400);
  assert.equal((await cluster.get("a")).status.phase, "Pending");
  await cluster.clock.advance(300);
  const { phase, podIP, conditions } = (await cluster.get("a")).status;
  assert.deepEqual([phase, podIP, conditions?.at(-1)?.status], ["Running", "10.128.0.2", "True"]);
  assert.equal((await cluster.get("b")).status.podIP, "10.128.0.3");
  await cluster.client.delete(pods, { namespace: "default", name: "a" });
  await cluster.clock.advance(400);
  assert.ok(await cluster.isGone("a"));
  await cluster.place("c");
  await cluster.clock.advance(1_000);
  assert.equal((await cluster.get("c")).status.podIP, "10.128.0.2");
});

test("pods that are to end do, with the exit code and in the time that their annotations say", async (context) => {
  const cluster = await start(context);
  const once = { restartPolicy: "Never" as const };
  await cluster.place("works", { spec: once });
  const notes = { "fake.kedge.io/exit-code": "3", "fake.kedge.io/run-ms": "5000", "fake.kedge.io/start-ms": "0" };
  await cluster.place("fails", { spec: once, notes });
  await cluster.place("crashes", { spec: { restartPolicy: "Always" }, notes });
  await cluster.clock.advance(2_000);
  assert.equal((await cluster.get("works")).status.phase, "Succeeded");
  assert.equal((await cluster.get("fails")).status.phase, "Running");
  await cluster.clock.advance(4_000);
  const failed = (await cluster.get("fails")).status;
  assert.deepEqual([failed.phase, failed.containerStatuses?.[0]?.state?.terminated?.exitCode], ["Failed", 3]);
  const crashed = (await cluster.get("crashes")).status;
  assert.deepEqual([crashed.phase, crashed.containerStatuses?.[0]?.restartCount], ["Running", 1]);
});

test("an annotation that is no number is told once, and the default holds", async (context) => {
  const cluster = await start(context);
  await cluster.place("a", { notes: { "fake.kedge.io/start-ms": "soon" } });
  await cluster.clock.advance(2_000);
  assert.equal((await cluster.get("a")).status.phase, "Running");
  assert.deepEqual(cluster.told, [
    'expected a whole number from 0 to 86400000 for the annotation fake.kedge.io/start-ms, found "soon"; the default is used',
  ]);
});

test("a node that is silenced neither renews its lease nor starts pods, and goes on when it may", async (context) => {
  const cluster = await start(context);
  const silence = (value: string | null) =>
    cluster.client.patch(cluster.node, {
      type: "merge",
      body: { metadata: { annotations: { "fake.kedge.io/silent": value } } },
    });
  await silence("true");
  await cluster.clock.advance(1_000);
  const before = await cluster.renewed("fake-0");
  await cluster.place("a");
  await cluster.clock.advance(30_000);
  assert.equal(await cluster.renewed("fake-0"), before);
  assert.equal((await cluster.get("a")).status.phase, "Pending");
  await silence(null);
  await cluster.clock.advance(11_000);
  assert.notEqual(await cluster.renewed("fake-0"), before);
  assert.equal((await cluster.get("a")).status.phase, "Running");
});
