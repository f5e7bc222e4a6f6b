import assert from "node:assert/strict";
import { test } from "node:test";
import { deepFreeze } from "./freeze.ts";
import { any, list, listMap, map, object, of, set, str, string, type JsonObject } from "./shape.ts";
import { applyStrategicMerge } from "./strategic-merge.ts";

const item = object("Item", { name: string(1), value: string(2), source: any(3) });
const choice = object("Choice", { type: string(1), rolling: map(2, str), other: string(3) });
const shape = object("Thing", {
  labels: map(1, str),
  items: listMap(2, ["name"], item).patchMerge("name"),
  names: set(3, str).patchMerge(),
  atoms: list(4, str),
  choice: of(5, choice).patchRule({ strategy: "retainKeys" }),
  whole: of(6, choice).patchRule({ strategy: "replace" }),
  free: any(7),
});

const named = (...names: string[]): JsonObject[] => names.map((name) => ({ name }));

test("lists, maps and directives merge as the shape says", () => {
  const rows: readonly (readonly [string, JsonObject, JsonObject, JsonObject])[] = [
    [
      "maps merge, null removes",
      { labels: { a: "1", b: "2" } },
      { labels: { a: null, c: "3" } },
      { labels: { b: "2", c: "3" } },
    ],
    ["absent nulls vanish", {}, { choice: { type: null, other: "x" } }, { choice: { other: "x" } }],
    [
      "items merge by key",
      { items: [{ name: "a", value: "1" }, { name: "b" }] },
      { items: [{ name: "a", source: { x: 1 } }] },
      { items: [{ name: "a", value: "1", source: { x: 1 } }, { name: "b" }] },
    ],
    ["new items come first", { items: named("a", "b") }, { items: named("c") }, { items: named("c", "a", "b") }],
    [
      "an item is deleted",
      { items: named("a", "b") },
      { items: [{ name: "a", $patch: "delete" }] },
      { items: named("b") },
    ],
    [
      "a list is replaced",
      { items: named("a", "b") },
      { items: [{ name: "c" }, { $patch: "replace" }] },
      { items: named("c") },
    ],
    [
      "an item is replaced",
      { items: [{ name: "a", value: "1" }] },
      { items: [{ name: "a", value: null }] },
      { items: named("a") },
    ],
    ["scalars unite", { names: ["a", "b"] }, { names: ["c", "a"] }, { names: ["c", "a", "b"] }],
    ["scalars are deleted", { names: ["a", "b"] }, { "$deleteFromPrimitiveList/names": ["a", "x"] }, { names: ["b"] }],
    ["atomic lists are replaced", { atoms: ["a"] }, { atoms: ["b"] }, { atoms: ["b"] }],
    [
      "an object is replaced",
      { choice: { type: "a" } },
      { choice: { other: "x", $patch: "replace" } },
      { choice: { other: "x" } },
    ],
    ["an object is emptied", { choice: { type: "a" } }, { choice: { $patch: "delete" } }, { choice: {} }],
    ["a directive on nothing is nothing", {}, { choice: { other: "x", $patch: "replace" } }, {}],
    ["the strategy replaces", { whole: { type: "a" } }, { whole: { other: "x" } }, { whole: { other: "x" } }],
    [
      "keys are retained",
      { choice: { type: "Rolling", rolling: { a: "1" } } },
      { choice: { type: "Recreate", $retainKeys: ["type"] } },
      { choice: { type: "Recreate" } },
    ],
    [
      "the order is set",
      { items: named("a", "x", "b") },
      { "$setElementOrder/items": named("b", "c", "a"), items: named("c") },
      { items: named("x", "b", "c", "a") },
    ],
    [
      "the order of scalars is set",
      { names: ["a", "b"] },
      { "$setElementOrder/names": ["b", "a"] },
      { names: ["b", "a"] },
    ],
    [
      "what the shape does not know merges as JSON",
      { free: { a: { b: 1 } } },
      { free: { a: { c: [1] } } },
      { free: { a: { b: 1, c: [1] } } },
    ],
  ];
  for (const [name, before, patch, after] of rows) {
    deepFreeze(before);
    deepFreeze(patch);
    assert.deepEqual(applyStrategicMerge(before, patch, shape), after, name);
  }
});

test("patches that do not fit are refused with 400", () => {
  const rows: readonly (readonly [JsonObject, RegExp])[] = [
    [{ items: [{ value: "x" }] }, /does not contain declared merge key: name/],
    [{ items: [{ name: "a", $patch: "merge" }] }, /merging lists cannot yet be specified/],
    [{ choice: { $patch: "x" } }, /unknown patch type: "x"/],
    [{ choice: { $retainKeys: ["type"], other: "x" } }, /invalid patch format of retainKeys/],
    [{ $deleteFromPrimitiveList: ["x"] }, /invalid patch format of primitive list/],
    [{ "$setElementOrder/items": named("b", "a"), items: named("a", "b") }, /doesn't match \$setElementOrder list/],
    [{ "$setElementOrder/items": "x" }, /expected a list for "items"/],
  ];
  const before = { items: named("a"), choice: { type: "a" } };
  for (const [patch, message] of rows)
    assert.throws(() => applyStrategicMerge(before, patch, shape), { code: 400, message });
});

test("a patch of many directives takes a time that grows with it", () => {
  const startedMs = performance.now();
  const many = Array.from({ length: 50_000 }, (_, at) => `n${at}`);
  const deleted = named(...many).map((one) => ({ ...one, $patch: "delete" }));
  assert.deepEqual(applyStrategicMerge({ items: named(...many) }, { items: deleted }, shape), { items: [] });
  const patch = { items: named(...many.toReversed()), "$setElementOrder/items": named(...many.toReversed()) };
  assert.deepEqual(applyStrategicMerge({ items: named(...many) }, patch, shape), {
    items: named(...many.toReversed()),
  });
  const members = Object.fromEntries(many.map((name) => [name, "x"]));
  applyStrategicMerge({ choice: members }, { choice: { ...members, $retainKeys: many } }, shape);
  assert.ok(performance.now() - startedMs < 20_000);
});
