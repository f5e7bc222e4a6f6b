import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatYaml, parseYaml, parseYamlStrictly, splitYaml, YamlError } from "./yaml.ts";

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
  const text = "a: 1\nb:\n- {x: 1, x: 2}\n- x: 3\na: 2\n? k\n: [x]\n";
  assert.deepEqual(parseYaml("a: 1\na: 2\n"), { a: 2 });
  assert.deepEqual(parseYamlStrictly(text).duplicates, [
    { key: "x", line: 3 },
    { key: "a", line: 5 },
  ]);
});

test("what is written reads back the same, also in a YAML 1.1 parser", () => {
  const value = {
    b: ["on", "0777", "0o17", "1e3", "2001-12-14", ""],
    a: { text: "x\ny\n", no: false, n: -0.5 },
    skipped: undefined,
  };
  const text = formatYaml(value);
  assert.equal(
    text,
    "a:\n  'n': -0.5\n  'no': false\n  text: |\n    x\n    y\nb:\n- 'on'\n- '0777'\n- '0o17'\n- '1e3'\n- '2001-12-14'\n- ''\n",
  );
  assert.deepEqual(parseYaml(text), { a: value.a, b: value.b });
});

test("what is nested deeply is written in the time and room of what is not", () => {
  const nested = (levels: number): unknown => {
    let value: unknown = Array.from({ length: 2_000 }, (_, at) => (at % 2 === 0 ? "a\nb: c" : 1));
    for (let level = 0; level < levels; level += 1) value = { a: value };
    return value;
  };
  const cpuMsOf = (act: () => unknown): number => {
    const before = process.threadCpuUsage();
    act();
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1_000;
  };
  const flat = nested(30);
  const deep = nested(900);
  formatYaml(flat);
  const flatMs = Math.min(...[1, 2, 3].map(() => cpuMsOf(() => formatYaml(flat))));
  const deepMs = Math.min(...[1, 2, 3].map(() => cpuMsOf(() => formatYaml(deep))));
  assert.ok(deepMs < 10 * flatMs + 20, `${deepMs} ms for 900 levels, ${flatMs} ms for 30`);
  assert.ok(formatYaml(deep).length < formatYaml(flat).length);
  assert.deepEqual(parseYaml(formatYaml(deep)), deep);
});

test("integers of 64 bits are exact, and what is larger is a floating number", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", 9007199254740993n],
    ["-9223372036854775808", -9223372036854775808n],
    ["0x7fffffffffffffff", 9223372036854775807n],
    ["9223372036854775808", 9223372036854775808],
    ["-9223372036854775809", -9223372036854775808],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseYaml(`a: ${text}\n`), { a: value }, text);
  assert.equal(formatYaml({ a: 9007199254740993n }), "a: 9007199254740993\n");
});

test("whatever JSON says, YAML reads the same", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.boolean(), (value, pretty) => {
      const text = JSON.stringify(value, null, pretty ? 2 : 0).replaceAll("\u007f", "");
      assert.deepEqual(withoutBigInts(parseYaml(text)), JSON.parse(text));
    }),
  );
});

function withoutBigInts(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? Number(one) : one)));
}

// Each took minutes to hours before; a second is a hang by comparison.
const hostile: Readonly<Record<string, string>> = {
  "empty lines before a value": `${"\n".repeat(100_000)}a: 1\n`,
  "lines of comments and blanks": `${"  \n#\n \n".repeat(50_000)}x`,
  "lines of dashes": "--- \n".repeat(20_000),
  "a key that stands often": "a: 1\n".repeat(100_000),
  "long keys that stand twice": `${"k".repeat(100_000)}: 1\n${"k".repeat(100_000)}: 2\n`,
  "digits that never become a number": `a: ${"0".repeat(200_000)}!\n`,
  "a number of many digits": `a: ${"9".repeat(200_000)}\n`,
  underscores: `a: 1${"_".repeat(200_000)}x\n`,
  "white space after a value": `a: b${" ".repeat(200_000)}\n`,
  "white space inside of a value": `a: b${" ".repeat(200_000)}c\n`,
  "a folded text of empty lines": `a: >\n  x${"\n".repeat(100_000)}  y\n`,
  "a quoted text of empty lines": `a: "x${"\n".repeat(100_000)}y"\n`,
  "opening brackets": "[".repeat(100_000),
  "anchors and aliases": Array.from({ length: 10_000 }, (_, at) => `k${at}: &a${at} 1\nl${at}: *a${at}\n`).join(""),
  "merges of merges": `base: &b {x: 1}\n${Array.from({ length: 5_000 }, (_, at) => `k${at}: {<<: *b}\n`).join("")}`,
  tags: `a: ${"!".repeat(100_000)}\n`,
};
for (const [name, text] of Object.entries(hostile))
  test(`${name} are read in a time that grows with the text`, () => {
    const startedMs = performance.now();
    for (const read of [parseYaml, parseYamlStrictly, splitYaml]) {
      try {
        read(text);
      } catch (error) {
        assert.ok(error instanceof YamlError, String(error));
      }
    }
    assert.ok(performance.now() - startedMs < 20_000);
  });

test("aliases that lead deeper than the text, or round in a circle, are refused in a sentence", () => {
  const nested = (inner: string, levels: number): string => `${"[".repeat(levels)}${inner}${"]".repeat(levels)}`;
  const deep = `a: &a ${nested("1", 900)}\nb: &b ${nested("*a", 900)}\nc: ${nested("*b", 900)}\n`;
  for (const text of [deep, "a: &a [*a]\n"]) assert.throws(() => parseYaml(text), YamlError);
});
