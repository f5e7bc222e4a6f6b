import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonValue } from "#machinery/shape.ts";
import { cellLengthMax, cellText } from "./cell-text.ts";

test("a cell holds its values as JSON, and texts as they are", () => {
  const rows: readonly (readonly [JsonValue[], string])[] = [
    [[], ""],
    [["a b"], "a b"],
    [["a", 1, true, null], "a,1,true,null"],
    [[{ a: "x", b: [1, { c: null }], "d\n": {} }], '{"a":"x","b":[1,{"c":null}],"d\\n":{}}'],
    [[[], [""]], '[],[""]'],
  ];
  for (const [values, expected] of rows) assert.equal(cellText(values), expected);
});

test("differs from upstream: a cell that is too long ends early", () => {
  const long = "x".repeat(1_000_000);
  const wide = Array.from({ length: 1_000_000 }, () => 1);
  for (const values of [[long], [{ a: long }], [wide], wide, [{ [long]: 1 }]]) {
    const cell = cellText(values);
    assert.equal(cell.length, cellLengthMax + 1);
    assert.ok(cell.endsWith("…"));
  }
  assert.equal(cellText(["x".repeat(cellLengthMax)]).length, cellLengthMax);
});
