import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBudget } from "./byte-budget.ts";

test("many who wait for room get it one after the other, and one who leaves does not wait on", async () => {
  const budget = new ByteBudget({ ofOneBytesMax: 100, totalBytesMax: 1_000 });
  const leaving = new AbortController();
  let held = 0;
  const all = Array.from({ length: 20 }, async () => {
    await budget.holdInTurn("eve", 60, leaving.signal);
    held += 1;
  });
  await new Promise((resolve) => void setImmediate(resolve));
  assert.equal(held, 2);
  budget.release("eve", 60);
  await new Promise((resolve) => void setImmediate(resolve));
  assert.equal(held, 3);
  assert.ok(!budget.isOverdrawn("bob"));
  leaving.abort();
  await Promise.all(all);
  budget.release("eve", 19 * 60);
  assert.equal(budget.totalBytes, 0);
});
