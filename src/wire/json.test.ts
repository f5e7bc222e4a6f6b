import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { utf8 } from "#base/bytes.ts";
import { duplicateJsonKeys, jsonDepth } from "./json.ts";

test("depth counts arrays and objects, not the brackets inside strings", () => {
  assert.equal(jsonDepth(utf8("1")), 0);
  assert.equal(jsonDepth(utf8('{"[{\\"[": [{}, "\\\\"], "b": []}')), 3);
  assert.equal(jsonDepth(utf8("[".repeat(5000) + "]".repeat(5000))), 5000);
});

test("a key that stands twice is reported with its path", () => {
  const text = `{"a": {"b": [1, {"c": 1, "d": "x,{", "c": 2}], "b": 3}, "e": "e", "e\\u0020": 1, "e ": 2, "a": {"a": 1}}`;
  assert.deepEqual(duplicateJsonKeys(utf8(text)), ["a.b[1].c", "a.b", "e ", "a"]);
});

test("what JSON.stringify wrote has no key twice", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.deepEqual(duplicateJsonKeys(utf8(JSON.stringify(JSON.parse(text)))), []);
    }),
  );
});

test("no more than 100 are reported", () => {
  assert.equal(duplicateJsonKeys(utf8(`{${'"a":1,'.repeat(500)}"b":1}`)).length, 100);
});
