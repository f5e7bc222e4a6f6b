import assert from "node:assert/strict";
import { test } from "node:test";
import type { FieldError } from "./field-error.ts";
import { checkMetaUpdate, checkNewMeta, checkSelector } from "./object-meta-rules.ts";

const sentences = (errors: readonly FieldError[]): string[] =>
  errors.map((error) => `${error.field}: ${error.message}`);

test("checkNewMeta() gives all causes at once", () => {
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u", controller: true };
  const errors = checkNewMeta(
    {
      labels: { "a b": "c d" },
      ownerReferences: [owner, { ...owner, name: "" }],
      annotations: { a: "x".repeat(262_144) },
    },
    { namespaced: true },
  );
  assert.deepEqual(
    errors.map((error) => `${error.reason} ${error.field}`),
    [
      "FieldValueRequired metadata.name",
      "FieldValueRequired metadata.namespace",
      "FieldValueInvalid metadata.labels",
      "FieldValueInvalid metadata.labels",
      "FieldValueTooLong metadata.annotations",
      "FieldValueInvalid metadata.ownerReferences.name",
      "FieldValueInvalid metadata.ownerReferences",
    ],
  );
});

test("checkMetaUpdate() keeps what may not change", () => {
  const old = { name: "a", uid: "1", resourceVersion: "1", deletionTimestamp: "2024-01-01T00:00:00Z" };
  assert.deepEqual(checkMetaUpdate(old, old, "free"), []);
  assert.deepEqual(
    sentences(checkMetaUpdate({ ...old, name: "b", resourceVersion: "", finalizers: ["x/y"] }, old, "free")),
    [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/y"}',
      'metadata.resourceVersion: Invalid value: "": must be specified for an update',
      'metadata.name: Invalid value: "b": field is immutable',
    ],
  );
});

test("checkSelector() refuses operators without the values they need", () => {
  const selector = {
    matchExpressions: [
      { key: "a", operator: "In" },
      { key: "a", operator: "Like", values: ["b"] },
    ],
  };
  assert.deepEqual(sentences(checkSelector("spec.selector", selector)), [
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    'spec.selector.matchExpressions[1].operator: Invalid value: "Like": not a valid selector operator',
  ]);
});
