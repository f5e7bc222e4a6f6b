import assert from "node:assert/strict";
import { test } from "node:test";
import { machineClock } from "./clock.ts";
import { supervise } from "./component.ts";
import { silentLog } from "./log.ts";

test("what a run began ends with the run, also when it failed by itself", async () => {
  const life = new AbortController();
  const runs: AbortSignal[] = [];
  let left = 0;
  const component = {
    name: "failing",
    run: async (signal: AbortSignal) => {
      left += runs.filter(({ aborted }) => !aborted).length;
      runs.push(signal);
      if (runs.length < 3) throw new Error("as asked");
      life.abort(new Error("enough"));
    },
  };
  await supervise(component, { clock: machineClock, log: silentLog }, life.signal);
  assert.deepEqual([runs.length, left], [3, 0]);
});
