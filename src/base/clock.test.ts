import assert from "node:assert/strict";
import { test } from "node:test";
import { queryObjects } from "node:v8";
import { deadline, machineClock } from "./clock.ts";

class Listener {
  readonly heard = false;
}

test("what listened to a deadline that is over is kept by no signal that lives on", async () => {
  const life = new AbortController();
  for (let at = 0; at < 100; at += 1) {
    const listener = new Listener();
    using limit = deadline(machineClock, 60_000, life.signal);
    limit.signal.addEventListener("abort", () => assert.ok(listener.heard), { once: true });
  }
  await new Promise(setImmediate);
  assert.ok(queryObjects(Listener, { format: "count" }) < 5);
  assert.equal(life.signal.aborted, false);
});

test("a deadline is over when its time is, when the signal it was given is aborted, and from the start when that was", async () => {
  const life = new AbortController();
  using long = deadline(machineClock, 60_000, life.signal);
  using short = deadline(machineClock, 1, life.signal);
  await new Promise((resolve) => short.signal.addEventListener("abort", resolve));
  assert.match(String(short.signal.reason), /not done within 1 ms/);
  const why = new Error("enough");
  life.abort(why);
  assert.equal(long.signal.reason, why);
  using late = deadline(machineClock, 60_000, life.signal);
  assert.equal(late.signal.reason, why);
});
