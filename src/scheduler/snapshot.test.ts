import assert from "node:assert/strict";
import { test } from "node:test";
import { selectorOfMap } from "#machinery/label-selector.ts";
import { clusterOf, node, pod } from "#testing/scheduling.ts";
import { factsOf } from "./pod-facts.ts";

test("a snapshot sums what pods hold, and gives it back when they go", () => {
  const { snapshot } = clusterOf([node("a")]);
  const one = factsOf(pod("p", { requests: { cpu: "1" }, hostPorts: [80], claims: ["data"] }));
  const info = snapshot.nodes.get("a");
  snapshot.assume(one, "a");
  assert.equal(info?.requestedCpu, 1000);
  assert.equal(snapshot.claimUses.get("default/data"), 1);
  assert.equal(snapshot.isAssumed("p"), true);
  snapshot.setPod(factsOf(pod("p", { requests: { cpu: "2" }, spec: { nodeName: "a" } })));
  assert.equal(info.requestedCpu, 2000);
  assert.equal(snapshot.forget("p"), false, "it is no assumption any more");
  snapshot.removePod("p");
  assert.deepEqual([info.requestedCpu, info.pods.size, info.ports.size, snapshot.claimUses.size], [0, 0, 0, 0]);
});

test("pods are there before their node, and after it", () => {
  const { snapshot } = clusterOf([], { a: [pod("p", { requests: { cpu: "1" } })] });
  snapshot.setNode(node("a"));
  assert.equal(snapshot.nodes.get("a")?.requestedCpu, 1000);
  snapshot.removeNode("a");
  snapshot.setNode(node("a"));
  assert.equal(snapshot.nodes.get("a")?.pods.size, 1);
});

test("counts of matching pods follow every change", () => {
  const { snapshot } = clusterOf([node("a")], { a: [pod("p", { labels: { app: "web" } })] });
  const selection = { namespaces: new Set(["default"]), selector: selectorOfMap({ app: "web" }), terminating: false };
  const count = (): number | undefined => snapshot.groups.count(selection).byNode.get("a");
  assert.equal(count(), 1);
  snapshot.assume(factsOf(pod("q", { labels: { app: "web" } })), "a");
  assert.equal(count(), 2);
  const dying = pod("p", { labels: { app: "web" }, spec: { nodeName: "a" } });
  const metadata = { ...dying.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
  snapshot.setPod(factsOf({ ...dying, metadata }));
  assert.equal(count(), 1);
  snapshot.forget("q");
  assert.equal(count(), undefined);
});

test("zones take turns in the order of nodes", () => {
  const zoned = (name: string): ReturnType<typeof node> =>
    node(name, {}, { labels: { "topology.kubernetes.io/zone": name.charAt(0) } });
  const { snapshot } = clusterOf(["a1", "a2", "a3", "b1", "c1"].map(zoned));
  assert.deepEqual(
    snapshot.list.map(({ name }) => name),
    ["a1", "b1", "c1", "a2", "a3"],
  );
});
