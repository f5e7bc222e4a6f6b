/** Nodes that fall silent, one, most or all of them, with the API refusing now and then, in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { serviceAccounts } from "#resources/core/service-account.ts";
import { served } from "./faulty-client.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const named = (count: number): string[] => Array.from({ length: count }, (_, at) => `n${at}`);

/** A pod of its own for every node, without tolerations: it goes as soon as its node is driven out. */
async function podsOn(cluster: SimulatedCluster, names: readonly string[], tolerationSeconds = 30): Promise<void> {
  await cluster.until(serviceAccounts, (all) => all.length > 0);
  for (const nodeName of names) {
    const tolerations = ["not-ready", "unreachable"].map((key) => ({
      key: `node.kubernetes.io/${key}`,
      operator: "Exists",
      effect: "NoExecute",
      tolerationSeconds,
    }));
    const containers = [{ name: "c", image: "i" }];
    await cluster.create(pods, {
      metadata: { namespace: "default", name: `on-${nodeName}` },
      spec: { nodeName, containers, tolerations },
    });
  }
  await cluster.until(pods, (all) => all.every((pod) => readyOf(pod) === "True"));
}

const readyOf = ({ status }: Pod | Node): string | undefined =>
  status.conditions?.find(({ type }) => type === "Ready")?.status;
const isLeaving = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;
const isDrivenOut = ({ spec }: Node): boolean => (spec.taints ?? []).some(({ effect }) => effect === "NoExecute");

async function listed(cluster: SimulatedCluster): Promise<{ nodes: readonly Node[]; pods: readonly Pod[] }> {
  return {
    nodes: (await cluster.client.list(nodes, {})).items,
    pods: (await cluster.client.list(pods, { namespace: "default" })).items,
  };
}

test("a partition of 60 of 100 nodes never deletes their pods at once: one node in 100 s is driven out", async () => {
  const names = named(100);
  await using cluster = await SimulatedCluster.start({ nodeNames: names });
  await podsOn(cluster, names);
  for (const name of names.slice(0, 60)) cluster.nodes.silent.add(name);
  await cluster.clock.advance(300_000);
  const after = await listed(cluster);
  assert.equal(after.nodes.filter((node) => readyOf(node) === "Unknown").length, 60);
  // The first ones in the ten seconds in which the share of the silent still grows, then one in 100 s.
  assert.ok(after.nodes.filter(isDrivenOut).length <= 6);
  assert.ok(after.pods.filter(isLeaving).length <= 6);
  cluster.nodes.silent.clear();
  await cluster.clock.advance(30_000);
  assert.equal((await listed(cluster)).nodes.filter((node) => isDrivenOut(node) || readyOf(node) !== "True").length, 0);
});

test("after a silence of all nodes only those that stay silent lose their pods", async () => {
  const names = named(3);
  await using cluster = await SimulatedCluster.start({ nodeNames: names });
  await podsOn(cluster, names);
  for (const name of names) cluster.nodes.silent.add(name);
  await cluster.clock.advance(600_000);
  const silent = await listed(cluster);
  assert.equal(silent.nodes.filter((node) => readyOf(node) === "Unknown").length, 3);
  assert.deepEqual([silent.nodes.filter(isDrivenOut).length, silent.pods.filter(isLeaving).length], [0, 0]);
  cluster.nodes.silent.delete("n0");
  cluster.nodes.silent.delete("n1");
  await cluster.clock.advance(120_000);
  const after = await listed(cluster);
  assert.deepEqual(
    after.pods.filter(isLeaving).map(({ metadata }) => metadata.name),
    ["on-n2"],
  );
});

test("a wall clock that is set by minutes makes no healthy node Unknown and no pod leave early", async () => {
  const names = named(2);
  await using cluster = await SimulatedCluster.start({ nodeNames: names });
  await podsOn(cluster, names, 300);
  cluster.nodes.silent.add("n1");
  await cluster.clock.advance(100_000);
  assert.ok((await listed(cluster)).nodes.some(isDrivenOut));
  for (const ms of [120_000, 3_600_000, -7_200_000]) {
    cluster.clock.step(ms);
    // A change of the node has it looked at before its next sign of life.
    const target = { resource: nodes, key: { namespace: "", name: "n0" } };
    await cluster.client.patch(target, { type: "merge", body: { metadata: { annotations: { step: String(ms) } } } });
    await cluster.clock.advance(20_000);
    const now = await listed(cluster);
    assert.deepEqual(
      now.nodes.map((node) => readyOf(node)),
      ["True", "Unknown"],
    );
    assert.equal(now.pods.filter(isLeaving).length, 0);
  }
});

test("an API that refuses in between never leaves pods of a silent node ready", async () => {
  const names = named(2);
  await using cluster = await SimulatedCluster.start({ nodeNames: names });
  await podsOn(cluster, names, 3_600);
  let refusals = 3;
  cluster.fate = ({ verb, resource }) =>
    verb === "patch" && resource === "pods" && refusals-- > 0 ? { kind: "refused" } : served;
  cluster.nodes.silent.add("n1");
  await cluster.clock.advance(120_000);
  const ready = (await listed(cluster)).pods.map((pod) => readyOf(pod));
  assert.deepEqual(ready, ["True", "False"]);
  assert.ok(refusals < 0);
});
