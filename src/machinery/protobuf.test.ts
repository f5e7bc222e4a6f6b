import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "./decode.ts";
import { kind } from "./resource.ts";
import {
  decodeEnvelope,
  decodeMessage,
  encodeListMessage,
  encodeMessage,
  encodeObject,
  encodeWatchEvent,
} from "./protobuf.ts";
import {
  any,
  bool,
  bytes,
  double,
  duration,
  formsOf,
  inline,
  int32,
  int64,
  intOrString,
  lazy,
  list,
  listOf,
  map,
  microTime,
  object,
  of,
  quantity,
  quantityText,
  set,
  str,
  string,
  time,
  i32,
  type JsonValue,
  type Shape,
} from "./shape.ts";

const inner = object("api.core.v1.Inner", { inside: string(1) });
const schema = object("api.core.v1.Schema", {
  type: string(1),
  items: of(
    2,
    formsOf(
      lazy((): Shape => schema as Shape),
      "objects",
    ),
  ),
  rest: of(
    3,
    formsOf(
      lazy((): Shape => schema as Shape),
      "bool",
    ),
  ),
  after: map(
    4,
    formsOf(
      lazy((): Shape => schema as Shape),
      "strings",
    ),
  ),
});
const spec = object("api.core.v1.Spec", {
  text: string(1),
  yes: bool(2),
  small: int32(3),
  big: int64(4),
  real: double(5),
  data: bytes(6),
  at: time(7),
  precise: microTime(8),
  wait: duration(9),
  size: quantity(10),
  port: intOrString(11),
  raw: any(12),
  numbers: set(13, i32),
  labels: map(14, str),
  sizes: map(15, quantityText),
  extra: map(16, listOf(str)),
  inner: inline(17, inner),
  others: list(18, inner),
  schema: of(19, schema),
  hidden: string(0),
});
const thing = kind("api.core.v1.Thing", { spec: of(2, spec).always() });

const full: JsonValue = {
  metadata: { name: "a", creationTimestamp: "2024-01-02T03:04:05Z" },
  spec: {
    text: "é",
    yes: false,
    small: -5,
    big: 2 ** 53 - 1,
    real: 1.5,
    data: "AAEC",
    at: "2024-01-02T03:04:05Z",
    precise: "2024-01-02T03:04:05.000678Z",
    wait: "1h30m0.5s",
    size: "1500m",
    port: "http",
    raw: { a: [1, null] },
    numbers: [1, -2],
    labels: { b: "2", a: "" },
    sizes: { cpu: "1" },
    extra: { groups: ["a", "b"], none: [] },
    inside: "x",
    others: [{}, { inside: "y" }],
    schema: {
      items: [{ type: "a" }, {}],
      rest: false,
      after: { a: ["b"], c: { type: "d", rest: { items: { type: "e" } } } },
    },
  },
};

test("an object comes back from its message as it was", () => {
  const { object } = decode(thing, full);
  assert.deepEqual(decodeMessage(thing, encodeMessage(thing, object)), object);
});

test("zeros that say nothing are absent, and what is always there is filled in", () => {
  assert.deepEqual(decodeMessage(thing, Buffer.from("12040a001000", "hex")), {
    metadata: {},
    spec: { yes: false },
  });
});

test("the envelope names the type", () => {
  const body = encodeObject(thing, { apiVersion: "v1", kind: "Thing" });
  assert.equal(Buffer.from(body).subarray(0, 4).toString("hex"), "6b387300");
  const { apiVersion, kind: name, raw } = decodeEnvelope(body);
  assert.deepEqual([apiVersion, name, Buffer.from(raw).toString("hex")], ["v1", "Thing", ""]);
});

test("broken messages are refused with 400", () => {
  for (const hex of ["6b3873", "6b3873000a05", "6b387300120501"])
    assert.throws(() => decodeEnvelope(Buffer.from(hex, "hex")), { code: 400 }, hex);
  for (const hex of ["1205", "12020d01", "1203520178", "0801"])
    assert.throws(() => decodeMessage(thing, Buffer.from(hex, "hex")), { code: 400 }, hex);
});

test("lists and watch events are put together from ready messages", () => {
  const item = Buffer.from("0a00", "hex");
  assert.equal(Buffer.from(encodeListMessage({ resourceVersion: "7" }, [item])).toString("hex"), "0a0312013712020a00");
  assert.equal(Buffer.from(encodeWatchEvent("ADDED", item)).toString("hex"), "0a05414444454412040a020a00");
});
