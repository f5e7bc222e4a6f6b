/** kedge's log on devices that take nothing, and on files that come and go. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { LogFile } from "./log-file.ts";

async function until(holds: () => boolean): Promise<void> {
  for (const limit = AbortSignal.timeout(10_000); !holds();) await machineClock.sleep(10, limit);
}

test("a log on a full disk drops its lines, and the process goes on", async () => {
  const log = new LogFile("/dev/full", new VirtualClock());
  for (let line = 0; line < 100; line += 1) log.write(`line ${line}`);
  await until(() => log.droppedLines === 100);
});

test("a log that can be written again says how much is missing", async () => {
  const folder = mkdtempSync("/tmp/kedge-log-");
  const clock = new VirtualClock();
  const path = join(folder, "later", "kedge.log");
  const log = new LogFile(path, clock);
  log.write("lost");
  await until(() => log.droppedLines === 1);
  log.write("lost too");
  mkdirSync(join(folder, "later"));
  await clock.advance(5_000);
  log.write("kept");
  await until(() => existsSync(path) && readFileSync(path, "utf8").includes("kept"));
  assert.match(readFileSync(path, "utf8"), /^\(2 lines could not be written here\)\nkept\n$/);
  rmSync(folder, { recursive: true });
});

test("a log that is full is put aside, once, and the next one begins empty", async () => {
  const folder = mkdtempSync("/tmp/kedge-log-");
  const path = join(folder, "kedge.log");
  const log = new LogFile(path, new VirtualClock(), 1_000);
  const line = "x".repeat(99);
  const linesOf = (name: string): readonly string[] =>
    existsSync(name) ? readFileSync(name, "utf8").split("\n").slice(0, -1) : [];
  // Ten lines of a hundred bytes are more than a thousand.
  for (let at = 0; at < 35; at += 1) {
    log.write(`${at} ${line}`);
    await until(() => [path, `${path}.1`].some((name) => linesOf(name).at(-1)?.startsWith(`${at} `)));
  }
  assert.deepEqual(readdirSync(folder).toSorted(), ["kedge.log", "kedge.log.1"]);
  const kept = [...linesOf(`${path}.1`), ...linesOf(path)].map((one) => Number(one.split(" ")[0]));
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, at) => 35 - kept.length + at),
    "none in between is lost",
  );
  rmSync(folder, { recursive: true });
});
