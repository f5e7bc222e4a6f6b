/** What each plugin says of nodes, as tables: the pod, the cluster, and the answer for every node. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf, node, pod } from "#testing/scheduling.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodAffinityTerm } from "#resources/core/affinity.ts";
import type { Cluster, Filter } from "../plugin.ts";
import { factsOf } from "../pod-facts.ts";
import { dynamicResources } from "./dynamic-resources.ts";
import { interPodAffinity } from "./inter-pod-affinity.ts";
import { nodeAffinity } from "./node-affinity.ts";
import { nodeName } from "./node-name.ts";
import { nodePorts } from "./node-ports.ts";
import { nodeResourcesFit } from "./node-resources-fit.ts";
import { nodeUnschedulable } from "./node-unschedulable.ts";
import { podTopologySpread } from "./pod-topology-spread.ts";
import { taintToleration } from "./taint-toleration.ts";

/** By node: "ok", or the reasons, with "!" when no other pod is to blame. Or why the pod is refused, or nothing. */
function answers(filter: Filter, one: Pod, cluster: Cluster): Record<string, string> | string {
  const answer = filter(factsOf(one), cluster);
  if (!answer) return "nothing to check";
  if (answer.kind === "refused") return `refused: ${answer.rejection.reasons.join(", ")}`;
  return Object.fromEntries(
    cluster.snapshot.list.map((info) => {
      const rejection = answer.node(info);
      if (!rejection) return [info.name, "ok"];
      return [info.name, `${rejection.resolvable ? "" : "!"}${rejection.reasons.join(", ")}`];
    }),
  );
}

test("NodeName keeps a pod to the node it names", () => {
  const cluster = clusterOf([node("a"), node("b")]);
  assert.equal(answers(nodeName, pod("p"), cluster), "nothing to check");
  assert.deepEqual(answers(nodeName, pod("p", { spec: { nodeName: "a" } }), cluster), {
    a: "ok",
    b: "!node(s) didn't match the requested node name",
  });
});

test("NodeUnschedulable keeps pods off cordoned nodes unless they tolerate it", () => {
  const cluster = clusterOf([node("a", {}, { unschedulable: true }), node("b")]);
  assert.deepEqual(answers(nodeUnschedulable, pod("p"), cluster), { a: "!node(s) were unschedulable", b: "ok" });
  const tolerations = [{ key: "node.kubernetes.io/unschedulable", operator: "Exists" as const }];
  assert.equal(answers(nodeUnschedulable, pod("p", { tolerations }), cluster), "nothing to check");
});

test("TaintToleration keeps pods off tainted nodes, but not for a preference", () => {
  const tainted = node("a", {}, { taints: [{ key: "k", effect: "NoSchedule" }] });
  const disliked = node("b", {}, { taints: [{ key: "k", effect: "PreferNoSchedule" }] });
  assert.deepEqual(answers(taintToleration, pod("p"), clusterOf([tainted, disliked])), {
    a: "!node(s) had untolerated taint(s)",
    b: "ok",
  });
});

test("NodeAffinity asks for labels, and knows the only nodes that a pod is pinned to", () => {
  const cluster = clusterOf([node("a", {}, { labels: { disk: "ssd" } }), node("b")]);
  const selecting = pod("p", { spec: { nodeSelector: { disk: "ssd" } } });
  assert.deepEqual(answers(nodeAffinity, selecting, cluster), {
    a: "ok",
    b: "!node(s) didn't match Pod's node affinity/selector",
  });
  const pinned = (...values: string[]): Pod => {
    const nodeSelectorTerms = [{ matchFields: [{ key: "metadata.name", operator: "In" as const, values }] }];
    return pod("p", {
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
    });
  };
  const answer = nodeAffinity(factsOf(pinned("b")), cluster);
  assert.ok(answer?.kind === "check");
  assert.deepEqual([...(answer.only ?? [])], ["b"]);
  assert.equal(answers(nodeAffinity, pinned(), cluster), "refused: pod affinity terms conflict");
});

test("NodePorts gives a port of the host to one pod, on each address", () => {
  const at = (hostIP?: string): Pod =>
    pod("p", {
      spec: {
        containers: [
          { name: "c", resources: {}, ports: [{ containerPort: 1, hostPort: 80, ...(hostIP ? { hostIP } : {}) }] },
        ],
      },
    });
  const cluster = clusterOf([node("a"), node("b"), node("c")], {
    a: [pod("x", { hostPorts: [80] })],
    b: [at("10.0.0.1")],
  });
  const taken = "node(s) didn't have free ports for the requested pod ports";
  assert.deepEqual(answers(nodePorts, pod("p", { hostPorts: [80] }), cluster), { a: taken, b: taken, c: "ok" });
  assert.deepEqual(answers(nodePorts, at("10.0.0.2"), cluster), { a: taken, b: "ok", c: "ok" });
  assert.deepEqual(answers(nodePorts, pod("p", { hostPorts: [81] }), cluster), { a: "ok", b: "ok", c: "ok" });
});

