/** In a process of its own, because what nobody catches is the test runner's elsewhere. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { LastResort, strayErrorsMax } from "./last-resort.ts";
import { LogFile } from "./log-file.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-last-resort-"));
after(() => rmSync(folder, { recursive: true }));

/** Runs two supervised components, "node" and "api", the latter of which does `what` at its first start. */
function happening(what: string): readonly string[] {
  const here = (name: string): string => JSON.stringify(join(import.meta.dirname, name));
  const script = `
    import { EventEmitter } from "node:events";
    import { machineClock as clock } from ${here("../base/clock.ts")};
    import { supervise } from ${here("../base/component.ts")};
    import { silentLog } from ${here("../base/log.ts")};
    import { LastResort } from ${here("last-resort.ts")};
    const log = { ...silentLog, error: (text, { component, error }) => console.log(text, component ?? "", error) };
    const lastResort = new LastResort({ clock, log, end: () => process.exit(1) });
    process.on("uncaughtException", (error) => lastResort.take(error));
    process.on("unhandledRejection", (error) => lastResort.take(error));
    const life = new AbortController();
    const aborted = (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    let starts = 0;
    const second = Promise.withResolvers();
    const api = { name: "api", run: async (signal) => {
      starts += 1;
      if (starts === 1) { ${what} } else second.resolve();
      await aborted(signal);
    } };
    const node = { name: "node", run: async (signal) => { console.log("node starts"); await aborted(signal); console.log("node ends"); } };
    const running = [api, node].map((one) => supervise(one, { clock, log }, life.signal));
    await second.promise;
    console.log("api starts again");
    life.abort(new Error("over"));
    await Promise.all(running);
  `;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
    timeout: 30_000,
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout.trim().split("\n");
}

for (const [where, what] of [
  ["a timer", `setTimeout(() => { throw new Error("oops"); }, 5);`],
  ["a promise nobody waits for", `Promise.reject(new Error("oops"));`],
  [
    "an event",
    `new EventEmitter().on("x", () => { throw new Error("oops"); }); setImmediate(() => { throw new Error("oops"); });`,
  ],
] as const)
  test(`what a component throws in ${where} starts that component anew, and the others go on`, () => {
    assert.deepEqual(happening(what), [
      "node starts",
      "a component threw where nobody catches it api oops",
      "component failed api oops",
      "api starts again",
      "node ends",
    ]);
  });

test("errors of no component are survived until there are too many within a minute", async () => {
  const clock = new VirtualClock();
  const ends: Error[] = [];
  const lastResort = new LastResort({ clock, log: silentLog, end: (why) => ends.push(why) });
  for (let at = 0; at < strayErrorsMax; at += 1) lastResort.take(new Error("oops"));
  assert.deepEqual(ends, []);
  await clock.advance(61_000);
  lastResort.take(new Error("oops"));
  assert.deepEqual(ends, []);
});

test("more errors of no component than that end the process", () => {
  const ends: Error[] = [];
  const lastResort = new LastResort({ clock: machineClock, log: silentLog, end: (why) => ends.push(why) });
  for (let at = 0; at <= strayErrorsMax; at += 1) lastResort.take(new Error("oops"));
  assert.match(ends[0]?.message ?? "", /at most 30 errors a minute/);
});

test("a log file that cannot be written ends nothing, and says what was lost when it can", async () => {
  const clock = new VirtualClock();
  const path = join(folder, "missing/kedge.log");
  const file = new LogFile(path, clock);
  file.write("one");
  // The failure of the stream is told in a later turn.
  while (file.droppedLines === 0) await new Promise(setImmediate);
  file.write("two");
  mkdirSync(join(folder, "missing"));
  await clock.advance(6_000);
  file.write("three");
  const written = (): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
  while (written() === "") await new Promise(setImmediate);
  assert.equal(written(), "(2 lines could not be written here)\nthree\n");
});
