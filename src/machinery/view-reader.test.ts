import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { utf8 } from "#base/bytes.ts";
import { Interned } from "./interned.ts";
import type { KubeObject } from "./meta.ts";
import { covers, pick, union, type FieldTree } from "./view.ts";
import { ViewReader } from "./view-reader.ts";

const names = ["a", "b", 'c"\\', "é", "__proto__x", "name", "labels"];
const name = fc.constantFrom(...names);

const { tree } = fc.letrec<{ tree: FieldTree; inner: true | FieldTree }>((tie) => ({
  inner: fc.oneof({ maxDepth: 4 }, fc.constant(true as const), tie("tree")),
  tree: fc.dictionary(name, tie("inner"), { maxKeys: 4 }),
}));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, 0, -1.5, 12_345_678, "", "text", 'quote " and \\', "ü{[,]}"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(name, tie("value"), { maxKeys: 4 }),
  ),
}));

/** With what is in every declaration. */
function declared(fields: FieldTree): FieldTree {
  return { ...fields, apiVersion: true, kind: true, metadata: { name: true, labels: true, resourceVersion: true } };
}

function objectOf(rest: unknown): KubeObject {
  const more = typeof rest === "object" && rest !== null && !Array.isArray(rest) ? rest : { a: rest };
  const metadata = { name: "x", labels: { app: "a" }, annotations: { long: "{".repeat(20) }, managedFields: [] };
  return { kind: "K", apiVersion: "v1", metadata, ...more };
}

const plain = (object: unknown): unknown => JSON.parse(JSON.stringify(object));

test("a view read from bytes holds what would be picked from the decoded object", () => {
  const interned = new Interned();
  fc.assert(
    fc.property(tree, value, fc.constantFrom(undefined, 1, "\t"), (fields, rest, space) => {
      const object = objectOf(rest);
      const read = new ViewReader(declared(fields), interned).read(utf8(JSON.stringify(object, undefined, space)), "7");
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: "7" } };
      assert.deepEqual(plain(read), plain(pick(plain(stored) as KubeObject, declared(fields))));
      assert.ok(Object.isFrozen(read) && Object.isFrozen(read.metadata));
    }),
  );
});

test("values that two objects have alike are held once", () => {
  const reader = new ViewReader(declared({ spec: { list: { a: true }, whole: true } }), new Interned());
  const bytes = (b: string): Uint8Array =>
    utf8(JSON.stringify(objectOf({ spec: { list: [{ a: 1, b }], whole: { of: ["it"] } } })));
  const read = (b: string): { spec: { list: unknown; whole: unknown } } & KubeObject =>
    // Holds because of what the bytes are made of.
    reader.read(bytes(b), "1") as never;
  const [one, other] = [read("one"), read("other")];
  assert.equal(one.metadata.labels, other.metadata.labels);
  assert.equal(one.spec.whole, other.spec.whole);
  assert.equal(one.spec.list, other.spec.list);
});

test("what is held to be shared is bounded", () => {
  const interned = new Interned();
  for (let at = 0; at < 100_000; at += 1) interned.read(`"${at}"`);
  assert.ok(interned.size <= 40_000, `${interned.size} values`);
});

test("bytes that end early are refused", () => {
  const bytes = utf8(JSON.stringify(objectOf({ spec: { a: ["}", { b: 1 }] } })));
  const fields = declared({ spec: { a: true }, z: true });
  for (let end = 0; end < bytes.length; end += 1)
    assert.throws(() => new ViewReader(fields, new Interned()).read(bytes.subarray(0, end), "1"), SyntaxError);
});

test("a union holds what each of two declarations holds", () => {
  fc.assert(
    fc.property(fc.option(tree, { nil: undefined }), fc.option(tree, { nil: undefined }), (a, b) => {
      const both = union(a, b);
      assert.ok(covers(both, a) && covers(both, b));
      assert.equal(covers(a, b), JSON.stringify(plainOrNull(union(a, b))) === JSON.stringify(plainOrNull(a)));
    }),
  );
});

function plainOrNull(fields: FieldTree | undefined): unknown {
  return fields ? plain(fields) : null;
}
