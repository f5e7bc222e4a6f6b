/** What the controllers of nodes plan, as tables of what they see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "#base/assert.ts";
import { formatCidr, parseCidr, type Cidr } from "#base/cidr.ts";
import type { Node, Taint } from "#resources/core/node.ts";
import type { Toleration } from "#resources/core/pod-spec.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Action } from "./controller.ts";
import { planNodeIpam } from "./node-ipam.ts";
import { planNode, type NodeObservation } from "./node-life-cycle.ts";
import { Heartbeats } from "./node/heartbeats.ts";
import { NodeNetworks } from "./node/networks.ts";
import { TaintTimes } from "./node/taint-times.ts";
import { wishedTaints } from "./node/taints.ts";
import { Zones } from "./node/zones.ts";
import { planEviction } from "./taint-eviction.ts";
import { planTtlOfNode } from "./ttl.ts";

const now = "2026-01-01T00:10:00Z";
const nowMs = Date.parse(now);

function node(conditions: Readonly<Record<string, string>> = {}, spec: Partial<Node["spec"]> = {}): Node {
  const list = Object.entries(conditions).map(([type, status]) => ({ type, status, lastTransitionTime: "before" }));
  // Holds as far as these controllers look at nodes.
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "one", resourceVersion: "1" },
    spec,
    status: { conditions: list },
  } as unknown as Node;
}

const networksOf = (cidr: string): NodeNetworks => new NodeNetworks(must(parseCidr(cidr), "a network"));
const shown = (cidr: Cidr | undefined): string => (cidr ? formatCidr(cidr) : "none");

test("a node gets the lowest free network, which is kept for it, and is told when there is none", () => {
  const networks = networksOf("10.42.0.0/22");
  networks.note("a", "10.42.0.0/24");
  networks.note("b", "10.42.2.0/24");
  assert.equal(shown(networks.offer("c")), "10.42.1.0/24");
  assert.equal(shown(networks.offer("d")), "10.42.3.0/24");
  assert.equal(shown(networks.offer("c")), "10.42.1.0/24", "asked again before it was written");
  assert.equal(shown(networks.offer("e")), "none");
  networks.forget("a");
  assert.equal(shown(networks.offer("e")), "10.42.0.0/24");
  for (const name of ["b", "c", "d", "e"]) networks.forget(name);
  assert.equal(networks.size, 0);
  const [given] = planNodeIpam({ node: node(), free: parseCidr("10.42.1.0/24"), clashesWith: undefined }).actions;
  assert.ok(given?.kind === "patch" && given.patch.type === "merge");
  assert.deepEqual(given.patch.body["spec"], { podCIDR: "10.42.1.0/24", podCIDRs: ["10.42.1.0/24"] });
  assert.ok("resourceVersion" in Object(given.patch.body["metadata"]));
  const told = planNodeIpam({ node: node(), free: undefined, clashesWith: undefined });
  assert.equal(firstEvent(told.actions), "CIDRNotAvailable: Node one status is now: CIDRNotAvailable");
});

test("two nodes with one network are found, whatever the sizes, and the younger is told", () => {
  const networks = networksOf("10.42.0.0/16");
  networks.note("old", "10.42.0.0/23");
  networks.note("young", "10.42.1.0/24");
  assert.deepEqual(networks.sharing("young"), ["old"]);
  assert.equal(shown(networks.offer("third")), "10.42.2.0/24");
  const twice = node({}, { podCIDR: "10.42.1.0/24" });
  assert.match(
    firstEvent(planNodeIpam({ node: twice, free: undefined, clashesWith: "old" }).actions) ?? "",
    /delete one/,
  );
});

test("a small cluster network is divided so that each node still holds its pods", () => {
  for (const [cluster, first] of [
    ["10.0.0.0/8", "10.0.0.0/24"],
    ["10.42.0.0/22", "10.42.0.0/24"],
    ["10.42.0.0/23", "10.42.0.0/25"],
    ["10.42.0.0/24", "10.42.0.0/25"],
    ["10.42.0.0/26", "10.42.0.0/26"],
  ] as const)
    assert.equal(shown(networksOf(cluster).offer("one")), first, cluster);
});

test("5,000 nodes get their networks in time that grows with their number, not its square", () => {
  const networks = networksOf("10.0.0.0/8");
  const startMs = performance.now();
  for (let at = 0; at < 5_000; at += 1) networks.note(`n${at}`, shown(networks.offer(`n${at}`)));
  assert.ok(performance.now() - startMs < 500);
});

const taintCases: readonly [conditions: Record<string, string>, spec: Partial<Node["spec"]>, taints: string[]][] = [
  [{ Ready: "True" }, {}, []],
  [{ Ready: "False" }, {}, ["not-ready:NoSchedule", "not-ready:NoExecute"]],
  [{ Ready: "Unknown" }, {}, ["unreachable:NoSchedule", "unreachable:NoExecute"]],
  [{ Ready: "True", DiskPressure: "True" }, {}, ["disk-pressure:NoSchedule"]],
  [{ Ready: "True" }, { unschedulable: true }, ["unschedulable:NoSchedule"]],
  [{}, { taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }] }, ["not-ready:NoSchedule"]],
  [{ Ready: "True" }, { taints: [{ key: "gpu", effect: "NoSchedule" }] }, ["gpu:NoSchedule"]],
];
test("taints follow from conditions, and those of others stay", () => {
  for (const [conditions, spec, expected] of taintCases) {
    const taints = wishedTaints(node(conditions, spec), { nowMs, evicts: true });
    assert.deepEqual(
      taints.map(({ key, effect }) => `${key.replace("node.kubernetes.io/", "")}:${effect}`),
      expected,
    );
  }
});

test("while no node is ready at all, no pod is driven out", () => {
  const taints = wishedTaints(node({ Ready: "Unknown" }), { nowMs, evicts: false });
  assert.deepEqual(
    taints.map(({ effect }) => effect),
    ["NoSchedule"],
  );
});

function seen(more: Partial<NodeObservation>): NodeObservation {
  return {
    node: node({ Ready: "True" }),
    leftMs: 50_000,
    firstLook: false,
    turn: { kind: "now" },
    marksPods: false,
    pods: [],
    nowMs,
    ...more,
  };
}

test("a node that was heard of is looked at again when its grace is over", () => {
  assert.deepEqual(planNode(seen({ leftMs: 30_000 })), { actions: [], againAfterMs: 30_000 });
  const [event] = planNode(seen({ firstLook: true })).actions;
  assert.ok(event?.kind === "event");
  assert.equal(event.event.message, "Node one event: Registered Node one in Controller");
});

test("a silent node is unknown in every respect, and its pods are not ready", () => {
  const ready = { type: "Ready", status: "True", lastTransitionTime: now };
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: { containers: [] },
    status: { conditions: [ready] },
  };
  const { actions } = planNode(seen({ leftMs: 0, pods: [pod] }));
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ["update", "event", "each"],
  );
  const [update] = actions;
  assert.ok(update?.kind === "update");
  const conditions = (update.object as Node).status.conditions ?? [];
  assert.deepEqual(
    conditions.map(({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`),
    [
      "MemoryPressure Unknown NodeStatusNeverUpdated: Kubelet never posted node status.",
      "DiskPressure Unknown NodeStatusNeverUpdated: Kubelet never posted node status.",
      "PIDPressure Unknown NodeStatusNeverUpdated: Kubelet never posted node status.",
      "Ready Unknown NodeStatusUnknown: Kubelet stopped posting node status.",
    ],
  );
});

const taint: Taint = { key: "node.kubernetes.io/unreachable", effect: "NoExecute", timeAdded: "2026-01-01T00:09:00Z" };
const tolerationCases: readonly [tolerations: Toleration[], outcome: string | number][] = [
  [[], "TaintManagerEviction: Marking for deletion Pod default/p"],
  [[{ operator: "Exists" }], "stays"],
  [[{ key: taint.key, operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 }], 240_000],
  [
    [{ key: taint.key, operator: "Exists", tolerationSeconds: 30 }],
    "TaintManagerEviction: Marking for deletion Pod default/p",
  ],
];
test("a pod stays as long as it tolerates the taint", () => {
  for (const [tolerations, outcome] of tolerationCases) {
    const pod: Pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "default", name: "p" },
      spec: { containers: [], tolerations },
      status: {},
    };
    const plan = planEviction({ node: node({}, { taints: [taint] }), pods: [pod], stoodMs: () => 60_000, nowMs });
    assert.equal(firstEvent(plan.actions) ?? plan.againAfterMs ?? "stays", outcome);
  }
});

function firstEvent([action]: readonly Action[]): string | undefined {
  if (action?.kind === "each" || action?.kind === "sequence") return firstEvent(action.actions);
  return action?.kind === "event" ? `${action.event.reason}: ${action.event.message}` : undefined;
}

test("a growing cluster lets secrets be kept for longer, and changes its mind late", () => {
  const ttl = (nodeCount: number, told?: string): unknown => {
    const metadata = told === undefined ? {} : { annotations: { "node.alpha.kubernetes.io/ttl": told } };
    const [action] = planTtlOfNode({ node: { ...node(), metadata }, nodeCount }).actions;
    if (action?.kind !== "patch" || action.patch.type !== "merge") return undefined;
    return /ttl":"(\d+)"/.exec(JSON.stringify(action.patch.body))?.[1];
  };
  assert.deepEqual(
    [ttl(1), ttl(1, "0"), ttl(101, "0"), ttl(95, "15"), ttl(89, "15")],
    ["0", undefined, "15", undefined, "0"],
  );
});

test("what a pod may still stay is counted from when it was seen, not from what the taint says of its time", () => {
  const times = new TaintTimes();
  const { timeAdded: _, ...bare } = taint;
  const one: Pod = { apiVersion: "v1", kind: "Pod", metadata: { uid: "p" }, spec: { containers: [] }, status: {} };
  const stood = (nowMs: number, pods: readonly Pod[]): number =>
    times.note(node(), { taints: [bare], pods }, nowMs)(one, bare);
  assert.deepEqual([stood(1_000, []), stood(5_000, [one]), stood(9_000, [one])], [0, 0, 4_000]);
  times.forget("one");
  assert.equal(times.size, 0);
});

function inZone(name: string, ready: boolean, zone = "a"): Node {
  const made = node({ Ready: ready ? "True" : "Unknown" });
  return { ...made, metadata: { name, labels: { "topology.kubernetes.io/zone": zone } } };
}

test("nodes of a zone have their turn one by one, more slowly or never when most of it is silent", () => {
  const turns = (size: number, silent: number): string[] => {
    const zones = new Zones();
    for (let at = 0; at < size; at += 1) zones.note(inZone(`n${at}`, at >= silent));
    // Somebody else's zone is well, so that this is not a silence of all.
    zones.note(inZone("other", true, "b"));
    return [0, 1_000, 10_000, 100_000].map((ms) => {
      const turn = zones.turn(inZone("n0", false), ms);
      return turn.kind === "later" ? `in ${turn.inMs}` : turn.kind;
    });
  };
  assert.deepEqual(turns(100, 54), ["now", "in 9000", "now", "now"]);
  assert.deepEqual(turns(100, 55), ["now", "in 99000", "in 90000", "now"]);
  assert.deepEqual(turns(50, 40), ["in Infinity", "in Infinity", "in Infinity", "in Infinity"]);
  assert.deepEqual(turns(100, 100), ["now", "in 9000", "now", "now"]);
});

test("while no node of any zone is ready nobody has a turn, and what is counted goes with the nodes", () => {
  const zones = new Zones();
  zones.note(inZone("one", false));
  zones.note(inZone("two", false, "b"));
  assert.equal(zones.turn(inZone("one", false), 0).kind, "stopped");
  zones.note(inZone("two", true, "b"));
  assert.equal(zones.turn(inZone("one", false), 0).kind, "now");
  zones.forget("one");
  zones.forget("two");
  assert.equal(zones.size, 0);
});

test("a process that stood still does not take what it has not read yet for silence", () => {
  const heartbeats = new Heartbeats();
  const beat = { node: node({ Ready: "True" }), lease: undefined, graceMs: 50_000 };
  assert.equal(heartbeats.note(beat, 0).leftMs, 50_000);
  assert.equal(heartbeats.note(beat, 50_000).leftMs, 0);
  assert.equal(heartbeats.note(beat, 90_000).leftMs, -40_000, "a look that was tried again is no standstill");
  const other = new Heartbeats();
  other.note(beat, 0);
  assert.equal(other.note(beat, 120_000).leftMs, 50_000);
});
