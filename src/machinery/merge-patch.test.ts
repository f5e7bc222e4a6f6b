import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { applyMergePatch } from "./merge-patch.ts";
import { deepFreeze } from "./freeze.ts";
import type { JsonObject, JsonValue } from "./shape.ts";

test("the RFC's examples hold", () => {
  const rows: readonly (readonly [JsonObject, JsonObject, JsonObject])[] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    // Upstream's library looks for nulls in lists too.
    [{}, { a: [{ b: null }, null] }, { a: [{}, null] }],
  ];
  for (const [object, patch, expected] of rows) assert.deepEqual(applyMergePatch(object, patch), expected);
});

test("a patch that is no object is refused with 400", () => {
  for (const patch of [null, [], "x"] satisfies JsonValue[])
    assert.throws(() => applyMergePatch({}, patch), { code: 400, message: "Invalid JSON Patch" });
});

const names = fc.constantFrom("a", "b", "__proto__", "c");
const { tree } = fc.letrec<{ tree: JsonObject; value: JsonValue }>((tie) => ({
  value: fc.oneof({ depthSize: "small" }, fc.integer(), fc.constant(null), fc.array(fc.integer()), tie("tree")),
  tree: fc.dictionary(names, tie("value"), { noNullPrototype: true }),
}));

test("applying a patch twice is applying it once, and it changes neither input", () => {
  fc.assert(
    fc.property(tree, tree, (object, patch) => {
      deepFreeze(object);
      deepFreeze(patch);
      const once = applyMergePatch(object, patch);
      assert.deepEqual(applyMergePatch(once, patch), once);
    }),
  );
});
