import assert from "node:assert/strict";
import { test } from "node:test";
import { applyDefaults, decode, validate } from "./decode.ts";
import { kind } from "./resource.ts";
import {
  bool,
  bytes,
  int32,
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
