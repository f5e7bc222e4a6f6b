import assert from "node:assert/strict";
import { test } from "node:test";
import { applyDefaults, decode, validate } from "./decode.ts";
import { readJson } from "./json-reader.ts";
import { kind } from "./resource.ts";
import {
  bool,
  bytes,
  int32,
  int64,
  intOrString,
  list,
  listMap,
  map,
  object,
  of,
  oneOf,
  quantityText,
  str,
  string,
  time,
  type JsonValue,
} from "./shape.ts";

const port = object("api.core.v1.Port", { name: string(1), port: int32(2).always(), target: intOrString(3) });
const spec = object("api.core.v1.ThingSpec", {
  replicas: int32(1).default(1).min(0),
  count: int32(2).dropZero(),
  policy: oneOf(3, ["Always", "Never"]).default("Always"),
  ports: listMap(4, ["port"], port),
  limits: map(5, quantityText),
  data: bytes(6),
  paused: bool(7).immutable(),
  names: list(8, str),
  title: string(9).required(),
  at: time(10),
  className: string(11).keepZero(),
  seconds: int64(12),
});
const thing = kind("api.core.v1.Thing", { spec: of(2, spec).always() });

const decodeSpec = (value: JsonValue): unknown => decode(thing, { spec: value }).object["spec"];

test("decode() keeps known fields, drops empty ones and fills in those that are always there", () => {
  assert.deepEqual(decode(thing, { apiVersion: "v1", kind: "Thing" }).object, {
    apiVersion: "v1",
    kind: "Thing",
    metadata: {},
    spec: {},
  });
  assert.deepEqual(decodeSpec({ replicas: 0, count: 0, policy: "", ports: [{ name: null }], limits: {}, names: [] }), {
    replicas: 0,
    ports: [{ port: 0 }],
  });
  assert.deepEqual(decodeSpec({ className: "", title: "" }), { className: "" });
});

test("decode() reports unknown fields with their paths", () => {
  const { problems } = decode(thing, { spec: { ports: [{ port: 1 }, { prt: 2 }], foo: 1 }, bar: null });
  assert.deepEqual(problems, ['unknown field "spec.ports[1].prt"', 'unknown field "spec.foo"', 'unknown field "bar"']);
});

test("decode() writes quantities and times in canonical form", () => {
  assert.deepEqual(
    decodeSpec({ limits: { cpu: "1000m", memory: "1024Mi", a: 0.5, b: "1.5Gi", c: "1e3", d: "1000", e: "100Ki" } }),
    { limits: { cpu: "1", memory: "1Gi", a: "500m", b: "1536Mi", c: "1e3", d: "1k", e: "100Ki" } },
  );
  assert.deepEqual(decodeSpec({ at: "2024-01-02T03:04:05.678+01:00" }), { at: "2024-01-02T02:04:05Z" });
});

test("decode() keeps a key named __proto__ as data", () => {
  const { object } = decode(thing, JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}'));
  assert.equal(JSON.stringify(object["metadata"]), '{"labels":{"__proto__":"x"}}');
});

const refusals: readonly (readonly [string, JsonValue, string])[] = [
  [
    "text for a number",
    { replicas: "3" },
    "json: cannot unmarshal string into Go struct field ThingSpec.spec.replicas of type int32",
  ],
  [
    "a fraction",
    { replicas: 1.5 },
    "json: cannot unmarshal number 1.5 into Go struct field ThingSpec.spec.replicas of type int32",
  ],
  [
    "a list for an object",
    { ports: [[]] },
    "json: cannot unmarshal array into Go struct field ThingSpec.spec.ports of type v1.Port",
  ],
  [
    "an object for a list",
    { ports: {} },
    "json: cannot unmarshal object into Go struct field ThingSpec.spec.ports of type []v1.Port",
  ],
  ["a bad quantity", { limits: { cpu: "1mm" } }, "unable to parse quantity's suffix"],
  ["bad base64", { data: "%" }, "illegal base64 data at input byte 0"],
];
for (const [name, value, sentence] of refusals) {
  test(`decode() refuses ${name} with upstream's sentence`, () => {
    assert.throws(() => decodeSpec(value), {
      code: 400,
      message: `Thing in version "v1" cannot be handled as a Thing: ${sentence}`,
    });
  });
}

test("applyDefaults() fills in what is absent, once", () => {
  const { object } = decode(thing, {});
  applyDefaults(thing, object);
  applyDefaults(thing, object);
  assert.deepEqual(object["spec"], { replicas: 1, policy: "Always" });
});

test("validate() gives all causes at once", () => {
  const errors = validate(
    thing,
    { spec: { replicas: -1, policy: "Maybe", paused: true } },
    { spec: { paused: false } },
  );
  assert.deepEqual(errors.map((error) => `${error.field}: ${error.message}`).sort(), [
    "spec.paused: Invalid value: true: field is immutable",
    'spec.policy: Unsupported value: "Maybe": supported values: "Always", "Never"',
    "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    "spec.title: Required value",
  ]);
});

test("numbers are judged by how they are written, as Go does", () => {
  const read = (text: string): unknown => {
    const { value, literals } = readJson(`{"spec":${text}}`);
    return decode(thing, value, literals).object["spec"];
  };
  for (const [field, literal] of [
    ["replicas", "1.0"],
    ["replicas", "1e2"],
    ["seconds", "1.0"],
    ["seconds", "1e30"],
    ["seconds", "99999999999999999999"],
    ["replicas", "2147483648"],
  ] as const)
    assert.throws(() => read(`{"${field}":${literal}}`), {
      message: new RegExp(
        `json: cannot unmarshal number ${literal} into Go struct field ThingSpec\\.spec\\.${field} of type int`,
      ),
    });
  assert.throws(() => read('{"seconds":9007199254740993}'), /expected an integer between .*, found 9007199254740993/);
  assert.deepEqual(read('{"seconds":9007199254740991}'), read('{"seconds": 9007199254740991}'));
  const limits = (literal: string): unknown => Object(read(`{"limits":{"cpu":${literal}}}`)).limits.cpu;
  assert.deepEqual(['" 1.5"', '"1Ki\\t"'].map(limits), ["1500m", "1Ki"]);
  assert.deepEqual(["1e3", "0.0000000005", "1.50", "10000000000000000001"].map(limits), [
    "1e3",
    "1n",
    "1500m",
    "10000000000000000001",
  ]);
});

test("names that every object inherits are unknown fields, and keys of maps like any other", () => {
  const json = JSON.parse(
    '{"spec":{"title":"x","constructor":1,"limits":{"constructor":"1","__proto__":"2","toString":"3"}}}',
  ) as JsonValue;
  const { object, problems } = decode(thing, json);
  assert.deepEqual(problems, ['unknown field "spec.constructor"']);
  assert.equal(JSON.stringify(Object(object["spec"]).limits), '{"constructor":"1","__proto__":"2","toString":"3"}');
});

test("days that a month does not have are refused", () => {
  assert.throws(() => decodeSpec({ at: "2026-02-30T00:00:00Z" }), /day out of range/);
  assert.throws(() => decodeSpec({ at: "2026-02-01T24:00:00Z" }), /hour out of range/);
});
