/** What the DaemonSet controller plans, as a table of what it sees. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ControllerRevision } from "#resources/apps/controller-revision.ts";
import type { DaemonSet, DaemonSetSpec } from "#resources/apps/daemon-set.ts";
import type { Node, Taint } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Action } from "./controller.ts";
import { planDaemonSet } from "./daemon-set.ts";
import { FailedPods } from "./daemon-set/failed-pods.ts";

const nowMs = Date.parse("2026-01-01T00:01:00Z");
const labels = { app: "agent" };
const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name: "agent", uid: "owner", controller: true };
const template = (image: string) => ({
  metadata: { labels },
  spec: { containers: [{ name: "agent", image, resources: {} }] },
});

function daemonSet(spec: Partial<DaemonSetSpec> = {}): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { namespace: "default", name: "agent", uid: "owner", generation: 1 },
    spec: {
      selector: { matchLabels: labels },
      template: template("v2"),
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    },
    status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  };
}

function node(name: string, taints: readonly Taint[] = []): Node {
  // Holds as far as a DaemonSet looks at nodes.
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { host: name } },
    spec: { taints },
  } as unknown as Node;
}

interface PodOptions {
  readonly hash?: string;
  readonly ready?: boolean;
  readonly phase?: "Running" | "Failed" | "Succeeded";
}

function pod(nodeName: string, { hash = "new", ready = true, phase = "Running" }: PodOptions = {}): Pod {
  const name = `${nodeName}-${hash}`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: "default",
      name,
      uid: name,
      labels: { ...labels, "controller-revision-hash": hash },
      ownerReferences: [owner],
    },
    spec: { containers: [], nodeName },
    status: {
      phase,
      conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: "2026-01-01T00:00:00Z" }],
    },
  };
}

const current: ControllerRevision = {
  apiVersion: "apps/v1",
  kind: "ControllerRevision",
  metadata: {
    namespace: "default",
    name: "agent-new",
    uid: "new",
    labels: { ...labels, "controller-revision-hash": "new" },
    ownerReferences: [owner],
  },
  data: { spec: { template: { ...template("v2"), $patch: "replace" } } },
  revision: 2,
};

function plan(set: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]) {
  return planDaemonSet({ set, nodes, pods, revisions: [current], waitMsOf: () => 0, nowMs });
}

/** Where pods come and which go. */
function moves(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => {
    switch (action.kind) {
      case "sequence":
      case "each":
      case "ramp":
        return moves(action.actions);
      case "create": {
        const terms = (action.object as Pod).spec.affinity?.nodeAffinity
          ?.requiredDuringSchedulingIgnoredDuringExecution;
        return [`create on ${terms?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.join()}`];
      }
      case "delete":
        return [`delete ${action.key.name}`];
      case "patch":
      case "update":
      case "unless":
      case "event":
        return [];
    }
  });
}

const surge = { updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } } as const;
const noSchedule: Taint = { key: "gpu", effect: "NoSchedule" };
const noExecute: Taint = { key: "gpu", effect: "NoExecute" };
const pressure: Taint = { key: "node.kubernetes.io/memory-pressure", effect: "NoSchedule" };
const [old, fresh] = [{ hash: "old" }, { hash: "new" }];

