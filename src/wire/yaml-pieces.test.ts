/** Large values as YAML: the same text as at once, in pieces of bounded size. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { atOnce } from "#base/turns.ts";
import { formatYaml, parseYaml } from "./yaml.ts";
import { formattingYaml } from "./yaml-pieces.ts";

test("a value made in pieces is the text that it is at once", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom("a: b", "- a", "? a", " a\nb", "a\n\nb\n", "\n\n", "null", "1", "|", "x\n  y"),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "medium" },
      text,
      fc.integer(),
      fc.constantFrom(null, true, false),
      tie("list"),
      tie("object"),
    ),
    list: fc.array(tie("value"), { maxLength: 6 }),
    object: fc.dictionary(text, tie("value"), { maxKeys: 6 }),
  }));
  fc.assert(
    fc.property(value, fc.integer({ min: 60, max: 2_000 }), (made, costMax) => {
      assert.equal(atOnce(formattingYaml(made, costMax)), formatYaml(made));
    }),
    { numRuns: 1_000 },
  );
});

function nested(levels: number, inner: unknown = 1): unknown {
  let value = inner;
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? { a: value } : [value];
  return value;
}

test("long texts and deep values stand in one line and are read back as they were", () => {
  for (const value of [
    "x\n".repeat(40_000),
    { a: ["y\t\u0085\u2028\u007f\ufeff".repeat(10_000)], b: { c: '"\\'.repeat(30_000) } },
    ["é".repeat(40_000), 1],
    Array.from({ length: 60 }, () => nested(700)),
    {
      a: nested(
        60,
        Array.from({ length: 5_000 }, () => ({ b: "c: d" })),
      ),
    },
  ]) {
    const text = atOnce(formattingYaml(value));
    assert.deepEqual(JSON.parse(JSON.stringify(parseYaml(text))), value);
    assert.match(text, /"/);
  }
});

test("a large value rests after every few hundred values", () => {
  const rests = (value: unknown): number => {
    let count = 0;
    for (const work = formattingYaml(value); work.next().done !== true;) count += 1;
    return count;
  };
  const wide = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, "v"]));
  assert.ok(rests(wide) >= 30);
  assert.ok(rests({ spec: { list: Array.from({ length: 20_000 }, () => ({ a: 1 })) } }) >= 60);
  assert.ok(rests({ a: "b" }) <= 2);
});
