import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { silentLog } from "#base/log.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { idleMemory } from "./idle-memory.ts";

const mebibyte = 1_048_576;

/** A process of which the test says how much it works and holds. */
class Process {
  cpuMs = 0;
  takenBytes = 30 * mebibyte;
  usedBytes = 20 * mebibyte;
  collections = 0;
  readonly clock = new VirtualClock();

  constructor(context: TestContext) {
    const life = new AbortController();
    context.after(() => life.abort(new Error("the test is over")));
    const own = {
      cpuMs: () => this.cpuMs,
      heap: () => ({ takenBytes: this.takenBytes, usedBytes: this.usedBytes }),
      collect: () => {
        this.collections += 1;
        this.takenBytes = 20 * mebibyte;
        this.cpuMs += 100;
      },
    };
    idleMemory(own, { clock: this.clock, log: silentLog })
      .run(life.signal)
      .catch(() => undefined);
  }

  async minute({ cpuMs }: { readonly cpuMs: number }): Promise<void> {
    for (let at = 0; at < 60; at += 1) {
      this.cpuMs += cpuMs / 60;
      await this.clock.advance(1_000);
    }
  }
}

test("what the start left is given back once, when it is quiet", async (context) => {
  const own = new Process(context);
  await own.minute({ cpuMs: 20_000 });
  assert.equal(own.collections, 0);
  await own.minute({ cpuMs: 150 });
  assert.equal(own.collections, 1);
  for (let minutes = 0; minutes < 60; minutes += 1) await own.minute({ cpuMs: 150 });
  assert.equal(own.collections, 1);
});

test("it is done again after the next wave of work, and not while that lasts", async (context) => {
  const own = new Process(context);
  await own.minute({ cpuMs: 150 });
  own.takenBytes = 40 * mebibyte;
  await own.minute({ cpuMs: 5_000 });
  assert.equal(own.collections, 1);
  await own.minute({ cpuMs: 150 });
  assert.equal(own.collections, 2);
});

test("a heap that would stop everything for long is left as it is", async (context) => {
  const own = new Process(context);
  own.takenBytes = 300 * mebibyte;
  own.usedBytes = 200 * mebibyte;
  await own.minute({ cpuMs: 150 });
  assert.equal(own.collections, 0);
});
