/** What it takes to grant rights: having them, rule by rule and combination by combination. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyRule } from "#resources/rbac/policy-rule.ts";
import { paths, rule } from "./role-table.ts";
import { coverOf, missingMax } from "./rule-cover.ts";

const table: readonly (readonly [what: string, held: PolicyRule[], wanted: PolicyRule[], covered: boolean])[] = [
  ["nothing by nothing", [], [], true],
  ["a rule by itself", [rule("get", "", "pods")], [rule("get", "", "pods")], true],
  ["a rule by nothing", [], [rule("get", "", "pods")], false],
  ["a rule without verbs by nothing", [], [{ verbs: [], apiGroups: [""], resources: ["pods"] }], true],
  ["anything by stars", [rule("*", "*", "*")], [rule("get list", " apps", "pods pods/log")], true],
  ["stars by less", [rule("*", " apps", "*")], [rule("*", "*", "*")], false],
  ["the verb * by all verbs there are", [rule("get list create", "", "pods")], [rule("*", "", "pods")], false],
  ["a rule by two halves", [rule("get", "", "pods"), rule("list", "", "pods")], [rule("get list", "", "pods")], true],
  [
    "a cross by its diagonal",
    [rule("get", "", "pods"), rule("list", "", "nodes")],
    [rule("get list", "", "pods nodes")],
    false,
  ],
  ["a subresource by its resource", [rule("get", "", "pods")], [rule("get", "", "pods/log")], false],
  ["a subresource by all of that name", [rule("get", "", "*/log")], [rule("get", "", "pods/log")], true],
  ["a resource by all subresources", [rule("get", "", "*/log")], [rule("get", "", "log")], false],
  ["a name by the rule without names", [rule("get", "", "pods")], [rule("get", "", "pods", "a")], true],
  ["all names by one name", [rule("get", "", "pods", "a")], [rule("get", "", "pods")], false],
  [
    "names by two rules",
    [rule("get", "", "pods", "a"), rule("get", "", "pods", "b")],
    [rule("get", "", "pods", "a b")],
    true,
  ],
  ["the name * by a name", [rule("get", "", "pods", "a")], [rule("get", "", "pods", "*")], false],
  ["a path by its pattern", [paths("get", "/healthz*")], [paths("get", "/healthz/etcd")], true],
  ["a pattern by a narrower one", [paths("get", "/healthz/*")], [paths("get", "/healthz*")], false],
  ["a path by a rule of resources", [rule("*", "*", "*")], [paths("get", "/healthz")], false],
  ["words that every object has by nothing", [rule("get", "", "pods")], [rule("constructor", "", "__proto__")], false],
];

for (const [what, held, wanted, covered] of table)
  test(`${what} is ${covered ? "covered" : "not covered"}`, () => {
    assert.equal(coverOf(held, wanted).kind, covered ? "covered" : "missing");
  });

test("what is missing is told by group, resource and name, with the verbs that are missing", () => {
  const held = [rule("get", "", "pods")];
  assert.deepEqual(coverOf(held, [rule("get list watch", "", "pods nodes", "a")]), {
    kind: "missing",
    rules: [
      { verbs: ["list", "watch"], apiGroups: [""], resources: ["pods"], resourceNames: ["a"] },
      { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["nodes"], resourceNames: ["a"] },
    ],
  });
});

const many = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

test("a rule of 27 million combinations is compared without making them", () => {
  const huge = { apiGroups: many("g", 300), resources: many("r", 300), verbs: many("v", 300) };
  const missing = coverOf([rule("get", "", "pods"), rule("get", "g1", "r1")], [huge]);
  assert.equal(missing.kind === "missing" && missing.rules.length, missingMax);
  assert.equal(coverOf([huge], [huge]).kind, "covered");
  assert.equal(
    coverOf(
      [
        { ...huge, verbs: many("v", 150) },
        { ...huge, verbs: many("v", 300) },
      ],
      [huge],
    ).kind,
    "covered",
  );
});

test("rules made to be compared without end are refused after a bounded number of steps", () => {
  const held = many("", 300).map((at) => ({
    apiGroups: many("g", 300).filter((_, index) => index !== Number(at)),
    resources: many("r", 300).filter((_, index) => index !== (Number(at) * 7) % 300),
    verbs: many("v", 300).filter((_, index) => index !== (Number(at) * 11) % 300),
  }));
  const huge = { apiGroups: many("g", 300), resources: many("r", 300), verbs: many("v", 300) };
  assert.equal(coverOf(held, [huge]).kind, "too much");
});
