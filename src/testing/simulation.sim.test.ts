/** A few whole clusters from fixed seeds, and that a seed says everything. `npm run simulate` runs many more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "#base/assert.ts";
import { plans, seeds, simulate, type Outcome, type Plan } from "./simulation.ts";

function planNamed(name: string): Plan {
  return must(
    plans.find((plan) => plan.name === name),
    `there is a plan "${name}"`,
  );
}

function assertHeld({ seed, plan, violation, lines }: Outcome): void {
  if (!violation) return;
  const { invariant, about, found } = violation;
  const repeat = `npm run simulate -- --plan ${plan} --seed ${seed}`;
  assert.fail(`${invariant}: ${about}: ${found} (${repeat})\n${lines.slice(-20).join("\n")}`);
}

test("the same seed repeats a run, write by write", async () => {
  const plan = { ...planNamed("all"), chaosMs: 15_000 };
  const first = await simulate("repeated", plan);
  const other = await simulate("other", { ...plan, chaosMs: 1_000 });
  const second = await simulate("repeated", plan);
  assert.equal(second.digest, first.digest);
  assert.deepEqual(second.lines, first.lines);
  assert.ok(first.figures.writes > 200, `${first.figures.writes} writes`);
  assert.notEqual(other.digest, first.digest);
});

for (const name of ["lossy", "crashes"])
  test(`a cluster with the faults of "${name}" keeps what it promises`, async () => {
    assertHeld(await simulate("gate", { ...planNamed(name), chaosMs: 30_000 }));
  });

test("every plan that found a fault is there", () => {
  for (const { plan } of seeds) assert.equal(planNamed(plan).name, plan);
});
