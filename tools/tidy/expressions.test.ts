/** No expression of ours can be made to take more than linear time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { slowExpressions, slowness } from "./expressions.ts";
import { root, sourcePaths } from "./sources.ts";

test("every expression takes linear time, and none is made of a text that is not in the source", () => {
  assert.deepEqual(slowExpressions(root, sourcePaths()), []);
});

test("the check tells expressions that backtrack from those that do not", () => {
  for (const source of ["^(a+)+$", "x+x+$", "\\s+$", "^(?:\\s*\\n)*$", "(a|a)*b"])
    assert.ok(slowness(source, ""), source);
  for (const source of ["^a+b+$", "^[a-z]+$", "a{1,3}", "^\\s*#"])
    assert.equal(slowness(source, ""), undefined, source);
});
