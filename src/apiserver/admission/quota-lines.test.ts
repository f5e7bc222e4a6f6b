import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { QuotaLines } from "./quota-lines.ts";

function attempt(): { readonly signal: AbortSignal; leave: () => void } {
  const left = new AbortController();
  return { signal: left.signal, leave: () => left.abort(new Error("the client left")) };
}

test("who leaves the line neither holds up those behind nor lets them pass those before", async () => {
  const lines = new QuotaLines(new VirtualClock());
  const order: string[] = [];
  const { promise: first, resolve: finish } = Promise.withResolvers<void>();
  const [a, b, c] = [attempt(), attempt(), attempt()];
  const charges = [
    lines.charge("n", a, () => first.then(() => void order.push("a"))),
    lines.charge("n", b, async () => void order.push("b")),
    lines.charge("n", c, async () => void order.push("c")),
  ];
  b.leave();
  await assert.rejects(charges[1] ?? first, /the client left/);
  assert.deepEqual(order, []);
  finish();
  await Promise.all([charges[0], charges[2]]);
  assert.deepEqual(order, ["a", "c"]);
});

test("a recount waits for what is charged and under way, and gives up after a while", async () => {
  const clock = new VirtualClock();
  const lines = new QuotaLines(clock);
  const writer = attempt();
  await lines.charge("n", writer, async () => undefined);
  const { signal } = new AbortController();
  const refused = assert.rejects(
    lines.recount("n", signal, async () => assert.fail("it counted while a write was under way")),
    { reason: "Conflict" },
  );
  await clock.advance(2_000);
  await refused;
  let counted = false;
  const waiting = lines.recount("n", signal, async () => void (counted = true));
  await clock.advance(100);
  assert.equal(counted, false);
  lines.settle(writer);
  await waiting;
  assert.equal(counted, true);
});
