import assert from "node:assert/strict";
import { test } from "node:test";
import { deepFreeze } from "./freeze.ts";
import { applyJsonPatch, operationsMax } from "./json-patch.ts";
import type { JsonObject } from "./shape.ts";

const document = deepFreeze({ foo: { bar: ["a", "b"] }, "a/b": 1, "m~n": 2, n: null });

test("operations do what the RFC says", () => {
  const rows: readonly (readonly [JsonObject[], JsonObject])[] = [
    [[{ op: "add", path: "/foo/baz", value: 1 }], { foo: { bar: ["a", "b"], baz: 1 } }],
    [[{ op: "add", path: "/foo/bar/1", value: "x" }], { foo: { bar: ["a", "x", "b"] } }],
    [[{ op: "add", path: "/foo/bar/-", value: "x" }], { foo: { bar: ["a", "b", "x"] } }],
    [[{ op: "add", path: "/foo/bar/-1", value: "x" }], { foo: { bar: ["a", "b", "x"] } }],
    [[{ op: "remove", path: "/foo/bar/0" }], { foo: { bar: ["b"] } }],
    [[{ op: "replace", path: "/foo/bar/-1", value: "x" }], { foo: { bar: ["a", "x"] } }],
    [[{ op: "replace", path: "/a~1b", value: 3 }], { "a/b": 3 }],
    [[{ op: "replace", path: "/absent", value: 3 }], { absent: 3 }],
    [[{ op: "move", from: "/foo/bar/0", path: "/foo/bar/1" }], { foo: { bar: ["b", "a"] } }],
    [
      [
        { op: "copy", from: "/foo/bar", path: "/baz" },
        { op: "add", path: "/baz/0", value: "x" },
      ],
      { baz: ["x", "a", "b"] },
    ],
    [[{ op: "test", path: "/foo", value: { bar: ["a", "b"] } }], {}],
    [[{ op: "test", path: "/n", value: null }], {}],
    [[{ op: "test", path: "/m~0n", value: 2 }], {}],
    [[{ op: "add", path: "/__proto__", value: { x: 1 } }], JSON.parse('{"__proto__":{"x":1}}') as JsonObject],
  ];
  for (const [operations, changed] of rows) {
    deepFreeze(operations);
    const expected = { ...document, ...changed };
    if (Object.hasOwn(changed, "__proto__"))
      assert.deepEqual(Object.keys(applyJsonPatch(document, operations) ?? {}).at(-1), "__proto__");
    else assert.deepEqual(applyJsonPatch(document, operations), expected, JSON.stringify(operations));
  }
});

test("what does not apply is refused with 422 and says why", () => {
  const message = "the server rejected our request due to an error in our request";
  const rows: readonly (readonly [JsonObject, RegExp])[] = [
    [{ op: "test", path: "/foo", value: 1 }, /testing value \/foo failed/],
    [{ op: "add", path: "/x/y", value: 1 }, /add operation does not apply: doc is missing path: "\/x\/y"/],
    [{ op: "add", path: "/foo/bar/4", value: 1 }, /Unable to access invalid index: 4/],
    [{ op: "add", path: "/foo/bar/x", value: 1 }, /not a proper array index: 'x'/],
    [{ op: "remove", path: "/x" }, /nonexistent key: x/],
    [{ op: "remove", path: "/constructor" }, /nonexistent key/],
    [{ op: "remove" }, /missing path field/],
    [{ op: "jump", path: "/foo" }, /Unexpected kind: jump/],
  ];
  for (const [operation, cause] of rows) {
    assert.throws(
      () => applyJsonPatch(document, [operation]),
      (error: Error & { code: number; details: { causes: { message: string }[] } }) =>
        error.code === 422 && error.message === message && cause.test(error.details.causes[0]?.message ?? ""),
      JSON.stringify(operation),
    );
  }
});

test("a patch is limited in length and in what it copies", () => {
  const many = Array.from({ length: operationsMax + 1 }, () => ({ op: "test", path: "/n", value: null }));
  assert.throws(() => applyJsonPatch(document, many), {
    code: 413,
    message: "The allowed maximum operations in a JSON patch is 10000, got 10001",
  });
  const doubling = Array.from({ length: 40 }, () => ({ op: "copy", from: "/foo", path: "/foo/bar/-" }));
  assert.throws(() => applyJsonPatch(document, doubling), { code: 422 });
  assert.throws(() => applyJsonPatch(document, { op: "add" }), { code: 400 });
});

test("a patch of many operations on long lists or wide objects is refused before it costs more than others can wait", () => {
  const long = { list: Array.from({ length: 200_000 }, (_, at) => at) };
  const wide = { map: Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`k${at}`, at])) };
  const many = (operation: JsonObject): JsonObject[] => Array.from({ length: operationsMax }, () => operation);
  const startedMs = performance.now();
  for (const [target, operation] of [
    [long, { op: "add", path: "/list/0", value: 1 }],
    [long, { op: "remove", path: "/list/0" }],
    [wide, { op: "test", path: "/map", value: { ...wide.map } }],
  ] as const)
    assert.throws(() => applyJsonPatch(target, many(operation)), { code: 413 });
  assert.ok(performance.now() - startedMs < 20_000);
  assert.deepEqual(Object(applyJsonPatch(long, many({ op: "add", path: "/list/-", value: 1 }))).list.length, 210_000);
});
