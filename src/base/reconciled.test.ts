import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { silentLog } from "./log.ts";
import { Reconciled, type Reconciling } from "./reconciled.ts";

/** A lamp that anybody may switch. */
function lamp(parts: Partial<Reconciling<boolean, boolean, boolean>> = {}) {
  const world = { lit: false, looks: 0, switched: 0 };
  const clock = new VirtualClock();
  const reconciled = new Reconciled<boolean, boolean, boolean>(
    {
      name: "lamp",
      observe: async () => {
        world.looks += 1;
        return world.lit;
      },
      compare: (wanted, seen) => (wanted === seen ? undefined : wanted),
      act: async (change) => {
        world.switched += 1;
        world.lit = change;
      },
      ...parts,
    },
    { clock, log: silentLog, lookEveryMs: 30_000, turnMs: 5_000 },
  );
  const ending = new AbortController();
  const done = reconciled.run(ending.signal);
  const end = async (): Promise<void> => {
    ending.abort();
    await clock.advance(0);
    await done;
  };
  return { world, clock, reconciled, end };
}

test("what is wanted is made so, and nothing is done when it is so already", async () => {
  const { world, clock, reconciled, end } = lamp();
  reconciled.want(true);
  await clock.advance(0);
  assert.deepEqual(world, { lit: true, looks: world.looks, switched: 1 });
  await clock.advance(300_000);
  assert.equal(world.switched, 1);
  await end();
});

test("what somebody else changed is set right at the next look without an event, and at once with one", async () => {
  const { world, clock, reconciled, end } = lamp();
  reconciled.want(true);
  await clock.advance(0);
  world.lit = false;
  await clock.advance(30_000);
  assert.equal(world.lit, true);
  world.lit = false;
  reconciled.look();
  await clock.advance(0);
  assert.equal(world.lit, true);
  await end();
});

test("a failure is tried again with growing pauses and never ends the loop", async () => {
  let failures = 3;
  const { world, clock, reconciled, end } = lamp({
    act: async (change) => {
      if (failures-- > 0) throw new Error("no power");
      world.lit = change;
    },
  });
  reconciled.want(true);
  await clock.advance(200 + 400 + 800);
  assert.equal(world.lit, true);
  await end();
});

test("a turn that hangs without heeding its signal is given up and tried again", async () => {
  let hung = 0;
  const { world, clock, reconciled, end } = lamp({
    observe: () => (hung++ === 0 ? new Promise<boolean>(() => undefined) : Promise.resolve(world.lit)),
  });
  reconciled.want(true);
  await clock.advance(4_999);
  assert.equal(world.lit, false);
  await clock.advance(1_000);
  assert.equal(world.lit, true);
  await end();
});
