/** What the ReplicaSet controller plans, as a table of what it sees. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { selectorOfMap } from "#machinery/label-selector.ts";
import { untyped } from "#machinery/resource.ts";
import { StatusError } from "#machinery/status.ts";
import { replicaSets, type ReplicaSet } from "#resources/apps/replica-set.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Action } from "./controller.ts";
import { planReplicas } from "./replica-set.ts";

const labels = { app: "web" };
const nowMs = Date.parse("2026-01-01T00:01:00Z");

function replicaSet(replicas: number, status: Partial<ReplicaSet["status"]> = {}): ReplicaSet {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { namespace: "default", name: "web", uid: "owner", generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [] } },
    },
    status: { replicas: 0, observedGeneration: 1, terminatingReplicas: 0, ...status },
  };
}

interface PodOptions {
  readonly owner?: string;
  readonly ready?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly phase?: "Pending" | "Running" | "Failed";
}

function pod(name: string, options: PodOptions = {}): Pod {
  const { owner = "owner", ready = true, phase = "Running" } = options;
  const reference = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: owner, controller: true };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: "default",
      name,
      uid: name,
      labels: options.labels ?? labels,
      ...(owner === "" ? {} : { ownerReferences: [reference] }),
    },
    spec: { containers: [], nodeName: "node" },
    status: {
      phase,
      conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: "2026-01-01T00:00:00Z" }],
    },
  };
}

function shown(action: Action): string {
  switch (action.kind) {
    case "sequence":
    case "each":
    case "ramp":
      return action.actions.map(shown).join(", ");
    case "create":
      return "create";
    case "unless":
      return "unless it is there";
    case "event":
      return `event ${action.event.reason}`;
    case "delete":
      return `delete ${action.key.name}`;
    case "patch":
      return `patch ${action.key.name}`;
    case "update":
      return `update ${action.subresource ?? ""}`;
  }
}

function planned(owner: ReplicaSet, candidates: readonly Pod[]): string[] {
  const selector = selectorOfMap(labels);
  return planReplicas({
    owner,
    resource: untyped(replicaSets),
    selector,
    candidates,
    related: () => candidates,
    nowMs,
  }).actions.map(shown);
}

const full = { replicas: 2, fullyLabeledReplicas: 2, readyReplicas: 2, availableReplicas: 2 };

test("missing pods are created together", () => {
  assert.deepEqual(planned(replicaSet(3), []), ["create, create, create"]);
});

test("nothing is done when the right pods are there and the status says so", () => {
  assert.deepEqual(planned(replicaSet(2, full), [pod("a"), pod("b")]), []);
});

test("the pod that matters least is deleted first", () => {
  const pods = [pod("a"), pod("b", { ready: false }), pod("c")];
  const actions = planned(replicaSet(2, { ...full, replicas: 3, fullyLabeledReplicas: 3 }), pods);
  assert.deepEqual(actions, ["delete b, event SuccessfulDelete"]);
});

test("a failed pod is replaced", () => {
  const actions = planned(replicaSet(2, full), [pod("a"), pod("b", { phase: "Failed" })]);
  assert.deepEqual(actions, ["update status", "create"]);
});

test("an orphan that matches is adopted, and a pod that no longer matches released", () => {
  const pods = [pod("a"), pod("orphan", { owner: "" }), pod("other", { labels: { app: "db" } })];
  assert.deepEqual(planned(replicaSet(2, full), pods), ["patch orphan", "patch other"]);
});

test("pods of another owner are left alone", () => {
  assert.deepEqual(planned(replicaSet(0), [pod("a", { owner: "someone" })]), []);
});

test("a refusal is written into the status once, so that writing it does not wake the controller for ever", () => {
  const refusal = new StatusError({ code: 403, reason: "Forbidden", message: "exceeded quota" });
  const refusedBy = (status: Partial<ReplicaSet["status"]>): string[] => {
    const owner = replicaSet(1, status);
    const selector = selectorOfMap(labels);
    const { actions } = planReplicas({
      owner,
      resource: untyped(replicaSets),
      selector,
      candidates: [],
      related: () => [],
      nowMs,
    });
    const [together] = actions.filter(({ kind }) => kind === "ramp");
    if (together?.kind !== "ramp") return [];
    const [create] = together.actions;
    const ofEach = create?.kind === "create" ? (create.refused?.(refusal) ?? []) : [];
    return [...ofEach, ...(together.refused?.(refusal) ?? [])].map(shown);
  };
  assert.deepEqual(refusedBy({}), ["event FailedCreate", "patch web"]);
  const failing = { type: "ReplicaFailure", status: "True", reason: "FailedCreate" } as const;
  assert.deepEqual(refusedBy({ conditions: [failing] }), ["event FailedCreate"]);
});

test("of pods that are alike one goes that shares its node with more of its Deployment's", () => {
  const on = (name: string, nodeName: string): Pod => ({ ...pod(name), spec: { containers: [], nodeName } });
  const owned = [on("a", "lonely"), on("b", "shared"), on("c", "other")];
  const related = [...owned, on("older", "shared")];
  const selector = selectorOfMap(labels);
  const owner = replicaSet(2, full);
  const seen = { owner, resource: untyped(replicaSets), selector, candidates: owned, related: () => related, nowMs };
  assert.ok(planReplicas(seen).actions.map(shown).includes("delete b, event SuccessfulDelete"));
});
