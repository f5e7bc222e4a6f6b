/** What the controllers of nodes plan, as tables of what they see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "#base/assert.ts";
import { parseCidr } from "#base/cidr.ts";
import type { Node, Taint } from "#resources/core/node.ts";
import type { Toleration } from "#resources/core/pod-spec.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Action } from "./controller.ts";
import { planNodeIpam } from "./node-ipam.ts";
import { planNode, type NodeObservation } from "./node-life-cycle.ts";
import { wishedTaints } from "./node/taints.ts";
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
    metadata: { name: "one" },
    spec,
    status: { conditions: list },
  } as unknown as Node;
}

const cluster = must(parseCidr("10.42.0.0/22"), "a network");

test("a node gets the lowest free network, and is told when there is none", () => {
  const given = (taken: string[]): unknown => {
    const [action] = planNodeIpam({ node: node(), taken, cluster }).actions;
    return action?.kind === "patch" && action.patch.type === "merge" ? action.patch.body : action?.kind;
  };
  assert.deepEqual(given(["10.42.0.0/24", "10.42.2.0/24"]), {
    spec: { podCIDR: "10.42.1.0/24", podCIDRs: ["10.42.1.0/24"] },
  });
  assert.equal(given(["10.42.0.0/24", "10.42.1.0/24", "10.42.2.0/24", "10.42.3.0/24"]), "event");
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
    heardMs: nowMs,
    firstLook: false,
    someReady: () => true,
    pods: [],
    nowMs,
    ...more,
  };
}

test("a node that was heard of is looked at again when its grace is over", () => {
  assert.deepEqual(planNode(seen({ heardMs: nowMs - 20_000 })), { actions: [], againAfterMs: 30_000 });
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
  const { actions } = planNode(seen({ heardMs: nowMs - 50_000, pods: [pod] }));
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ["update", "event", "patch", "event"],
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
    const plan = planEviction({ node: node({}, { taints: [taint] }), pods: [pod], nowMs });
    assert.equal(firstEvent(plan.actions) ?? plan.againAfterMs ?? "stays", outcome);
  }
});

function firstEvent([action]: readonly Action[]): string | undefined {
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
