import assert from "node:assert/strict";
import { test } from "node:test";
import { deepFreeze } from "./freeze.ts";
import { parseLabelSelector, Selector, selectorOf, selectorOfMap } from "./label-selector.ts";

test("selectors are read and written in canonical order", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["", ""],
    ["x", "x"],
    ["!x", "!x"],
    [" x = a ", "x=a"],
    ["x==a,w!=b", "w!=b,x==a"],
    ["x in (foo,,baz),y,z notin ()", "x in (,baz,foo),y,z notin ()"],
    ["x>1,z<5", "x>1,z<5"],
    ["in in (notin,in)", "in in (in,notin)"],
    ["x=,z=", "x=,z="],
    ["a/b in (c)", "a/b in (c)"],
  ];
  for (const [text, canonical] of rows) {
    assert.equal(parseLabelSelector(text).toString(), canonical, text);
  }
});

test("what is not understood is refused with upstream's sentences", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["x,", "found '', expected: identifier after ','"],
    ["x=a||y=b", 'unable to parse requirement: values[0][x]: Invalid value: "a||y": a valid label must be'],
    ["x==a==b", "found '==', expected: ',' or 'end of string'"],
    ["!x=a", "found '=', expected: ',' or 'end of string'"],
    [
      "x<a",
      "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    ["x = = a", "unable to parse requirement: found '=', expected: identifier"],
    ["x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt"],
    ["x in a", "unable to parse requirement: found 'a' expected: '('"],
    ["x in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'"],
    ["(x)", "found '(', expected: !, identifier, or 'end of string'"],
    ["-x", 'unable to parse requirement: <nil>: Invalid value: "-x": name part must consist of'],
    ["a/b/c", 'unable to parse requirement: <nil>: Invalid value: "a/b/c": a valid label key must consist of'],
  ];
  for (const [text, sentence] of rows) {
    assert.throws(
      () => parseLabelSelector(text),
      (error: Error & { code: number }) => error.code === 400 && error.message.startsWith(sentence),
      text,
    );
  }
});

test("requirements match labels", () => {
  const labels = { app: "web", tier: "3" };
  const rows: readonly (readonly [string, boolean])[] = [
    ["", true],
    ["app", true],
    ["!app", false],
    ["app=web", true],
    ["app in (db,web)", true],
    ["app notin (db)", true],
    ["other!=x", true],
    ["other notin (x)", true],
    ["other=", false],
    ["tier>2,tier<4", true],
    ["app>2", false],
    ["constructor", false],
  ];
  for (const [text, matches] of rows) assert.equal(parseLabelSelector(text).matches(labels), matches, text);
  assert.equal(parseLabelSelector("!app").matches(undefined), true);
});

test("an absent LabelSelector selects nothing and an empty one everything", () => {
  assert.equal(selectorOf(undefined).matches({}), false);
  assert.equal(selectorOf({}), Selector.everything);
  const selector = selectorOf({
    matchLabels: { b: "1" },
    matchExpressions: [{ key: "a", operator: "In", values: ["y", "x"] }],
  });
  assert.equal(selector.toString(), "a in (x,y),b=1");
  assert.deepEqual([...selector.exact()], [{ key: "b", value: "1" }]);
  assert.throws(() => selectorOf({ matchExpressions: [{ key: "a", operator: "Is" }] }), /"Is" is not a valid label/);
  assert.equal(selectorOfMap({ app: "web" }).toString(), "app=web");
});

test("the selector of an object that cannot change is made once, that of others each time", () => {
  const matchExpressions = Array.from({ length: 5_000 }, (_, at) => ({
    key: `k${at}`,
    operator: "NotIn",
    values: ["a"],
  }));
  const stored = deepFreeze({ matchExpressions });
  assert.equal(selectorOf(stored), selectorOf(stored));
  const map = deepFreeze({ app: "web" });
  assert.equal(selectorOfMap(map), selectorOfMap(map));
  const draft = { matchLabels: { app: "web" } };
  assert.equal(selectorOf(draft).toString(), "app=web");
  draft.matchLabels.app = "db";
  assert.equal(selectorOf(draft).toString(), "app=db");
});
