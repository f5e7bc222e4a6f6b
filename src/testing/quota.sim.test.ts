/** Quotas with admission that charges and the controller that recounts, against each other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isReason } from "#machinery/status.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { pods } from "#resources/core/pod.ts";
import { resourceQuotas } from "#resources/core/resource-quota.ts";
import { networkPolicies } from "#resources/networking/network-policy.ts";
import { openMemoryStore } from "#storage/memory.ts";
import type { Write, WriteOptions } from "#storage/store.ts";
import { served } from "./faulty-client.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const inDefault = (name: string) => ({ namespace: "default", name });

async function clusterWith(hard: Readonly<Record<string, string>>): Promise<SimulatedCluster> {
  const cluster = await SimulatedCluster.start({ nodeNames: [] });
  await cluster.create(resourceQuotas, { metadata: inDefault("q"), spec: { hard } });
  await cluster.until(resourceQuotas, ([quota]) => Object.keys(quota?.status.used ?? {}).length > 0);
  return cluster;
}

/** True when it was let in. */
async function comesIn(creation: Promise<unknown>): Promise<boolean> {
  try {
    await creation;
    return true;
  } catch (error) {
    if (isReason(error, "Forbidden")) return false;
    throw error;
  }
}

test("a kind that nobody else keeps in memory is counted as it is charged", async () => {
  await using cluster = await clusterWith({ "count/networkpolicies.networking.k8s.io": "1" });
  const let_in: boolean[] = [];
  for (const name of ["one", "two", "three"]) {
    let_in.push(
      await comesIn(cluster.create(networkPolicies, { metadata: inDefault(name), spec: { podSelector: {} } })),
    );
    await cluster.clock.advance(400_000);
  }
  assert.deepEqual(let_in, [true, false, false]);
});

test("no recount gives away what writes under way have taken", async () => {
  const limit = 20;
  await using cluster = await clusterWith({ configmaps: String(limit) });
  const { client } = cluster;
  let most = 0;
  for (let round = 0; round < 15; round += 1) {
    // Deletions make the controller recount while creations are charged.
    const { items } = await client.list(configMaps, { namespace: "default" });
    const leaving = items.slice(0, 5).map(({ metadata }) => client.delete(configMaps, inDefault(metadata.name ?? "")));
    const coming = Array.from({ length: 30 }, (_, at) =>
      comesIn(cluster.create(configMaps, { metadata: inDefault(`m-${round}-${at}`) })),
    );
    const looking = cluster.clock.advance(150);
    await Promise.all([...leaving, ...coming, looking]);
    most = Math.max(most, (await client.list(configMaps, { namespace: "default" })).items.length);
  }
  assert(most <= limit, `found ${most} of ${limit}`);
  // What was deleted comes back to be used.
  await cluster.clock.advance(1_000);
  const [quota] = await cluster.until(resourceQuotas, () => true);
  const there = (await client.list(configMaps, { namespace: "default" })).items.length;
  assert.equal(quota?.status.used?.["configmaps"], String(there));
});

test("a quota of processors takes no pod that does not say what it needs", async () => {
  await using cluster = await clusterWith({ cpu: "1" });
  const containers = [{ name: "c", image: "i", resources: {} }];
  await assert.rejects(
    cluster.create(pods, { metadata: inDefault("p"), spec: { containers } }),
    /failed quota: q: must specify cpu/,
  );
});

test("a pod grows in place within its quota only", async () => {
  await using cluster = await clusterWith({ "requests.cpu": "1" });
  const containers = (cpu: string) => [{ name: "c", image: "i", resources: { requests: { cpu } } }];
  await cluster.create(pods, { metadata: inDefault("p"), spec: { containers: containers("500m") } });
  const resize = (cpu: string) =>
    cluster.client.patch(
      { resource: pods, key: inDefault("p") },
      { type: "strategic", body: { spec: { containers: containers(cpu) } } },
      { subresource: "resize" },
    );
  await assert.rejects(resize("2"), /exceeded quota: q, requested: requests.cpu=1500m/);
  await resize("900m");
  await cluster.until(resourceQuotas, ([quota]) => quota?.status.used?.["requests.cpu"] === "900m");
});

test("a write that was let in before there was a quota, and came after the first count, is counted soon", async () => {
  const written = Promise.withResolvers<void>();
  const store = openMemoryStore();
  const slow = new Proxy(store, {
    get: (target, name): unknown => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "commit") return value.bind(target);
      return async (writes: readonly Write[], options?: WriteOptions) => {
        if (writes.some(({ key }) => key.endsWith("/configmaps/default/early"))) await written.promise;
        return await target.commit(writes, options);
      };
    },
  });
  await using cluster = await SimulatedCluster.start({ nodeNames: [], store: slow });
  const early = cluster.create(configMaps, { metadata: inDefault("early") });
  await cluster.clock.advance(1_000);
  cluster.fate = ({ user, verb }) => {
    // Everything was listed: now the write comes to pass, before what was counted is written.
    if (user.endsWith(":resourcequota-controller") && verb === "update") written.resolve();
    return served;
  };
  await cluster.create(resourceQuotas, { metadata: inDefault("q"), spec: { hard: { configmaps: "5" } } });
  await early;
  await cluster.clock.advance(1_000);
  const { items } = await cluster.client.list(resourceQuotas, { namespace: "default" });
  const there = (await cluster.client.list(configMaps, { namespace: "default" })).items.length;
  assert.equal(items[0]?.status.used?.["configmaps"], String(there));
});
