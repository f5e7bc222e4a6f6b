import assert from "node:assert/strict";
import { test } from "node:test";
import { duplicateYamlKeys, formatYaml, parseYaml, splitYaml, YamlError } from "./yaml.ts";

test("scalars mean what they mean to Kubernetes", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["yes", true],
    ["Off", false],
    ["y", true],
    ["N", false],
    ["'on'", "on"],
    ["~", null],
    ["", null],
    ["0777", 511],
    ["0o17", 15],
    ["0x1F", 31],
    ["-0b11", -3],
    ["08", 8],
    ["1_000", 1000],
    ["+12", 12],
    ["1e3", 1000],
    [".5", 0.5],
    ["1.", 1],
    ["1.2.3", "1.2.3"],
    ["22:22", "22:22"],
    ["2001-12-14", "2001-12-14"],
    [".inf", ".inf"],
    ["1e999", "1e999"],
    ["100m", "100m"],
    ["0x", "0x"],
    ["1Gi", "1Gi"],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseYaml(`a: ${text}\n`), { a: value }, text);
});

test("keys are strings, merges are done, and JSON is YAML", () => {
  assert.deepEqual(
    parseYaml("8080: a\non: b\n__proto__: c\n"),
    Object.fromEntries([
      ["8080", "a"],
      ["true", "b"],
      ["__proto__", "c"],
    ]),
  );
  assert.deepEqual(parseYaml("base: &b {x: 1}\nmore: {<<: *b, z: 2}\n"), { base: { x: 1 }, more: { x: 1, z: 2 } });
  assert.deepEqual(parseYaml('{"a": [1, "\\u0041", null]}'), { a: [1, "A", null] });
  for (const empty of ["", "\n", "# only\n", "---\n", "--- \n# a\n"]) assert.equal(parseYaml(empty), null, empty);
});

test("a value behind two aliases is two values, and a bomb of aliases is refused", () => {
  const shared = parseYaml("a: &x [1]\nb: *x\n") as { a: number[]; b: number[] };
  shared.a.push(2);
  assert.deepEqual(shared.b, [1]);
  const levels = Array.from({ length: 9 }, (_, at) => `l${at + 1}: &l${at + 1} [${`*l${at},`.repeat(9)}]`);
  assert.throws(() => parseYaml(`l0: &l0 x\n${levels.join("\n")}\n`), /behind aliases/);
  assert.throws(() => parseYaml("[".repeat(5000)), YamlError);
});

test("an error names its line, counted in the whole file", () => {
  assert.throws(
    () => parseYaml("a: 1\nb: c: d\n"),
    (error: YamlError) => error.line === 2 && error.message.startsWith("yaml: line 2: "),
  );
  const [, second] = splitYaml("a: 1\n---\nb: 1\nc: [\n");
  assert.ok(second);
  assert.throws(
    () => parseYaml(second),
    (error: YamlError) => error.line >= 4,
  );
});

test("a file is split at lines of dashes; documents of comments alone are none", () => {
  const file = "# head\n---\na: 1\n--- # two\nb: |\n  ---\n  x\n---\n# nothing\n---\r\nc: 3\r\n";
  assert.deepEqual(
    splitYaml(file).map((document) => [document.firstLine, parseYaml(document)]),
    [
      [2, { a: 1 }],
      [4, { b: "---\nx\n" }],
      [10, { c: 3 }],
    ],
  );
});

test("a key that stands twice has its last value, and is found when asked for", () => {
  const text = "a: 1\nb:\n- {x: 1, x: 2}\n- x: 3\na: 2\n? [k]\n: 1\n";
  assert.deepEqual(parseYaml("a: 1\na: 2\n"), { a: 2 });
  assert.deepEqual(duplicateYamlKeys(text), [
    { key: "x", line: 3 },
    { key: "a", line: 5 },
  ]);
});

test("what is written reads back the same, also in a YAML 1.1 parser", () => {
  const value = {
    b: ["on", "0777", "1e3", "2001-12-14", ""],
    a: { text: "x\ny\n", no: false, n: -0.5 },
    skipped: undefined,
  };
  const text = formatYaml(value);
  assert.equal(
    text,
    "a:\n  'n': -0.5\n  'no': false\n  text: |\n    x\n    y\nb:\n- 'on'\n- '0777'\n- '1e3'\n- '2001-12-14'\n- ''\n",
  );
  assert.deepEqual(parseYaml(text), { a: value.a, b: value.b });
});
