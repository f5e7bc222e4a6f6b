/** Rotation of logs in virtual time, over a runtime and files in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { FakeRuntime } from "#testing/fake-runtime.ts";
import { MemoryFiles } from "#testing/memory-files.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { LogRotation } from "./log-rotation.ts";

const folder = "/logs/shop_web_1/main";
const logPath = `${folder}/0.log`;
const sizeBytesMax = 1_000;

class Machine {
  readonly clock = new VirtualClock();
  readonly files = new MemoryFiles({ [logPath]: "" });
  readonly life = new AbortController();
  refuses = false;
  written = "";
  largest = 0;
  reopened = 0;

  readonly starts: () => void;
  private readonly running = [{ id: "c1", logPath }];
  private readonly rotation: LogRotation;

  constructor({ filesMax = 3, runs = true } = {}) {
    const runtime = new FakeRuntime({ clock: this.clock, images: [] });
    runtime.reopenContainerLog = async () => {
      if (this.refuses) throw new Error("not now");
      this.reopened += 1;
      this.written = "";
      await this.files.write(logPath, "", 0o640);
    };
    const running = () => (runs ? this.running : []);
    this.starts = () => {
      runs = true;
      this.rotation.containersRun(this.running);
    };
    const parts = { runtime, files: this.files, clock: this.clock, log: silentLog, sizeBytesMax, filesMax, running };
    this.rotation = new LogRotation(parts);
    void this.rotation.run(this.life.signal);
  }

  async writes(bytes: number): Promise<void> {
    this.written += "x".repeat(bytes);
    this.largest = Math.max(this.largest, this.written.length);
    await this.files.rewrite(logPath, this.written);
  }

  async end(): Promise<void> {
    this.life.abort(new Error("the test is over"));
    await this.clock.advance(0);
  }
}

test("a quiet log that begins to be flooded is rotated within a fraction of a second", async () => {
  const machine = new Machine();
  await machine.clock.advance(60_000);
  for (let count = 0; count < 200; count += 1) {
    await machine.writes(100);
    await machine.clock.advance(10);
  }
  // 10,000 bytes a second: what is written from one look to the next is all that goes beyond the limit.
  assert.ok(machine.largest <= sizeBytesMax + 2_000, `${machine.largest} bytes`);
  assert.ok(machine.reopened >= 5);
  assert.equal((await machine.files.list(folder)).length, 3);
  await machine.end();
});

test("a container that starts between two looks, and floods, is looked at as soon as it is seen", async () => {
  const machine = new Machine({ runs: false });
  await machine.clock.advance(65_000);
  machine.starts();
  for (let count = 0; count < 200; count += 1) {
    await machine.writes(100);
    await machine.clock.advance(10);
  }
  assert.ok(machine.largest <= sizeBytesMax + 2_000, `${machine.largest} bytes`);
  await machine.end();
});

test("a log that somebody removed is begun anew, with its folder", async () => {
  const machine = new Machine();
  await machine.clock.advance(30_000);
  await machine.files.remove(folder);
  await machine.clock.advance(20_000);
  assert.equal(machine.reopened, 1);
  assert.deepEqual(await machine.files.list(folder), ["0.log"]);
  await machine.end();
});

test("a log that grows slowly and then fast is seen within a second", async () => {
  const machine = new Machine();
  for (let count = 0; count < 60; count += 1) {
    await machine.writes(1);
    await machine.clock.advance(1_000);
  }
  assert.equal(machine.reopened, 0);
  await machine.writes(5_000);
  await machine.clock.advance(1_100);
  assert.equal(machine.reopened, 1);
  await machine.end();
});

test("every rotated log keeps its own name, and one that the runtime does not reopen gets its name back", async () => {
  const machine = new Machine({ filesMax: 10 });
  for (let count = 0; count < 4; count += 1) {
    await machine.writes(2_000);
    await machine.clock.advance(300);
  }
  const names = await machine.files.list(folder);
  assert.deepEqual([names.length, machine.reopened], [5, 4]);
  assert.match(names[1] ?? "", /^0\.log\.\d{8}-\d{6}\.\d{3}$/);
  machine.refuses = true;
  await machine.writes(3_000);
  await machine.clock.advance(20_000);
  assert.deepEqual(await machine.files.list(folder), names);
  assert.equal((await machine.files.facts(logPath))?.sizeBytes, 3_000);
  machine.refuses = false;
  await machine.clock.advance(20_000);
  assert.equal(machine.reopened, 5);
  await machine.end();
});