test("NodeResourcesFit tells what is short, and whether other pods are to blame", () => {
  const nodes = [node("a"), node("b", { cpu: "1" }), node("c", { pods: "0" }), node("d", { "example.com/gpu": "1" })];
  const cluster = clusterOf(nodes, { a: [pod("x", { requests: { cpu: "3", memory: "8Gi" } })] });
  assert.deepEqual(answers(nodeResourcesFit, pod("p", { requests: { cpu: "2", memory: "1Gi" } }), cluster), {
    a: "Insufficient cpu, Insufficient memory",
    b: "!Insufficient cpu",
    c: "Too many pods",
    d: "ok",
  });
  const gpu = answers(nodeResourcesFit, pod("p", { requests: { "example.com/gpu": "1" } }), cluster);
  assert.deepEqual(gpu, {
    a: "!Insufficient example.com/gpu",
    b: "!Insufficient example.com/gpu",
    c: "!Too many pods, Insufficient example.com/gpu",
    d: "ok",
  });
});

function near(labels: Readonly<Record<string, string>>, topologyKey: string): PodAffinityTerm {
  return { labelSelector: { matchLabels: labels }, topologyKey };
}

const zones = [
  node("a1", {}, { labels: { zone: "a" } }),
  node("a2", {}, { labels: { zone: "a" } }),
  node("b1", {}, { labels: { zone: "b" } }),
];

test("InterPodAffinity puts pods near those they require, and lets the first of a group begin", () => {
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near({ app: "db" }, "zone")] } };
  const cluster = clusterOf(zones, { a1: [pod("db", { labels: { app: "db" } })] });
  const apart = "!node(s) didn't match pod affinity rules";
  assert.deepEqual(answers(interPodAffinity, pod("p", { affinity }), cluster), { a1: "ok", b1: apart, a2: "ok" });
  const elsewhere = pod("p", { affinity, namespace: "other" });
  assert.deepEqual(answers(interPodAffinity, elsewhere, cluster), { a1: apart, b1: apart, a2: apart });
  const first = pod("p", { affinity, labels: { app: "db" } });
  assert.deepEqual(answers(interPodAffinity, first, clusterOf(zones)), { a1: "ok", b1: "ok", a2: "ok" });
});

test("InterPodAffinity keeps pods away from those they shun, and from those that shun them", () => {
  const shunning = {
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near({ app: "web" }, "zone")] },
  };
  const web = { labels: { app: "web" } };
  assert.deepEqual(
    answers(interPodAffinity, pod("p", { affinity: shunning }), clusterOf(zones, { a1: [pod("w", web)] })),
    {
      a1: "node(s) didn't match pod anti-affinity rules",
      b1: "ok",
      a2: "node(s) didn't match pod anti-affinity rules",
    },
  );
  const there = clusterOf(zones, { b1: [pod("x", { affinity: shunning })] });
  const unwanted = { a1: "ok", b1: "node(s) didn't satisfy existing pods anti-affinity rules", a2: "ok" };
  assert.deepEqual(answers(interPodAffinity, pod("p", web), there), unwanted);
  assert.equal(answers(interPodAffinity, pod("p"), there), "nothing to check");
});

test("InterPodAffinity reaches other namespaces by name and by label", () => {
  const term = near({ app: "db" }, "zone");
  const reaching = (rest: Partial<PodAffinityTerm>): Pod =>
    pod("p", { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...term, ...rest }] } } });
  const cluster = clusterOf(
    zones,
    { b1: [pod("db", { labels: { app: "db" }, namespace: "data" })] },
    { namespaceLabels: (name) => (name === "data" ? { team: "x" } : {}) },
  );
  const apart = "!node(s) didn't match pod affinity rules";
  const expected = { a1: apart, b1: "ok", a2: apart };
  assert.deepEqual(answers(interPodAffinity, reaching({ namespaces: ["data"] }), cluster), expected);
  const byLabel = { namespaceSelector: { matchLabels: { team: "x" } } };
  assert.deepEqual(answers(interPodAffinity, reaching(byLabel), cluster), expected);
});

test("PodTopologySpread holds the skew between domains", () => {
  const spread = (rest: object = {}): Pod =>
    pod("p", {
      labels: { app: "web" },
      spec: {
        topologySpreadConstraints: [
          {
            topologyKey: "zone",
            maxSkew: 1,
            whenUnsatisfiable: "DoNotSchedule",
            labelSelector: { matchLabels: { app: "web" } },
            ...rest,
          },
        ],
      },
    });
  const web = (name: string): Pod => pod(name, { labels: { app: "web" } });
  const cluster = clusterOf([...zones, node("none")], { a1: [web("1")], a2: [web("2")], b1: [web("3")] });
  const skewed = "node(s) didn't match pod topology spread constraints";
  const none = `!${skewed} (missing required label)`;
  assert.deepEqual(answers(podTopologySpread, spread(), cluster), { a1: skewed, b1: "ok", a2: skewed, none });
  assert.deepEqual(answers(podTopologySpread, spread({ maxSkew: 2 }), cluster), { a1: "ok", b1: "ok", a2: "ok", none });
  const many = answers(podTopologySpread, spread({ minDomains: 3, maxSkew: 2 }), cluster);
  assert.deepEqual(many, { a1: skewed, b1: "ok", a2: skewed, none });
});

test("pods with resource claims wait and say why", () => {
  const claims = pod("p", { spec: { resourceClaims: [{ name: "gpu" }] } });
  const answer = "refused: pod has resource claims, which this scheduler does not allocate; remove spec.resourceClaims";
  assert.equal(answers(dynamicResources, claims, clusterOf([])), answer);
});
