/** How plugins rank nodes, as tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { selectorOfMap } from "#machinery/label-selector.ts";
import type { Pod } from "#resources/core/pod.ts";
import { clusterOf, node, pod } from "#testing/scheduling.ts";
import type { Cluster, Scorer } from "../plugin.ts";
import { factsOf } from "../pod-facts.ts";
import { balancedAllocation } from "./balanced-allocation.ts";
import { imageLocality } from "./image-locality.ts";
import { interPodAffinityScore } from "./inter-pod-affinity-score.ts";
import { nodeAffinityScore } from "./node-affinity.ts";
import { leastAllocated } from "./node-resources-fit.ts";
import { podTopologySpreadScore } from "./pod-topology-spread-score.ts";
import { taintTolerationScore } from "./taint-toleration.ts";

function scores(scorer: Scorer, one: Pod, cluster: Cluster): readonly number[] | undefined {
  return scorer(factsOf(one), cluster, [...cluster.snapshot.nodes.values()]);
}

test("emptier nodes are better, and containers that ask for nothing count as small", () => {
  const cluster = clusterOf([node("a"), node("b")], { a: [pod("x", { requests: { cpu: "2", memory: "4Gi" } })] });
  assert.deepEqual(scores(leastAllocated, pod("p", { requests: { cpu: "1", memory: "2Gi" } }), cluster), [25, 75]);
  assert.deepEqual(scores(leastAllocated, pod("p"), cluster), [47, 97]);
});

test("nodes with processor and memory used alike are better, for pods that ask for either", () => {
  const cluster = clusterOf([node("a"), node("b")], { a: [pod("x", { requests: { cpu: "2" } })] });
  assert.deepEqual(scores(balancedAllocation, pod("p", { requests: { memory: "4Gi" } }), cluster), [100, 75]);
  assert.equal(scores(balancedAllocation, pod("p"), cluster), undefined);
});

test("nodes that have large images are better", () => {
  const images = [{ names: ["example.com/app:latest"], sizeBytes: 1_000 * 1024 * 1024 }];
  const cluster = clusterOf([node("a", {}, { images }), node("b")]);
  assert.deepEqual(scores(imageLocality, pod("p"), cluster), [48, 0]);
  assert.equal(scores(imageLocality, pod("p", { image: "other" }), cluster), undefined);
});

test("preferences for labels and against taints count by their weight", () => {
  const taints = [{ key: "k", effect: "PreferNoSchedule" as const }];
  const cluster = clusterOf([node("a", {}, { taints }), node("b", {}, { labels: { disk: "ssd" } })]);
  assert.deepEqual(scores(taintTolerationScore, pod("p"), cluster), [0, 100]);
  const preference = { matchExpressions: [{ key: "disk", operator: "Exists" as const }] };
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 5, preference }] } };
  assert.deepEqual(scores(nodeAffinityScore, pod("p", { affinity }), cluster), [0, 100]);
});

const zoned = ["a", "b", "c"].map((zone) => node(zone, {}, { labels: { "topology.kubernetes.io/zone": zone } }));

test("wishes of pods for other pods count both ways", () => {
  const term = { labelSelector: { matchLabels: { app: "web" } }, topologyKey: "kubernetes.io/hostname" };
  const weighted = [{ weight: 10, podAffinityTerm: term }];
  const affinity = { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: weighted } };
  const liking = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const web = { app: "web" };
  const cluster = clusterOf(zoned, { a: [pod("1", { labels: web })], b: [pod("2", { affinity: liking })] });
  assert.deepEqual(scores(interPodAffinityScore, pod("p", { affinity }), cluster), [0, 100, 100]);
  assert.deepEqual(scores(interPodAffinityScore, pod("p", { labels: web }), cluster), [0, 100, 0]);
  assert.equal(scores(interPodAffinityScore, pod("p"), cluster), undefined);
});

test("pods of one owner or Service spread by themselves", () => {
  const web = { labels: { app: "web" } };
  const placed = { a: [pod("1", web), pod("2", web)], b: [pod("3", web)] };
  const cluster = clusterOf(zoned, placed, { siblings: () => selectorOfMap({ app: "web" }) });
  const [a = 0, b = 0, c = 0] = scores(podTopologySpreadScore, pod("p", web), cluster) ?? [];
  assert.ok(c > b && b > a, String([a, b, c]));
  assert.equal(scores(podTopologySpreadScore, pod("p", web), clusterOf(zoned, placed)), undefined);
});
