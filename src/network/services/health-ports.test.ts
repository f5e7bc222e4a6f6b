import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { healthPorts, type HealthAnswer } from "./health-ports.ts";

const answer: HealthAnswer = { code: 200, headers: {}, body: "{}" };

test("a port that another program has keeps no other port closed, and is tried again", async () => {
  const clock = new VirtualClock();
  const taken = new Set([30_001]);
  const open = new Set<number>();
  const serveHealth = async (port: number) => {
    if (taken.has(port)) throw new Error(`port ${port} is taken`);
    open.add(port);
    return {
      close: async () => {
        open.delete(port);
      },
    };
  };
  const ports = [30_000, 30_001, 30_002];
  const answers = (): ReadonlyMap<number, HealthAnswer> => new Map(ports.map((port) => [port, answer]));
  const life = new AbortController();
  const health = healthPorts({ serveHealth, clock, log: silentLog }, answers);
  const done = health.run(life.signal);
  await clock.advance(1_000);
  assert.deepEqual([...open], [30_000, 30_002]);
  taken.clear();
  await clock.advance(60_000);
  assert.deepEqual(new Set(open), new Set(ports));
  life.abort(new Error("enough"));
  await clock.advance(0);
  await done;
  assert.equal(open.size, 0);
});
