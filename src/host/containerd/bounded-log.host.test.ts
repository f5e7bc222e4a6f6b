/** The bounded log on a real file system: files are removed, folders vanish, and nothing of it ends the process. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { createLog } from "#base/log.ts";
import { BoundedLog } from "./bounded-log.ts";

const within = (seconds: number): AbortSignal => AbortSignal.timeout(seconds * 1000);
const log = createLog({ clock: machineClock, level: "error", write: () => undefined });
const piece = Buffer.alloc(1024 * 1024, "x");

async function until(holds: () => boolean): Promise<void> {
  for (const limit = within(10); !holds();) await machineClock.sleep(10, limit);
}

test("a log that was removed while it is written is still kept within bounds, and ends nothing", async () => {
  const folder = mkdtempSync("/tmp/kedge-log-");
  const path = join(folder, "containerd.log");
  using _bounded = new BoundedLog(path, log);
  const writer = openSync(path, "a");
  for (let written = 0; written < 9; written += 1) writeSync(writer, piece);
  await until(() => statSync(path).size < piece.length * 8);
  assert.ok(existsSync(`${path}.1`));
  rmSync(folder, { recursive: true });
  for (let written = 0; written < 9; written += 1) writeSync(writer, piece);
  await until(() => fstatSync(writer).size < piece.length * 8);
  closeSync(writer);
});

test("a log whose folder goes is given up without a word to anybody else", () => {
  const folder = mkdtempSync("/tmp/kedge-log-");
  const path = join(folder, "containerd.log");
  appendFileSync(path, "early");
  const bounded = new BoundedLog(path, log);
  rmSync(folder, { recursive: true });
  assert.doesNotThrow(() => bounded[Symbol.dispose]());
});
