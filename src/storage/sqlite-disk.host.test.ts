/** What disks do to a store: full and read-only file systems, made by mounting small ones. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { openSqliteStore } from "./sqlite.ts";
import { absent, type Store, type StoreEvent } from "./store.ts";
import { create, update } from "./contract/one-key.ts";

/** A file system of its own, gone at the end of the block. */
function mountSmall(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "kedge-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "kedge-test", path]);
  return {
    path,
    [Symbol.dispose]: () => {
      execFileSync("umount", [path]);
      rmSync(path, { recursive: true });
    },
  };
}

function open(dataDir: string): Promise<Store> {
  return openSqliteStore({ dataDir, clock: machineClock, log: silentLog });
}

test("on a full disk writes are refused, reads go on, and writes are taken again when there is space", async () => {
  using disk = mountSmall();
  const dataDir = join(disk.path, "data");
  const filler = join(disk.path, "filler");
  await using store = await open(dataDir);
  const events: StoreEvent[] = [];
  await store.watch(
    { from: "/", to: "0", afterRevision: 0 },
    (batch) => events.push(...batch),
    AbortSignal.timeout(60_000),
  );
  await create(store, "/a", utf8("before"));
  await update(store, { key: "/lease", value: utf8("1"), expected: absent }, { durability: "lazy" });
  await update(store, { key: "/lease", value: utf8("2"), expected: store.revision }, { durability: "lazy" });
  const before = await store.range({ from: "/", to: "0" });
  assert.throws(() => writeFileSync(filler, new Uint8Array(5 * 1024 * 1024)), /ENOSPC/);

  const value = new Uint8Array(256 * 1024);
  const refusal = { name: "StoreUnavailableError", message: /found the disk full: free some space/ };
  await assert.rejects(create(store, "/large", value), refusal);
  await assert.rejects(create(store, "/large", value), refusal);
  assert.deepEqual(await store.range({ from: "/", to: "0" }), before);

  rmSync(filler);
  const outcome = await create(store, "/large", value);
  assert(outcome.kind === "created" && outcome.revision > before.revision);
  await store[Symbol.asyncDispose]();
  await using again = await open(dataDir);
  assert.deepEqual(
    (await again.range({ from: "/", to: "0" })).entries.filter(({ key }) => key !== "/large"),
    before.entries,
  );
  const history: StoreEvent[] = [];
  await again.watch(
    { from: "/", to: "0", afterRevision: 0 },
    (batch) => history.push(...batch),
    AbortSignal.timeout(60_000),
  );
  // The past also tells what was replaced.
  assert.deepEqual(
    history.map((event) => ({ ...event, previous: undefined })),
    events.map((event) => ({ ...event, previous: undefined })),
  );
});

test("a first start on a full disk, and any start on a read-only one, is refused in a sentence", async () => {
  using disk = mountSmall();
  assert.throws(() => writeFileSync(join(disk.path, "filler"), new Uint8Array(5 * 1024 * 1024)), /ENOSPC/);
  await assert.rejects(open(join(disk.path, "data")), {
    name: "StoreUnavailableError",
    message: /^expected .* found .*(?:disk full|ENOSPC).*: /,
  });
  rmSync(join(disk.path, "filler"));
  await (await open(join(disk.path, "data")))[Symbol.asyncDispose]();
  mkdirSync(join(disk.path, "empty"));
  execFileSync("mount", ["-o", "remount,ro", disk.path]);
  await assert.rejects(open(join(disk.path, "data")), {
    name: "StoreUnavailableError",
    message: /^expected a database that can be written, found "EROFS.*": check the disk/,
  });
  await assert.rejects(open(join(disk.path, "empty")), {
    name: "StoreUnavailableError",
    message: /^expected a database that can be written, found "EROFS.*": check the disk/,
  });
});
