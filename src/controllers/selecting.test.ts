import assert from "node:assert/strict";
import { test } from "node:test";
import { selectorOf, type Selector } from "#machinery/label-selector.ts";
import type { LabelSelector, ObjectMeta } from "#machinery/meta.ts";
import { podDisruptionBudgets, type PodDisruptionBudget } from "#resources/policy/pod-disruption-budget.ts";
import type { Caches } from "./controller.ts";
import { selecting, selectorIndex } from "./selecting.ts";

function budget(name: string, selector: LabelSelector | undefined, namespace = "a"): PodDisruptionBudget {
  const metadata: ObjectMeta = { name, namespace };
  const spec = selector ? { selector } : {};
  return { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec, status: {} as never };
}

const what = {
  what: podDisruptionBudgets,
  selectorOf: ({ spec }: PodDisruptionBudget): Selector => selectorOf(spec.selector),
};

/** Caches of these budgets, which count what is looked at. */
function cachesOf(budgets: readonly PodDisruptionBudget[]): { caches: Caches; looked: () => number } {
  const index = selectorIndex(what.selectorOf);
  let looked = 0;
  const byIndex = (_: unknown, { value }: { readonly value: string }): unknown => {
    const found = budgets.filter((one) => index(one).includes(value));
    looked += found.length;
    return found;
  };
  // Holds because only the index is asked.
  return { caches: { byIndex } as unknown as Caches, looked: () => looked };
}

test("what selects a pod is found whatever its selector asks for, and nothing of another namespace", () => {
  const { caches } = cachesOf([
    budget("one label", { matchLabels: { app: "web" } }),
    budget("two labels", { matchLabels: { app: "web", tier: "front" } }),
    budget("one of one", { matchExpressions: [{ key: "app", operator: "In", values: ["web"] }] }),
    budget("one of two", { matchExpressions: [{ key: "app", operator: "In", values: ["web", "api"] }] }),
    budget("any value", { matchExpressions: [{ key: "app", operator: "Exists" }] }),
    budget("no label", { matchExpressions: [{ key: "canary", operator: "DoesNotExist" }] }),
    budget("everything", {}),
    budget("nothing", undefined),
    budget("others", { matchLabels: { app: "api" } }),
    budget("elsewhere", { matchLabels: { app: "web" } }, "b"),
  ]);
  const names = selecting(what, { namespace: "a", labels: { app: "web", tier: "front" } }, caches).map(
    ({ metadata }) => metadata.name ?? "",
  );
  const expected = ["any value", "everything", "no label", "one label", "one of one", "one of two", "two labels"];
  assert.deepEqual(names.toSorted(), expected);
  assert.deepEqual(
    selecting(what, { namespace: "a" }, caches).map(({ metadata }) => metadata.name),
    ["no label", "everything"],
  );
});

test("of 5,000 that select by a common label and a name, a pod's change looks at one", () => {
  const { caches, looked } = cachesOf(
    Array.from({ length: 5_000 }, (_, at) => budget(`b${at}`, { matchLabels: { tier: "front", name: `web-${at}` } })),
  );
  const found = selecting(what, { namespace: "a", labels: { tier: "front", name: "web-7" } }, caches);
  assert.deepEqual([found.map(({ metadata }) => metadata.name), looked()], [["b7"], 1]);
});
