/** Which names of definitions are accepted, as a table of what is seen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CustomResourceDefinition } from "#resources/apiextensions/custom-resource-definition.ts";
import { planNames } from "./custom-resource-definition.ts";

const nowMs = Date.parse("2026-01-01T00:00:00Z");

function crd(plural: string, shortNames: readonly string[] = [], accepted = false): CustomResourceDefinition {
  const kind = plural.toUpperCase();
  const names = { plural, singular: `${plural}1`, kind, listKind: `${kind}List`, shortNames };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.example.com` },
    spec: { group: "example.com", names, scope: "Cluster", versions: [] },
    status: {
      conditions: [],
      acceptedNames: accepted ? names : { plural: "", kind: "" },
      storedVersions: ["v1"],
    },
  };
}

/** The status that is written: condition by condition, and the short names. */
function written(own: CustomResourceDefinition, others: readonly CustomResourceDefinition[]): readonly string[] {
  const [action] = planNames({ crd: own, others, nowMs }).actions;
  assert.ok(action?.kind === "update" && action.subresource === "status");
  // Holds because the controller writes definitions.
  const { status } = action.object as CustomResourceDefinition;
  return [
    ...status.conditions.map(({ type, status: value, reason }) => `${type} ${value} ${reason}`),
    (status.acceptedNames.shortNames ?? []).join(),
  ];
}

test("names that nobody has are accepted, and the definition is established at once", () => {
  assert.deepEqual(written(crd("toys", ["t"]), [crd("cars", ["c"], true)]), [
    "NamesAccepted True NoConflicts",
    "Established True InitialNamesAccepted",
    "t",
  ]);
});

test("a name that another one has is refused, the others are taken", () => {
  assert.deepEqual(written(crd("toys", ["cars"]), [crd("cars", [], true)]), [
    "NamesAccepted False ShortNamesConflict",
    "Established False NotAccepted",
    "",
  ]);
});

test("a definition that has its names stays as it is", () => {
  const own = crd("toys", [], true);
  const first = planNames({ crd: own, others: [], nowMs }).actions[0];
  assert.ok(first?.kind === "update");
  // Holds because the controller writes definitions.
  const after = first.object as CustomResourceDefinition;
  assert.deepEqual(planNames({ crd: after, others: [], nowMs: nowMs + 1000 }).actions, []);
});