const cases: readonly [name: string, set: DaemonSet, nodes: Node[], pods: Pod[], moves: string[]][] = [
  ["every node gets a pod", daemonSet(), [node("a"), node("b")], [pod("a")], ["create on b"]],
  [
    "a taint keeps pods away, but leaves those that are there",
    daemonSet(),
    [node("a", [noSchedule]), node("b", [noSchedule])],
    [pod("a")],
    [],
  ],
  ["NoExecute drives them out", daemonSet(), [node("a", [noExecute])], [pod("a")], ["delete a-new"]],
  ["pressure does not keep them away", daemonSet(), [node("a", [pressure])], [], ["create on a"]],
  ["a failed pod is replaced", daemonSet(), [node("a")], [pod("a", { phase: "Failed" })], ["delete a-new"]],
  [
    "an update takes one node at a time",
    daemonSet(),
    [node("a"), node("b")],
    [pod("a", old), pod("b", old)],
    ["delete a-old"],
  ],
  [
    "an update waits for the pod it replaced",
    daemonSet(),
    [node("a"), node("b")],
    [pod("a", { ready: false }), pod("b", old)],
    [],
  ],
  [
    "old pods that are not available go at once",
    daemonSet(),
    [node("a"), node("b")],
    [pod("a", { ready: false }), pod("b", { ...old, ready: false })],
    ["delete b-old"],
  ],
  [
    "with surge the new pod comes first",
    daemonSet(surge),
    [node("a"), node("b")],
    [pod("a", old), pod("b", old)],
    ["create on a"],
  ],
  [
    "with surge the old pod goes when the new one is available",
    daemonSet(surge),
    [node("a")],
    [pod("a", old), pod("a", fresh)],
    ["delete a-old"],
  ],
  [
    "with surge the old pod stays until then",
    daemonSet(surge),
    [node("a")],
    [pod("a", old), pod("a", { ready: false })],
    [],
  ],
  ["OnDelete leaves old pods", daemonSet({ updateStrategy: { type: "OnDelete" } }), [node("a")], [pod("a", old)], []],
];
for (const [name, set, nodes, pods, expected] of cases)
  test(name, () => {
    assert.deepEqual(moves(plan(set, nodes, pods).actions), expected);
  });

test("a pod carries the hash, the tolerations of daemons, and the events of replica sets", () => {
  const made = plan(daemonSet(), [node("a")], []).actions.flatMap((one) => (one.kind === "each" ? one.actions : []));
  const create = made[0]?.kind === "ramp" ? made[0].actions[0] : undefined;
  assert.ok(create?.kind === "create");
  const { metadata, spec } = create.object as Pod;
  assert.equal(metadata.labels?.["controller-revision-hash"], "new");
  assert.deepEqual(
    spec.tolerations?.map(({ key, operator, effect }) => `${key} ${operator} ${effect}`),
    [
      "node.kubernetes.io/not-ready Exists NoExecute",
      "node.kubernetes.io/unreachable Exists NoExecute",
      "node.kubernetes.io/disk-pressure Exists NoSchedule",
      "node.kubernetes.io/memory-pressure Exists NoSchedule",
      "node.kubernetes.io/pid-pressure Exists NoSchedule",
      "node.kubernetes.io/unschedulable Exists NoSchedule",
    ],
  );
});

test("the status counts the oldest pod of each node", () => {
  const nodes = [node("a"), node("b"), node("c"), node("d", [noSchedule])];
  const pods = [pod("a"), pod("b", { ...old, ready: false }), pod("d")];
  const found = plan(daemonSet(), nodes, pods).actions.find((action) => action.kind === "update");
  assert.ok(found?.kind === "update");
  assert.deepEqual((found.object as DaemonSet).status, {
    currentNumberScheduled: 2,
    numberMisscheduled: 1,
    desiredNumberScheduled: 3,
    numberReady: 1,
    updatedNumberScheduled: 1,
    numberAvailable: 1,
    numberUnavailable: 2,
    observedGeneration: 1,
  });
});

test("pods that fail again and again on a node are replaced ever more slowly", () => {
  const failed = new FailedPods();
  const place = { setUid: "owner", nodeName: "a" };
  const at = (uid: string, ms: number): number => failed.waitMs(place, { ...pod("a"), metadata: { uid } }, ms);
  assert.deepEqual(
    [at("1", 0), at("1", 10), at("2", 100), at("2", 1000), at("3", 1500), at("3", 3000), at("4", 3000)],
    [0, 0, 900, 0, 1500, 0, 4000],
  );
});
