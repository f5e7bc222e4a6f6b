/** Logs in the runtime's form, as they are asked for. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { MemoryFiles } from "#testing/memory-files.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { readLastLines, removeLog, readLog, watchGrown, type LogOptions } from "./container-log.ts";

const path = "/logs/pod/main/0.log";
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

test("who does not follow a log gets what was in it when they asked, however fast it grows", async () => {
  const line = "2026-01-01T00:00:03Z stdout F more\n";
  for (const tailLines of [undefined, 1]) {
    const files = new MemoryFiles({ [path]: lines + line });
    const log = { path, grown: () => Promise.resolve(), open: () => Promise.resolve(true) };
    const asked = { follow: false, timestamps: false, signal: new AbortController().signal };
    let text = "";
    let size = 1;
    for await (const part of readLog(files, log, tailLines === undefined ? asked : { ...asked, tailLines })) {
      text += Buffer.from(part).toString();
      assert(text.length < 1_000, "the reader is never done");
      size += 1;
      await files.rewrite(path, lines + line.repeat(size));
    }
    assert.equal(text, tailLines === 1 ? "more\n" : "first\nsecond\nthird\nmore\n");
  }
});

test("a log that is a link, or lies behind one, is not read", async () => {
  const log = { grown: () => Promise.resolve(), open: () => Promise.resolve(false) };
  const limits = { linesMax: 9, bytesMax: 99 };
  const files = new MemoryFiles({ "/etc/main/0.log": lines, "/logs/pod/main/none": "" });
  await files.symlink("/etc/main/0.log", "/logs/pod/main/0.log");
  await assert.rejects(readLastLines(files, path, limits), { name: "UnsafePathError" });
  await files.symlink("/etc", "/logs/other");
  await assert.rejects(readLastLines(files, "/logs/other/main/0.log", limits), { name: "UnsafePathError" });
  const asked = { follow: true, timestamps: false, signal: new AbortController().signal };
  for await (const _ of readLog(files, { ...log, path: "/logs/none/main/0.log" }, asked)) assert.fail("there is none");
});

test("a log that is followed for long costs no more with time, and stops with its reader", async () => {
  const clock = new VirtualClock();
  const files = new MemoryFiles({ [path]: lines });
  const signals: AbortSignal[] = [];
  const grown = watchGrown({ files, clock }, path, 200);
  const log = {
    path,
    open: () => Promise.resolve(true),
    grown: async (signal: AbortSignal) => {
      signals.push(signal);
      await grown(signal);
    },
  };
  const reader = new AbortController();
  const text: string[] = [];
  const reading = (async () => {
    for await (const part of readLog(files, log, { follow: true, timestamps: false, signal: reader.signal }))
      text.push(Buffer.from(part).toString());
  })();
  await clock.advance(60_000);
  const [signal] = signals;
  assert.ok(signal && signals.length > 100);
  assert.ok(getEventListeners(signal, "abort").length < 5);
  reader.abort(new Error("the reader went"));
  await clock.advance(0);
  await reading;
  assert.deepEqual([text.join(""), getEventListeners(signal, "abort").length], ["first\nsecond\nthird\n", 0]);
});

test("what is no line of the runtime's is not kept in memory", async () => {
  const noise = "x".repeat(3 << 20);
  assert.equal(await read({}, `${lines}${noise}\n${lines}`), "first\nsecond\nthird\n".repeat(2));
});

test("with a log goes what was rotated of it, and nothing else", async () => {
  const folder = "/logs/pod/main";
  const files = new MemoryFiles({ [path]: "", [`${path}.20260101-000000.000`]: "", [`${folder}/10.log`]: "" });
  await removeLog(files, path);
  await removeLog(files, "/logs/pod/none/0.log");
  await removeLog(files, "");
  assert.deepEqual(await files.list(folder), ["10.log"]);
});
