import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "#storage/memory.ts";
import { StoreUnavailableError, type Store } from "#storage/store.ts";
import { TestApiServer } from "#testing/api-server.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { probeEveryMs } from "./write-probe.ts";

test("/readyz fails while the store takes no writes, /livez does not, and many questions are one write", async () => {
  const store = openMemoryStore();
  let full = false;
  // A store whose disk is full answers reads and refuses writes.
  const disk = new Proxy(store, {
    get: (target, name: keyof Store) => {
      if (full && name === "commit") return () => Promise.reject(new StoreUnavailableError("found the disk full"));
      const member = target[name];
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const clock = new VirtualClock();
  const server = new TestApiServer({ store: disk, clock });
  const before = store.revision;
  for (let time = 0; time < 20; time += 1) assert.equal((await server.ask("GET /readyz")).code, 200);
  assert.equal(store.revision, before + 1);
  full = true;
  await clock.advance(probeEveryMs);
  const refused = await server.ask("GET /readyz");
  assert.equal(refused.code, 500);
  assert.match(refused.text, /\[-\]etcd-readiness failed: found the disk full/);
  assert.equal((await server.ask("GET /livez")).code, 200);
  full = false;
  await clock.advance(probeEveryMs);
  assert.equal((await server.ask("GET /readyz")).code, 200);
});
