import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJsonPath } from "./json-path.ts";
import type { JsonValue } from "./shape.ts";

const document = {
  kind: "Pod",
  metadata: { name: "web", annotations: { "a.b/c": "x" } },
  spec: { list: [1, 2, 3, 4], containers: [{ name: "a", port: 80 }, { name: "b" }] },
  status: {
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Other", status: "False" },
    ],
  },
};

test("paths lead where kubectl's lead", () => {
  const rows: readonly (readonly [string, unknown[]])[] = [
    [".kind", ["Pod"]],
    ["$.metadata.name", ["web"]],
    [".metadata.absent.deeper", []],
    [".metadata.annotations['a.b/c']", ["x"]],
    [".metadata.annotations.a\\.b/c", ["x"]],
    [".spec.list[0]", [1]],
    [".spec.list[-1]", [4]],
    [".spec.list[9]", []],
    [".spec.list[1:3]", [2, 3]],
    [".spec.list[0:4:2]", [1, 3]],
    [".spec.list[0,2]", [1, 3]],
    [".spec.containers[*].name", ["a", "b"]],
    [".spec.containers.*.name", ["a", "b"]],
    ["..port", [80]],
    [".metadata['name','absent']", ["web"]],
    ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
    [".status.conditions[?(@.type == 'Other')].status", ["False"]],
    [".spec.containers[?(@.port>79)].name", ["a"]],
    [".spec.containers[?(@.port)].name", ["a"]],
    ['.spec.containers[?(@.name!="a")].name', ["b"]],
    ['.spec.containers[?(@.name==")]")].name', []],
    [".spec[?(@.x)].y[?(@.z)]", []],
    [".metadata.constructor", []],
    [".", [document]],
  ];
  for (const [path, expected] of rows) assert.deepEqual(parseJsonPath(path)(document), expected, path);
});

test("what is no path is refused", () => {
  for (const path of ["kind", ".a[", ".a[?(@.b", ".a[x]", ".a[]", ".a,b"])
    assert.throws(() => parseJsonPath(path), { name: "JsonPathError" }, path);
});

test("a path that leads to the same values over and over ends somewhere", () => {
  const list = Array.from({ length: 1_000 }, (_, at) => ({ at, inner: [at] }));
  let nested: JsonValue = list;
  for (let depth = 0; depth < 40; depth += 1) nested = { a: nested };
  for (const path of ["..", "..a..a..a..at", "..*..*..*", "['a','a']".repeat(30), "..[*]..[*]..inner"]) {
    const found = parseJsonPath(path)(nested);
    assert.ok(found.length <= 100_000, `${path} leads to ${found.length} values`);
  }
  assert.equal(parseJsonPath("..at")({ list }).length, 1_000);
});

test("a path that finds the same over and over comes to an end, with the first of what it leads to", () => {
  const document = { list: Array.from({ length: 30_000 }, (_, at) => ({ at, inner: [[[[at]]]] })), large: {} };
  const deep = ".".repeat(4_000);
  for (const path of [deep, `${deep}at`, "..[*]".repeat(700), "[*,*,*,*]".repeat(400), "..[?(@..at==1)]".repeat(200)]) {
    const values = parseJsonPath(path)(document);
    assert.ok(values.length <= 100_000, `${path.slice(0, 20)} gave ${values.length}`);
  }
});

test("slices count from either end, and in steps", () => {
  const list = [0, 1, 2, 3, 4, 5];
  const rows: readonly (readonly [string, readonly number[]])[] = [
    ["[1:3]", [1, 2]],
    ["[-2:]", [4, 5]],
    ["[:-4]", [0, 1]],
    ["[::2]", [0, 2, 4]],
    ["[1:99:3]", [1, 4]],
    ["[4:2]", []],
    ["[::0]", []],
  ];
  for (const [path, expected] of rows) assert.deepEqual(parseJsonPath(path)(list), expected, path);
});
