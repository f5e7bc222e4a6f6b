import assert from "node:assert/strict";
import { test } from "node:test";
import { forgetProto, own } from "./own.ts";

test("own() finds members of the record and nothing that objects inherit", () => {
  const record: Record<string, string> = { a: "1" };
  assert.equal(own(record, "a"), "1");
  for (const name of ["b", "constructor", "toString", "__proto__", "__defineGetter__"])
    assert.equal(own(record, name), undefined, name);
  assert.equal(own(undefined, "a"), undefined);
});

test("after forgetProto() a key __proto__ is a member like any other", () => {
  forgetProto();
  const record: Record<string, unknown> = {};
  record["__proto__"] = { polluted: true };
  assert.deepEqual(Object.keys(record), ["__proto__"]);
  assert.equal("polluted" in record, false);
});

test("own() is refused a record whose keys are declared: one that is missing there would never be found", () => {
  const seen: { readonly a?: string } = { a: "1" };
  // @ts-expect-error: read as seen.a, where the compiler knows every key.
  assert.equal(own(seen, "a"), "1");
});
