/** What the controllers of budgets and quotas plan, and those that mirror and clean, as tables of what they see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { planStaleDisruption } from "./stale-disruption.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from "#resources/policy/pod-disruption-budget.ts";
import type { ResourceQuota } from "#resources/core/resource-quota.ts";
import type { Service } from "#resources/core/service.ts";
import type { EndpointSlice } from "#resources/discovery/endpoint-slice.ts";
import type { Action } from "./controller.ts";
import { planDisruption, type Scale } from "./disruption.ts";
import { planMirroring } from "./endpoint-slice-mirroring.ts";
import { planQuota } from "./resource-quota.ts";
import { planToken } from "./token-cleaner.ts";

const nowMs = Date.parse("2026-01-01T00:10:00Z");

function pod(name: string, ready = true): Pod {
  const condition = { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: "2026-01-01T00:00:00Z" };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name },
    spec: { containers: [{ name: "c", resources: { requests: { cpu: "250m" } } }] },
    status: { phase: "Running", conditions: [condition] },
  };
}

function budget(spec: PodDisruptionBudgetSpec, disruptedPods: Record<string, string> = {}): PodDisruptionBudget {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { namespace: "default", name: "web", generation: 1 },
    spec: { selector: { matchLabels: { app: "web" } }, ...spec },
    status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, disruptedPods },
  };
}

function updated(actions: readonly Action[]): KubeObject | undefined {
  const found = actions.find((action) => action.kind === "update");
  return found?.kind === "update" ? found.object : undefined;
}

const scale: Scale = { kind: "scale", uid: "set", replicas: 4 };
const pods = [pod("a"), pod("b"), pod("c", false), pod("d")];
const recently = "2026-01-01T00:09:00Z";
const budgets: readonly [name: string, budget: PodDisruptionBudget, scale: Scale, counts: number[]][] = [
  // Allowed, healthy, desired, expected.
  ["a number that must stay", budget({ minAvailable: 2 }), scale, [1, 3, 2, 4]],
  ["a share that must stay rounds up", budget({ minAvailable: "60%" }), scale, [0, 3, 3, 4]],
  ["a number that may be missing", budget({ maxUnavailable: 2 }), scale, [1, 3, 2, 4]],
  ["a share that may be missing rounds up", budget({ maxUnavailable: "30%" }), scale, [1, 3, 2, 4]],
  ["a granted eviction counts as gone", budget({ minAvailable: 2 }, { a: recently }), scale, [0, 2, 2, 4]],
  ["but not for ever", budget({ minAvailable: 2 }, { a: "2026-01-01T00:07:00Z" }), scale, [1, 3, 2, 4]],
];
for (const [name, object, scaleOf, counts] of budgets)
  test(`disruption: ${name}`, () => {
    const { actions } = planDisruption({ budget: object, pods, scaleOf: () => scaleOf, nowMs });
    const status = (updated(actions) as PodDisruptionBudget | undefined)?.status;
    assert.deepEqual(
      [status?.disruptionsAllowed, status?.currentHealthy, status?.desiredHealthy, status?.expectedPods],
      counts,
    );
    const [condition] = status?.conditions ?? [];
    assert.equal(condition?.reason, (counts[0] ?? 0) > 0 ? "SufficientPods" : "InsufficientPods");
  });

test("disruption: an owner without a scale fails safely", () => {
  const why = "Job x does not implement the scale subresource";
  const { actions } = planDisruption({
    budget: budget({ maxUnavailable: 1 }),
    pods,
    scaleOf: () => ({ kind: "unknown", why }),
    nowMs,
  });
  const [event] = actions;
  assert.ok(event?.kind === "event");
  assert.equal(event.event.reason, "CalculateExpectedPodCountFailed");
  assert.equal((updated(actions) as PodDisruptionBudget | undefined)?.status.conditions?.[0]?.reason, "SyncFailed");
});

test("a quota counts what it names, and nothing else", () => {
  const quota: ResourceQuota = {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { namespace: "default", name: "all" },
    spec: { hard: { pods: "10", "requests.cpu": "2", "count/secrets": "5" } },
    status: {},
  };
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" } };
  const objects = new Map<string, readonly KubeObject[]>([
    ["pods", pods],
    ["secrets", [secret]],
  ]);
  const status = (updated(planQuota({ quota, objects }).actions) as ResourceQuota | undefined)?.status;
  assert.deepEqual(status, {
    hard: { pods: "10", "requests.cpu": "2", "count/secrets": "5" },
    used: { pods: "4", "requests.cpu": "1", "count/secrets": "1" },
  });
  assert.deepEqual(planQuota({ quota: { ...quota, status: status ?? {} }, objects }).actions, []);
});

test("Endpoints of a Service without a selector are mirrored until it has one", () => {
  const service = { apiVersion: "v1", kind: "Service", metadata: { namespace: "default", name: "db" }, spec: {} };
  const endpoints = {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { namespace: "default", name: "db", uid: "e", labels: { team: "data" } },
    subsets: [{ addresses: [{ ip: "1.2.3.4" }], notReadyAddresses: [{ ip: "1.2.3.5" }], ports: [{ port: 5432 }] }],
  };
  // Holds as far as the controller looks at Services.
  const plain = { ...service, status: {} } as unknown as Service;
  const [made] = planMirroring({ service: plain, endpoints, slices: [] }).actions;
  assert.ok(made?.kind === "create");
  const slice = made.object as EndpointSlice;
  assert.deepEqual(
    slice.endpoints.map(({ addresses, conditions }) => [addresses[0], conditions?.ready]),
    [
      ["1.2.3.4", true],
      ["1.2.3.5", false],
    ],
  );
  assert.equal(slice.metadata.ownerReferences?.[0]?.kind, "Endpoints");
  assert.deepEqual(slice.metadata.labels, {
    team: "data",
    "kubernetes.io/service-name": "db",
    "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
  });
  const selecting = { ...plain, spec: { ...plain.spec, selector: { app: "db" } } };
  const [gone] = planMirroring({ service: selecting, endpoints, slices: [slice] }).actions;
  assert.equal(gone?.kind, "delete");
});

test("an expired bootstrap token is deleted, another looked at when it expires", () => {
  const secret = (time: string) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "kube-system", name: "bootstrap-token-abcdef" },
    data: { expiration: Buffer.from(time).toString("base64") },
    type: "bootstrap.kubernetes.io/token",
  });
  assert.equal(planToken({ secret: secret("2026-01-01T00:09:00Z"), nowMs }).actions[0]?.kind, "delete");
  assert.equal(planToken({ secret: secret("2026-01-01T01:11:00+01:00"), nowMs }).againAfterMs, 60_000);
});

test("a pod that was to be evicted and still lives after two minutes says so no longer", () => {
  const at = Date.parse("2026-01-01T00:00:00Z");
  const condition = { type: "DisruptionTarget", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" } as const;
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name: "p", uid: "p" },
    spec: { containers: [] },
    status: { conditions: [condition] },
  };
  assert.deepEqual(planStaleDisruption({ pod, nowMs: at + 60_000 }), { actions: [], againAfterMs: 60_000 });
  const [action] = planStaleDisruption({ pod, nowMs: at + 120_000 }).actions;
  assert.ok(action?.kind === "patch" && action.patch.type === "strategic");
  assert.match(JSON.stringify(action.patch.body), /"type":"DisruptionTarget","status":"False"/);
});
