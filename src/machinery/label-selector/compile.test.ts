import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLabelSelector } from "../label-selector.ts";
import { matches } from "./requirement.ts";

const keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "__proto__", "constructor"];
const forms = ["=1", "=2", "!=1", "!=2", " in (1,2)", " notin (1,3)", "", ">1", "<2"];

test("a compiled selector matches what its requirements match one by one", () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let round = 0; round < 3_000; round += 1) {
    const terms = Array.from({ length: 1 + random(14) }, () => {
      const key = keys[random(10)] ?? "a";
      return random(6) === 0 ? `!${key}` : `${key}${forms[random(forms.length)] ?? ""}`;
    });
    const selector = parseLabelSelector(terms.join(","));
    const labels = Object.fromEntries(
      keys.filter(() => random(2) === 0).map((key) => [key, String(random(4))] as const),
    );
    const expected = selector.requirements.every((requirement) => matches(requirement, labels));
    assert.equal(selector.matches(labels), expected, `${terms.join(",")} on ${JSON.stringify(labels)}`);
  }
});

test("a selector of thousands of requirements costs no more than the labels it is asked about", () => {
  const selector = parseLabelSelector(Array.from({ length: 3_000 }, (_, at) => `!k${at},a notin (v${at})`).join(","));
  let looked = 0;
  const labels = new Proxy(
    { a: "b" },
    { getOwnPropertyDescriptor: (target, key) => (looked++, Reflect.getOwnPropertyDescriptor(target, key)) },
  );
  assert.ok(selector.matches(labels));
  assert.ok(looked < 10, `${looked} looks at the labels`);
});
