/** Which nodes suit which pods, as tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeSelectorRequirement } from "./affinity.ts";
import { matchesNode, matchesNodeTerm, tolerates } from "./node-matching.ts";
import type { Taint } from "./node.ts";
import type { Toleration } from "./pod-spec.ts";

const node = { metadata: { name: "one", labels: { disk: "ssd", cores: "8" } } };

const requirements: readonly [NodeSelectorRequirement, boolean][] = [
  [{ key: "disk", operator: "In", values: ["ssd", "nvme"] }, true],
  [{ key: "disk", operator: "NotIn", values: ["ssd"] }, false],
  [{ key: "gpu", operator: "NotIn", values: ["x"] }, true],
  [{ key: "disk", operator: "Exists" }, true],
  [{ key: "gpu", operator: "DoesNotExist" }, true],
  [{ key: "cores", operator: "Gt", values: ["4"] }, true],
  [{ key: "cores", operator: "Lt", values: ["8"] }, false],
  [{ key: "disk", operator: "Gt", values: ["4"] }, false],
];
test("a requirement holds by its operator", () => {
  for (const [requirement, holds] of requirements)
    assert.equal(matchesNodeTerm({ matchExpressions: [requirement] }, node), holds, JSON.stringify(requirement));
});

test("fields know the name of the node; an empty term matches nothing; one term is enough", () => {
  const named = (name: string) => ({
    matchFields: [{ key: "metadata.name", operator: "In" as const, values: [name] }],
  });
  const affinity = (...nodeSelectorTerms: object[]) => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  });
  assert.ok(matchesNode(affinity(named("two"), named("one")), node));
  assert.ok(!matchesNode(affinity(named("two")), node));
  assert.ok(!matchesNode(affinity({}), node));
  assert.ok(!matchesNode({ nodeSelector: { disk: "hdd" } }, node));
});

const taint: Taint = { key: "gpu", value: "5", effect: "NoSchedule" };
const tolerations: readonly [Toleration, boolean][] = [
  [{ operator: "Exists" }, true],
  [{ key: "gpu", operator: "Exists", effect: "NoSchedule" }, true],
  [{ key: "gpu", operator: "Exists", effect: "NoExecute" }, false],
  [{ key: "gpu", value: "5" }, true],
  [{ key: "gpu", value: "6" }, false],
  [{ key: "disk", operator: "Exists" }, false],
  [{ key: "gpu", operator: "Gt", value: "4" }, true],
  [{ key: "gpu", operator: "Lt", value: "4" }, false],
];
test("a toleration covers a taint by key, value and effect", () => {
  for (const [toleration, holds] of tolerations)
    assert.equal(tolerates(toleration, taint), holds, JSON.stringify(toleration));
});
