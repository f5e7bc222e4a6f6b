import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern, patternWork, patternWorkMax } from "./pattern.ts";

test("an expression means what it means in Go", () => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ["b+", "abc", true],
    ["^b", "abc", false],
    ["(?i)^AB", "abc", true],
    ["^(0|(([0-9]+)y)?(([0-9]+)w)?)$", "3w", true],
    ["\\Aa\\z", "a", true],
    ["^a$", "a\n", false],
    ["[[:alpha:]]", "1", false],
    ["^\\pL+$", "äöü", true],
    ["^.$", "😀", true],
    ["(?P<name>a)(?:b)", "ab", true],
  ];
  for (const [expression, text, expected] of rows)
    assert.equal(compilePattern(expression).test(text), expected, expression);
});

test("what Go's engine does not read is refused in its words", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["(", "error parsing regexp: missing closing ): `(`"],
    ["(a)\\1", "error parsing regexp: invalid escape sequence: `\\1`"],
    ["(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"],
    ["(?<!a)", "error parsing regexp: invalid named capture: `(?<!a)`"],
    ["a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"],
    ["((a{100}){100}){100}", "error parsing regexp: invalid repeat count: `{100}`"],
  ];
  for (const [expression, message] of rows)
    assert.throws(() => compilePattern(expression), { name: "PatternError", message }, expression);
});

test("no expression takes a text more than linear time", () => {
  const startedMs = performance.now();
  for (const [expression, text] of [
    ["^(a+)+$", `${"a".repeat(100_000)}!`],
    ["(x+x+)+y", "x".repeat(100_000)],
    ["^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", `${"a".repeat(100_000)}!`],
    ["(a|aa)*b", "a".repeat(100_000)],
  ] as const)
    assert.equal(compilePattern(expression).test(text), false);
  assert.ok(performance.now() - startedMs < 20_000);
});

test("what expressions take to compile is told before they are compiled", () => {
  const few = ["^[a-z]([-a-z0-9]*[a-z0-9])?$", "^[0-9]{1,253}$", "(?i)^[a-z]+$"];
  assert.ok(patternWork(few) < 2_000, String(patternWork(few)));
  assert.equal(patternWork([...few, ...few]), patternWork(few), "each counts once");
  for (const expressions of [
    Array.from({ length: 5_000 }, (_, at) => `^a{1,9}b${at}$`),
    Array.from({ length: 50 }, (_, at) => `((a{1,30}){1,30})${at}`),
    ["x".repeat(30_000)],
    ["[\\pL\\pN]".repeat(2_000)],
    [`(?i)${"[\\x{42}-\\x{1e000}]".repeat(1_000)}`],
    [`(?i)[${"B-\u{1e000}".repeat(1_000)}]`],
  ])
    assert.ok(patternWork(expressions) > patternWorkMax, String(expressions[0]).slice(0, 40));
  assert.equal(patternWork(["("]), 1, "what is no expression is refused elsewhere");
});
