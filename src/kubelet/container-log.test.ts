/** Logs in the runtime's form, as they are asked for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFiles } from "#testing/memory-files.ts";
import { readLastLines, readLog, type LogOptions } from "./container-log.ts";

const path = "/logs/main/0.log";
const lines = [
  "2026-01-01T00:00:00.000000001Z stdout F first",
  "2026-01-01T00:00:01.000000001Z stderr F second",
  "2026-01-01T00:00:02.000000001Z stdout P thi",
  "2026-01-01T00:00:02.000000002Z stdout F rd",
  "",
].join("\n");

async function read(options: Partial<LogOptions>, content = lines): Promise<string> {
  const files = new MemoryFiles({ [path]: content });
  const log = { path, grown: () => Promise.resolve(), open: () => Promise.resolve(false) };
  const parts: Uint8Array[] = [];
  const asked = { follow: false, timestamps: false, ...options, signal: new AbortController().signal };
  for await (const part of readLog(files, log, asked)) parts.push(part);
  return Buffer.concat(parts).toString();
}

test("a log is read whole, from its end, since a time, of one stream, with times, and not beyond a limit", async () => {
  assert.equal(await read({}), "first\nsecond\nthird\n");
  assert.equal(await read({ tailLines: 2 }), "third\n");
  assert.equal(await read({ tailLines: 3 }), "second\nthird\n");
  assert.equal(await read({ tailLines: 0 }), "");
  assert.equal(await read({ sinceMs: Date.parse("2026-01-01T00:00:01Z") }), "second\nthird\n");
  assert.equal(await read({ stream: "stderr" }), "second\n");
  assert.equal(await read({ timestamps: true, tailLines: 2 }), "2026-01-01T00:00:02.000000001Z third\n");
  assert.equal(await read({ limitBytes: 8 }), "first\nse");
});

test("a log larger than a piece comes whole, and its end is found", async () => {
  const many = Array.from({ length: 5_000 }, (_, at) => `2026-01-01T00:00:00Z stdout F line ${at}\n`).join("");
  assert.equal((await read({}, many)).split("\n").length, 5_001);
  assert.equal(await read({ tailLines: 1 }, many), "line 4999\n");
  assert.equal((await read({ tailLines: 4_000 }, many)).split("\n")[0], "line 1000");
  const files = new MemoryFiles({ [path]: many });
  assert.equal(await readLastLines(files, path, { linesMax: 2, bytesMax: 12 }), "8\nline 4999\n");
});
