import assert from "node:assert/strict";
import { test } from "node:test";
import { intValue, scaledValue } from "./int-or-string.ts";

test("a percentage is a share of the total, rounded as asked", () => {
  assert.equal(scaledValue(3, 10, "up"), 3);
  assert.equal(scaledValue("25%", 10, "up"), 3);
  assert.equal(scaledValue("25%", 10, "down"), 2);
  assert.equal(scaledValue("0%", 10, "up"), 0);
});

test("a text that is no percentage is refused", () => {
  assert.throws(() => scaledValue("25", 10, "up"), /string is not a percentage/);
  assert.throws(() => scaledValue("x%", 10, "up"), /strconv\.Atoi: parsing "x": invalid syntax/);
  assert.equal(intValue("http"), 0);
  assert.equal(intValue("80"), 80);
});
