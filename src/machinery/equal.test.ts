import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { deepEqual } from "./equal.ts";
import { deepFreeze } from "./freeze.ts";

test("an undefined member is the same as none, null is not", () => {
  assert.equal(deepEqual({ a: 1, b: undefined }, { a: 1 }), true);
  assert.equal(deepEqual({ a: 1 }, { a: 1, b: undefined }), true);
  assert.equal(deepEqual({ a: null }, {}), false);
  assert.equal(deepEqual({ a: undefined }, { b: 1 }), false);
  assert.equal(deepEqual([], {}), false);
  assert.equal(deepEqual([1, 2], [1]), false);
  assert.equal(deepEqual({ constructor: 1 }, {}), false);
});

test("equality of JSON is that of its text, whatever the order of members", () => {
  const sorted = (value: unknown): string =>
    JSON.stringify(value, (_, member: unknown) =>
      typeof member === "object" && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
        : member,
    );
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (a, b) => {
      assert.equal(deepEqual(a, structuredClone(a)), true);
      assert.equal(deepEqual(a, b), sorted(a) === sorted(b));
    }),
  );
});

test("freezing goes to the depth", () => {
  const value = deepFreeze({ a: [{ b: 1 }] });
  assert.equal(Object.isFrozen(value.a[0]), true);
});
