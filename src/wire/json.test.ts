import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { jsonDepth } from "./json.ts";

test("depth counts arrays and objects, not the brackets inside strings", () => {
  assert.equal(jsonDepth(utf8("1")), 0);
  assert.equal(jsonDepth(utf8('{"[{\\"[": [{}, "\\\\"], "b": []}')), 3);
  assert.equal(jsonDepth(utf8("[".repeat(5000) + "]".repeat(5000))), 5000);
});
