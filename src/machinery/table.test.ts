import assert from "node:assert/strict";
import { test } from "node:test";
import { kind, resource, untyped } from "./resource.ts";
import { Ages, humanDuration } from "./ages.ts";
import { toTable } from "./table.ts";

const durations: readonly (readonly [number, string])[] = [
  [-3, "<invalid>"],
  [-1, "0s"],
  [0, "0s"],
  [119, "119s"],
  [120, "2m"],
  [201, "3m21s"],
  [600, "10m"],
  [179 * 60, "179m"],
  [3 * 3600, "3h"],
  [3 * 3600 + 120, "3h2m"],
  [47 * 3600, "47h"],
  [48 * 3600, "2d"],
  [52 * 3600, "2d4h"],
  [192 * 3600, "8d"],
  [24 * 3600 * 800, "2y70d"],
  [24 * 3600 * 365 * 9, "9y"],
];
test("humanDuration() keeps two or three figures", () => {
  for (const [seconds, shown] of durations) assert.equal(humanDuration(seconds * 1000), shown);
});

test("a text of an age holds exactly until it has another one", () => {
  const startMs = Date.parse("2026-01-01T00:00:00Z");
  for (const [seconds] of durations) {
    const ages = new Ages(startMs + seconds * 1_000 + 300);
    const text = ages.sinceMs(startMs);
    const at = (ms: number): string => new Ages(ms).sinceMs(startMs);
    assert.equal(at(ages.holdUntilMs - 1), text, `after ${seconds} s`);
    // Years are told with their days up to the eighth, and what is to come as now.
    if (seconds < 8 * 365 * 24 * 3600 && seconds >= 0)
      assert.notEqual(at(ages.holdUntilMs), text, `after ${seconds} s`);
  }
});

test("toTable() shows name and creation time of a kind without columns", () => {
  const things = untyped(
    resource({
      group: "",
      version: "v1",
      kind: "Thing",
      plural: "things",
      namespaced: true,
      shape: kind("api.core.v1.Thing", {}),
    }),
  );
  const metadata = { name: "a", creationTimestamp: "2024-01-01T00:00:00Z" };
  const table = toTable(things, [{ apiVersion: "v1", kind: "Thing", metadata }], { ages: new Ages(0), metadata: {} });
  assert.deepEqual(
    table.columnDefinitions.map(({ name, type }) => `${name} ${type}`),
    ["Name string", "Created At date"],
  );
  assert.deepEqual(table.rows, [
    {
      cells: ["a", "2024-01-01T00:00:00Z"],
      object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata },
    },
  ]);
});
