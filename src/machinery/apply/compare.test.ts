/** What counts as a change, where conflicts between managers are decided. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { any, anyJson, map, object, type JsonValue } from "../shape.ts";
import { compareObjects } from "./compare.ts";
import { shownPaths } from "./field-set.ts";

const shape = object("Thing", { free: any(1), values: map(2, anyJson) });

for (const [before, after] of [
  [{ q: 1 }, 1],
  [{ q: 1 }, [1]],
  [1, { q: 1 }],
  [[1], { q: 1 }],
] satisfies (readonly [JsonValue, JsonValue])[])
  for (const field of ["free", "values"])
    test(`${field} that become ${JSON.stringify(after)} where they were ${JSON.stringify(before)} are modified themselves`, () => {
      const found = compareObjects({ [field]: { z: before } }, { [field]: { z: after } }, shape);
      assert.deepEqual(shownPaths(found?.modified ?? {}), [`.${field}.z`]);
    });
