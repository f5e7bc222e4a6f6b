/** Whole cycles as tables: a cluster, a pod, and where it goes, what is said, and who must make room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { atOnce } from "#base/turns.ts";
import { clusterOf, node, pod, type PodOptions } from "#testing/scheduling.ts";
import type { PodDisruptionBudget } from "#resources/policy/pod-disruption-budget.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Cluster } from "./plugin.ts";
import { factsOf } from "./pod-facts.ts";
import { preempt } from "./preempt.ts";
import { feasibleEnough, schedule, sentenceOf } from "./schedule.ts";

const random = { fraction: () => 0 };

/** The node, or the sentence; "take <node> from <pods>" when room can be made. */
function outcome(one: Pod, cluster: Cluster): string {
  const facts = factsOf(one);
  const cycle = schedule(facts, cluster, { start: 0, random });
  if (cycle.kind === "placed") return cycle.node.name;
  const { diagnosis } = cycle;
  const preemption = atOnce(preempt(facts, { cluster, diagnosis, random }));
  if (preemption.kind === "none") return sentenceOf(diagnosis, `preemption: ${preemption.why}`);
  return `take ${preemption.node.name} from ${preemption.victims.map(({ uid }) => uid).join(" ")}`;
}

test("the emptier node wins", () => {
  const cluster = clusterOf([node("a"), node("b")], { a: [pod("x", { requests: { cpu: "1", memory: "1Gi" } })] });
  assert.equal(outcome(pod("p", { requests: { cpu: "1", memory: "1Gi" } }), cluster), "b");
});

test("reasons are counted over nodes, in upstream's order and words", () => {
  const taints = [{ key: "k", effect: "NoSchedule" as const }];
  const nodes = [node("a", {}, { taints }), node("b"), node("c"), node("d", { cpu: "1" })];
  const full = [pod("x", { requests: { cpu: "4" } })];
  assert.equal(
    outcome(
      pod("p", { requests: { cpu: "2" } }),
      clusterOf(nodes, { b: full, c: [pod("y", { requests: { cpu: "3" } })] }),
    ),
    "0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient cpu. preemption: " +
      "0/4 nodes are available: 2 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
  );
});

test("a pod that is refused as such says so once, and a pinned one names the plugin for all other nodes", () => {
  const cluster = clusterOf([node("a", { cpu: "1" }), node("b")]);
  assert.equal(
    outcome(pod("p", { claims: ["data"] }), cluster),
    '0/2 nodes are available: persistentvolumeclaim "data" not found. preemption: ' +
      "0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
  );
  const nodeSelectorTerms = [{ matchFields: [{ key: "metadata.name", operator: "In" as const, values: ["a"] }] }];
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
  assert.equal(
    outcome(pod("p", { affinity, requests: { cpu: "2" } }), cluster),
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]. preemption: " +
      "0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
  );
});

test("a pod that may not preempt says so", () => {
  const cluster = clusterOf([node("a")], { a: [pod("x", { requests: { cpu: "4" } })] });
  const one = pod("p", { requests: { cpu: "1" }, priority: 9, spec: { preemptionPolicy: "Never" } });
  assert.equal(
    outcome(one, cluster),
    "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.",
  );
});

const big: PodOptions = { requests: { cpu: "4" }, priority: 10 };
const half = (name: string, priority: number, rest: PodOptions = {}): Pod =>
  pod(name, { requests: { cpu: "2" }, priority, ...rest });

test("the fewest and least important pods make room", () => {
  const two = [node("a"), node("b")];
  const cases: readonly (readonly [string, Record<string, Pod[]>])[] = [
    ["take b from b1 b2", { a: [half("a1", 5), half("a2", 1)], b: [half("b1", 4), half("b2", 4)] }],
    ["take b from b1", { a: [half("a1", 3), half("a2", 3)], b: [pod("b1", { requests: { cpu: "3" }, priority: 3 })] }],
    ["take a from a1 a2", { a: [half("a1", 3), half("a2", 3)], b: [half("b1", 3), half("b2", 20)] }],
  ];
  for (const [expected, placed] of cases) assert.equal(outcome(pod("p", big), clusterOf(two, placed)), expected);
  const small = pod("p", { requests: { cpu: "2" }, priority: 10 });
  assert.equal(outcome(small, clusterOf([node("a")], { a: [half("a1", 5), half("a2", 1)] })), "take a from a2");
});

test("pods within a disruption budget that is used up go last", () => {
  const budget: PodDisruptionBudget = {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { namespace: "default", name: "db" },
    spec: { selector: { matchLabels: { app: "db" } } },
    status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
  };
  const placed = { a: [half("a1", 1, { labels: { app: "db" } }), half("a2", 5)] };
  const small = pod("p", { requests: { cpu: "2" }, priority: 10 });
  const related = { disruptionBudgets: () => [budget] };
  assert.equal(outcome(small, clusterOf([node("a")], placed, related)), "take a from a2");
});

test("taking pods away helps against what they say of others, too", () => {
  const term = { labelSelector: { matchLabels: { app: "web" } }, topologyKey: "kubernetes.io/hostname" };
  const shunning = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const cluster = clusterOf([node("a")], { a: [pod("x", { affinity: shunning }), pod("y")] });
  assert.equal(outcome(pod("p", { labels: { app: "web" }, priority: 1 }), cluster), "take a from x");
});

test("room that is made for a pod is kept from others of its priority", () => {
  const cluster = clusterOf([node("a")]);
  cluster.snapshot.nominate(factsOf(pod("first", { ...big })), "a");
  const other = { requests: { cpu: "1" } };
  assert.match(outcome(pod("p", { ...other, priority: 10 }), cluster), /1 Insufficient cpu/);
  assert.equal(outcome(pod("p", { ...other, priority: 11 }), cluster), "a");
  const waiting = pod("first", { ...big, status: { nominatedNodeName: "a" } });
  assert.equal(outcome(waiting, cluster), "a");
});

test("in a large cluster some feasible nodes are enough, and each cycle begins where the last one ended", () => {
  assert.deepEqual([50, 100, 500, 1_000, 5_000, 10_000].map(feasibleEnough), [50, 100, 230, 420, 500, 500]);
  const cluster = clusterOf(Array.from({ length: 500 }, (_, at) => node(`n${at}`)));
  const cycle = schedule(factsOf(pod("p")), cluster, { start: 400, random });
  assert.ok(cycle.kind === "placed");
  assert.equal(cycle.nextStart, 130);
});
