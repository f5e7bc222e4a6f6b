/** What a schema does to objects, and what is wrong with schemas, as tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSchema, customKind, type Schema } from "./custom-kind.ts";
import type { KubeObject } from "./meta.ts";
import type { JsonObject } from "./shape.ts";

const schema: Schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["name"],
      properties: {
        name: { type: "string", minLength: 2, pattern: "^[a-z]+$" },
        size: { type: "integer", default: 1, maximum: 5 },
        color: { type: "string", enum: ["red", "blue"] },
        port: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
        address: { type: "string", format: "ipv4" },
        maybe: { type: "string", nullable: true },
        labels: { type: "object", additionalProperties: { type: "string" } },
        free: {
          type: "object",
          "x-kubernetes-preserve-unknown-fields": true,
          properties: { known: { type: "object", properties: {} } },
        },
        template: {
          type: "object",
          "x-kubernetes-embedded-resource": true,
          properties: { spec: { type: "object" } },
        },
        ports: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["port"],
          items: {
            type: "object",
            required: ["port"],
            properties: { port: { type: "integer" }, of: { type: "number" } },
          },
        },
        tags: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
        one: {
          type: "object",
          oneOf: [{ required: ["a"] }, { required: ["b"] }],
          properties: { a: { type: "string" }, b: { type: "string" } },
        },
      },
    },
  },
};
const kind = customKind("v1.Toy", schema);

function read(spec: JsonObject): { readonly spec: unknown; readonly problems: readonly string[] } {
  const { object, problems } = kind.read({ apiVersion: "toys.example.com/v1", kind: "Toy", metadata: {}, spec });
  kind.defaults?.(object as never);
  return { spec: object["spec"], problems };
}

test("what the schema does not know is left out and named", () => {
  const { spec, problems } = read({
    name: "ab",
    extra: 1,
    labels: { any: "x" },
    free: { any: { deep: [1, { a: 1 }] }, known: { lost: 1 } },
    template: { apiVersion: "v1", kind: "Pod", metadata: { name: "x", odd: 1 }, spec: { lost: 1 } },
    ports: [{ port: 1, lost: 1 }],
  });
  assert.deepEqual(spec, {
    name: "ab",
    labels: { any: "x" },
    free: { any: { deep: [1, { a: 1 }] }, known: {} },
    template: { apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, spec: {} },
    ports: [{ port: 1 }],
    size: 1,
  });
  assert.deepEqual(problems, [
    'unknown field "spec.extra"',
    'unknown field "spec.free.known.lost"',
    'unknown field "spec.template.metadata.odd"',
    'unknown field "spec.template.spec.lost"',
    'unknown field "spec.ports[0].lost"',
  ]);
});

test("nulls go where there may be none, and make place for defaults", () => {
  assert.deepEqual(read({ name: null, size: null, maybe: null, free: { a: null } }).spec, {
    size: 1,
    maybe: null,
    free: { a: null },
  });
});

test("metadata of unknown form is refused", () => {
  assert.throws(() => kind.read({ metadata: { labels: 5 } }), /v1.*Toy.*cannot unmarshal number/);
});

function wrong(spec: JsonObject, old?: JsonObject): readonly string[] {
  // Holds because the check reads the schema's part only.
  const whole = (of: JsonObject): KubeObject =>
    ({ apiVersion: "toys.example.com/v1", kind: "Toy", metadata: {}, spec: of }) as KubeObject;
  const context = { old: old && whole(old), subresource: "" };
  return (kind.check?.(whole(spec), context) ?? []).map(({ field, message }) => `${field}: ${message}`);
}

const refused: readonly (readonly [JsonObject, readonly string[]])[] = [
  [{ name: "ok", size: 5, color: "red", port: "x", address: "1.2.3.4", maybe: null }, []],
  [{}, ["spec.name: Required value"]],
  [{ name: 5 }, ['spec.name: Invalid value: "integer": spec.name in body must be of type string: "integer"']],
  [
    { name: "A" },
    [
      'spec.name: Invalid value: "A": spec.name in body should be at least 2 chars long',
      "spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'",
    ],
  ],
  [{ name: "ok", size: 6 }, ["spec.size: Invalid value: 6: spec.size in body should be less than or equal to 5"]],
  [
    { name: "ok", size: 1.5 },
    ['spec.size: Invalid value: "number": spec.size in body must be of type integer: "number"'],
  ],
  [{ name: "ok", color: "green" }, ['spec.color: Unsupported value: "green": supported values: "red", "blue"']],
  [{ name: "ok", address: "x" }, ['spec.address: Invalid value: "x": spec.address in body must be of type ipv4: "x"']],
  [
    { name: "ok", labels: { a: 1 } },
    ['spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"'],
  ],
  [{ name: "ok", ports: [{ port: 1 }, { port: 1, of: 2.5 }] }, ['spec.ports[1]: Duplicate value: {"port":1}']],
  [{ name: "ok", tags: ["a", "b", "a"] }, ['spec.tags[2]: Duplicate value: "a"']],
  [
    { name: "ok", one: { a: "1", b: "2" } },
    ['<nil>: Invalid value: "": "spec.one" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  ],
  [{ name: "ok", template: { kind: "Pod" } }, ["spec.template.apiVersion: Required value"]],
];

test("objects are held to the schema in upstream's sentences", () => {
  for (const [spec, expected] of refused) assert.deepEqual(wrong(spec), expected, JSON.stringify(spec));
});

test("what was wrong before is passed over as long as it does not change", () => {
  const old = { name: "A", size: 9, ports: [{ port: 1, of: "x" }] };
  assert.deepEqual(wrong({ ...old, ports: [{ port: 2 }, { port: 1, of: "x" }] }, old), []);
  assert.equal(wrong({ ...old, size: 10 }, old).length, 1);
});

const root = (spec: Schema): Schema => ({ type: "object", properties: { spec } });
const schemas: readonly (readonly [Schema, readonly string[]])[] = [
  [schema, []],
  [{ "x-kubernetes-preserve-unknown-fields": true, type: "object" }, []],
  [{ type: "object", "x-kubernetes-validations": [{ rule: "self.spec.size > 1" }] }, []],
  [{}, ["s.type: Required value: must not be empty at the root"]],
  [root({}), ["s.properties[spec].type: Required value: must not be empty for specified object fields"]],
  [root({ type: "array" }), ["s.properties[spec].items: Required value: must be specified"]],
  [
    root({ type: "string", default: 5 }),
    ['s.properties[spec].default: Invalid value: "integer":  in body must be of type string: "integer"'],
  ],
  [
    root({ type: "object", properties: { a: { type: "string" } }, default: { b: 1 } }),
    ['s.properties[spec].default: Invalid value: {"b":1}: must not have unknown fields'],
  ],
  [
    root({ type: "string", anyOf: [{ type: "string" }] }),
    ["s.properties[spec].anyOf[0].type: Forbidden: must be empty to be structural"],
  ],
  [
    { type: "object", properties: { metadata: { type: "object", properties: { labels: { type: "object" } } } } },
    [
      "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
    ],
  ],
  [root({ type: "string", $ref: "#/x" }), ["s.properties[spec].$ref: Forbidden: $ref is not supported"]],
];

test("schemas are held to being structural, with defaults that fit", () => {
  for (const [given, expected] of schemas)
    assert.deepEqual(
      checkSchema(given, "s").map(({ field, message }) => `${field}: ${message}`),
      expected,
    );
});

function checked(spec: JsonObject, properties: Readonly<Record<string, Schema>>, old?: JsonObject): readonly string[] {
  const made = customKind("v1.Toy", {
    type: "object",
    properties: { spec: { type: "object", properties } },
  });
  const whole = (of: JsonObject): KubeObject => ({ metadata: {}, spec: of }) as unknown as KubeObject;
  const context = { old: old && whole(old), subresource: "" } as unknown as Parameters<typeof check>[1];
  const check = made.check ?? (() => []);
  return check(whole(spec), context).map(({ field, message }) => `${field}: ${message}`);
}

test("patterns are Go's: flags in front are read, and what Go does not read is refused with the definition", () => {
  const problems = (pattern: string): readonly string[] =>
    checkSchema({ type: "object", properties: { a: { type: "string", pattern } } }, "schema").map(
      ({ field, message }) => `${field}: ${message}`,
    );
  assert.deepEqual(problems("(?i)^(ab)+$"), []);
  assert.deepEqual(problems("^(0|(([0-9]+)y)?(([0-9]+)ms)?)$"), []);
  for (const pattern of ["(a)\\1", "(?=a)b", "(?!a)b", "("])
    assert.match(
      problems(pattern).join(),
      /^schema\.properties\[a\]\.pattern: .*must be a valid regular expression, but isn't: error parsing regexp: /,
      pattern,
    );
  assert.deepEqual(checked({ a: "ABab" }, { a: { type: "string", pattern: "(?i)^(ab)+$" } }), []);
});

test("patterns and formats of hostile definitions take no more time than the text is long", () => {
  const startedMs = performance.now();
  const long = "a".repeat(200_000);
  assert.equal(checked({ a: `${long}!` }, { a: { type: "string", pattern: "^(a+)+$" } }).length, 1);
  assert.throws(() => checked({ a: long }, { a: { type: "string", pattern: "(a?){1000}a{1000}" } }), { code: 413 });
  const zeros = "0".repeat(1_000_000);
  for (const format of [
    "duration",
    "date-time",
    "hostname",
    "email",
    "uri",
    "mac",
    "rgbcolor",
    "creditcard",
    "cidr",
    "ipv6",
    "byte",
    "isbn",
  ])
    for (const text of [
      `${zeros}!`,
      `${"0 ".repeat(300_000)}!`,
      `${"-".repeat(300_000)}!`,
      `rgb(${" ".repeat(300_000)}`,
      "a@".repeat(300_000),
      ":".repeat(300_000),
      `${"1s".repeat(300_000)}!`,
    ])
      checked({ a: text }, { a: { type: "string", format } });
  assert.ok(performance.now() - startedMs < 20_000);
});

test("a keyed list with one wrong item is compared with what was there by its keys, once", () => {
  const items: Schema = {
    type: "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    items: { type: "object", properties: { name: { type: "string" }, size: { type: "integer" } } },
  };
  const many = Array.from({ length: 100_000 }, (_, at): JsonObject => ({ name: `n${at}`, size: 1 }));
  const startedMs = performance.now();
  const after = [{ name: "n5", size: "wrong" }, ...many.slice(6).toReversed()];
  const before = [...many.slice(0, 5), { name: "n5", size: 5 }, ...many.slice(6)];
  assert.equal(checked({ items: after }, { items }, { items: before }).length, 1);
  assert.equal(
    checked({ items: after.map((one) => ({ ...one, size: "x" })) }, { items }, { items: before }).length,
    1_000,
  );
  assert.ok(performance.now() - startedMs < 20_000);
});

test("names that every object inherits are names like any other", () => {
  const properties: Readonly<Record<string, Schema>> = {
    constructor: { type: "integer", default: 3 },
    toString: { type: "string", format: "__proto__" },
  };
  assert.deepEqual(checked({ constructor: 1, toString: "x" }, properties), []);
  assert.equal(checked({ constructor: "x" }, properties).length, 1);
  assert.deepEqual(checked({ a: "x" }, { a: { type: "string", format: "constructor" } }), []);
  assert.deepEqual(checkSchema({ type: "object", properties }, "schema"), []);
});

test("formats are judged as upstream judges them", () => {
  const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["date", ["2024-02-29"], ["2023-02-29", "2024-13-01", "2024-1-1"]],
    [
      "date-time",
      ["2024-02-29T23:59:59Z", "2024-02-29t10:00:00.5+01:00"],
      ["2023-02-29T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01 10:00:00Z", "2024-01-01T10:00:00"],
    ],
    [
      "duration",
      ["1h30m", "22 ns", "3 days", "1w and 2 hours", "0"],
      ["", "h", "5", "5 years", "99999999999999999999 s"],
    ],
    [
      "hostname",
      ["a", "host", "example.com", "a.b-c.example", "1.2.3.example"],
      ["my-long-host", "-a", "a..b", "example.c", "x.a--b", ""],
    ],
    ["ipv4", ["1.2.3.4"], ["::1", "1.2.3"]],
    ["ipv6", ["::1", "::ffff:1.2.3.4"], ["1.2.3.4"]],
    [
      "mac",
      ["01:02:03:04:05:06", "01-02-03-04-05-06-07-08", "0102.0304.0506"],
      ["01:02:03:04:05", "01:02-03:04:05:06"],
    ],
    ["creditcard", ["4111 1111 1111 1111"], ["4111 1111 1111 1112"]],
    ["rgbcolor", ["rgb(0, 10,255)"], ["rgb(0,10)", "rgb(0,0,256)", "rgba(0,0,0)"]],
    ["uuid4", ["6ba7b810-9dad-41d1-80b4-00c04fd430c8"], ["6ba7b810-9dad-31d1-80b4-00c04fd430c8"]],
  ];
  for (const [format, right, wrong] of rows) {
    const problems = (text: string): number => checked({ a: text }, { a: { type: "string", format } }).length;
    for (const text of right) assert.equal(problems(text), 0, `${format} ${text}`);
    for (const text of wrong) assert.equal(problems(text), 1, `${format} ${text}`);
  }
});

test("a number that no integer of 64 bits holds is no integer", () => {
  for (const schema of [{ type: "integer" }, { "x-kubernetes-int-or-string": true }] satisfies Schema[])
    for (const [value, problems] of [
      [9_223_372_036_854_775_807n, 0],
      [-9_223_372_036_854_775_808n, 0],
      [9_223_372_036_854_775_808, 1],
      [-1e19, 1],
      [1e308, 1],
    ] as const)
      assert.equal(checked({ a: value }, { a: schema }).length, problems, `${value} as ${JSON.stringify(schema)}`);
  assert.deepEqual(checked({ a: 1e308 }, { a: { type: "number" } }), []);
});

test("integers beyond 53 bits are kept, and held to limits exactly", () => {
  const size: Schema = { type: "integer", format: "int64", maximum: 9_007_199_254_740_992 };
  assert.deepEqual(checked({ a: 9_007_199_254_740_993n }, { a: { type: "integer", format: "int64" } }), []);
  assert.equal(checked({ a: 9_007_199_254_740_993n }, { a: size }).length, 1);
  assert.equal(checked({ a: 9_007_199_254_740_993n }, { a: { type: "string" } }).length, 1);
});
