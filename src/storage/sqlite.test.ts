import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { machineClock, type Clock } from "#base/clock.ts";
import { utf8 } from "#base/bytes.ts";
import { testStore } from "./contract.ts";
import { all, directory, newDataDir, open, overwrite, pathOf } from "./contract/data-dir.ts";
import { absent, keyLengthMax, type Store, type StoreEvent, StoreUnavailableError } from "./store.ts";
import { create, remove, update } from "./contract/one-key.ts";

testStore("sqlite", () => open());

test("a store that is opened again has every write, lazy ones too, and goes on counting", async () => {
  const dataDir = newDataDir();
  await using before = await open({ dataDir });
  await create(before, "/a", utf8("durable"));
  await update(before, { key: "/b", value: utf8("lazy"), expected: absent }, { durability: "lazy" });
  await remove(before, "/a");
  await update(before, { key: "/c", value: utf8("lazy"), expected: absent }, { durability: "lazy" });
  await before.compact(3);
  const answer = await before.range(all);
  const size = await before.size();
  await before[Symbol.asyncDispose]();

  await using store = await open({ dataDir });
  assert.deepEqual(await store.range(all), answer);
  assert.deepEqual([store.revision, store.compactedRevision], [before.revision, 3]);
  assert.equal((await store.size()).liveBytes, size.liveBytes);
  assert.deepEqual(await create(store, "/a", utf8("anew")), { kind: "created", revision: answer.revision + 1 });
});

test("a key that is too long is refused, and one that is nearly so is kept", async () => {
  const dataDir = newDataDir();
  const keys = ["/a", "é", "/\u{1f600}"].map((start) => start + "é".repeat(keyLengthMax - start.length));
  {
    await using store = await open({ dataDir });
    for (const key of keys) await create(store, key, utf8("v"));
    await assert.rejects(create(store, `${keys[0] ?? ""}x`, utf8("v")), /expected a key of at most 16384 characters/);
    assert.equal((await create(store, "/b", utf8("v"))).kind, "created");
  }
  await using store = await open({ dataDir });
  for (const key of keys) assert.equal((await store.get(key))?.key, key);
});

test("lazy writes touch the disk only when their time has come", async () => {
  const dataDir = newDataDir();
  let due: (() => void) | undefined;
  const clock = {
    ...machineClock,
    after: (_delayMs: number, callback: () => void) => {
      due = callback;
      return { cancel: () => undefined, [Symbol.dispose]: () => undefined };
    },
  };
  await using store = await open({ dataDir, clock });
  // The first one reserves revisions on disk.
  await update(store, { key: "/lease", value: utf8("0"), expected: absent }, { durability: "lazy" });
  const written = (): number => statSync(`${pathOf(dataDir)}-wal`).size;
  const before = written();
  for (let at = 1; at < 20; at += 1)
    await update(store, { key: "/lease", value: utf8(String(at)), expected: store.revision }, { durability: "lazy" });
  assert.equal(written(), before);
  due?.();
  // Answered after the commit, since the thread answers in order.
  await store.get("/lease");
  assert(written() > before);
});

test("the files are the owner's alone", async () => {
  const dataDir = newDataDir();
  await using store = await open({ dataDir });
  await create(store, "/a", utf8("v"));
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  assert.equal(modeOf(join(dataDir, "server", "db")), "700");
  assert.deepEqual([modeOf(pathOf(dataDir)), modeOf(`${pathOf(dataDir)}-wal`)], ["600", "600"]);
});

test("history that grows too large is compacted unasked, and the file stays small", async () => {
  await using store = await open({ historyBytesMax: 1024 * 1024 });
  await create(store, "/a", utf8("0"));
  for (let at = 0; at < 60; at += 1)
    await update(store, { key: "/a", value: new Uint8Array(100_000).fill(at), expected: store.revision });
  assert(store.compactedRevision > 10);
  // Waits for the compaction under way.
  await store.compact(store.revision);
  const { totalBytes, liveBytes } = await store.size();
  assert(totalBytes < 2 * liveBytes + 4 * 1024 * 1024);
  assert.equal((await store.get("/a"))?.value[0], 59);
});

test("space that a compaction frees goes back to the file system", async () => {
  await using store = await open({ sweepRevisionsMin: 1_000 });
  await create(store, "/a", utf8("v"));
  for (let at = 0; at < 1_200; at += 1)
    await update(store, { key: "/a", value: new Uint8Array(40_000).fill(at), expected: store.revision });
  assert((await store.size()).totalBytes > 48e6);
  await store.compact(store.revision);
  assert((await store.size()).totalBytes < 24e6);
});

test("a second server on the same directory is told who holds it", async () => {
  const dataDir = newDataDir();
  await using store = await open({ dataDir });
  await assert.rejects(open({ dataDir }), {
    name: "StoreUnavailableError",
    message: `expected the database "${pathOf(dataDir)}" to be free, found it in use by process ${process.pid}: stop that one, or choose another --data-dir`,
  });
  // Another process sees the same, even after the attempt above.
  const program = `await import("${import.meta.resolve("./sqlite/database.ts")}").then((m) => m.openDatabase(${JSON.stringify(pathOf(dataDir))}))`;
  const other = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  assert.match(other.stderr, /database is locked/);
  await create(store, "/a", utf8("v"));
});

test("a database of another version or program is left alone", async () => {
  const dataDir = newDataDir();
  await (await open({ dataDir }))[Symbol.asyncDispose]();
  const database = new DatabaseSync(pathOf(dataDir));
  database.exec("PRAGMA user_version = 7");
  await assert.rejects(open({ dataDir }), /in use by another process: stop that one/);
  database.close();
  await assert.rejects(
    open({ dataDir }),
    /expected database version "3", found "7" in ".*": start the kedge that wrote it/,
  );

  const other = newDataDir();
  await (await open({ dataDir: other }))[Symbol.asyncDispose]();
  rmSync(pathOf(other));
  const foreign = new DatabaseSync(pathOf(other));
  foreign.exec("CREATE TABLE guests (name TEXT)");
  foreign.close();
  await assert.rejects(open({ dataDir: other }), /expected kedge's database, found ".*" made by another program/);
  writeFileSync(pathOf(other), "this is no database, but long enough to be looked at as if it were one, byte by byte");
  await assert.rejects(open({ dataDir: other }), /expected a sound database ".*", found it damaged: keep a copy/);
});

/** A store that was killed: its files as they stood while it was open. */
async function killed(dataDir: string, write: (store: Store) => Promise<unknown>): Promise<void> {
  const living = newDataDir();
  await using store = await open({ dataDir: living });
  await write(store);
  cpSync(living, dataDir, { recursive: true });
}

const thirty = async (store: Store): Promise<void> => {
  for (let at = 0; at < 30; at += 1) await create(store, `/${at}`, utf8("acknowledged"));
};

for (const [what, harm] of [
  ["was removed", (wal: string) => rmSync(wal)],
  ["has four wrong bytes", (wal: string) => overwrite(wal, "acknowledged", "ACKN")],
  ["was cut", (wal: string) => truncateSync(wal, 8_000)],
] as const)
  test(`a start after the WAL ${what} is refused until the loss is accepted`, async () => {
    const dataDir = newDataDir();
    await killed(dataDir, thirty);
    harm(`${pathOf(dataDir)}-wal`);
    const refusal = {
      name: "StoreUnavailableError",
      message:
        /expected the log to reach revision "31", found it end at "\d+": writes that were acknowledged are missing/,
    };
    await assert.rejects(open({ dataDir }), refusal);
    await assert.rejects(open({ dataDir }), refusal);
    rmSync(join(dataDir, "server", "db", "state.mark"));
    await using store = await open({ dataDir });
    assert((await store.range(all)).entries.length < 30);
  });

test("an older database in place of the newer one is refused", async () => {
  const dataDir = newDataDir();
  await killed(dataDir, thirty);
  rmSync(pathOf(dataDir));
  rmSync(`${pathOf(dataDir)}-wal`);
  await assert.rejects(open({ dataDir }), /expected the log to reach revision "31", found it end at "0"/);
});

test("a store that was killed is opened with all it acknowledged", async () => {
  const dataDir = newDataDir();
  await killed(dataDir, thirty);
  await using store = await open({ dataDir });
  assert.equal((await store.range(all)).entries.length, 30);
});

test("after a crash a lazy entry has a later revision than anybody saw, with an event", async () => {
  const dataDir = newDataDir();
  let seen = 0;
  await killed(dataDir, async (store) => {
    await create(store, "/leases/a", utf8("0"));
    await create(store, "/other", utf8("0"));
    for (let at = 1; at < 10; at += 1)
      await update(
        store,
        { key: "/leases/a", value: utf8(String(at)), expected: (await store.get("/leases/a"))?.modRevision ?? 0 },
        { durability: "lazy" },
      );
    seen = store.revision;
  });
  await using store = await open({ dataDir, lazyRanges: [{ from: "/leases/", to: "/leases0" }] });
  const now = await store.get("/leases/a");
  assert((now?.modRevision ?? 0) > seen, `found "${now?.modRevision}" after "${seen}"`);
  assert.equal((await store.get("/other"))?.modRevision, 3);
  const events: StoreEvent[] = [];
  const resumed = { ...all, afterRevision: seen };
  await store.watch(resumed, (batch) => events.push(...batch), new AbortController().signal);
  assert.deepEqual(
    events.map((event) => event.kind === "put" && event.entry.key),
    ["/leases/a"],
  );
});

test("a storage thread that dies is started anew: nothing is acknowledged falsely, no revision is given twice", async () => {
  let broken: Error | undefined;
  await using store = await open({ broken: (why) => (broken = why) });
  const seen: number[] = [];
  await store.watch(
    { ...all, afterRevision: 0 },
    (events) => {
      for (const event of events) if (event.kind === "put") seen.push(event.entry.modRevision);
    },
    new AbortController().signal,
  );
  await create(store, "/before", utf8("v"));
  for (let life = 0; life < 2; life += 1) {
    const writes = Array.from({ length: 50 }, (_, at) =>
      update(
        store,
        { key: `/${life}-${at}`, value: utf8("v"), expected: absent },
        { durability: at % 2 === 0 ? "lazy" : "durable" },
      ).then(
        (outcome) => outcome.kind,
        (error: unknown) => String(error),
      ),
    );
    // A question that no thread can answer.
    const deadly = store.get({ unknown: 1 } as unknown as string);
    await assert.rejects(deadly, /found that it failed.*may have happened or not; look before you try again/);
    for (const outcome of await Promise.all(writes))
      if (outcome !== "created") assert.match(outcome, /may have happened or not/);
    await assert.rejects(create(store, "/between", utf8("v")), { name: "StoreUnavailableError" });
    await worksAgain(store);
  }
  const { entries } = await store.range(all);
  // Watchers have seen each change once, whoever was told of it.
  assert.deepEqual(
    seen,
    [...new Set(seen)].toSorted((a, b) => a - b),
  );
  const told = new Set(seen);
  for (const { key, modRevision } of entries) assert(told.has(modRevision), key);
  assert.equal(broken, undefined);
});

test("a storage thread that dies again and again ends the store, in a sentence", async () => {
  const { promise, resolve } = Promise.withResolvers<Error>();
  await using store = await open({ broken: resolve, clock: quickClock });
  for (let life = 0; life < 6; life += 1) {
    await worksAgain(store);
    await assert.rejects(store.get({ unknown: 1 } as unknown as string));
  }
  assert.match((await promise).message, /expected the storage thread to work, found that it failed 6 times within 10/);
  await assert.rejects(store.get("/a"), /failed 6 times/);
});

/** Waits for nothing. */
const quickClock: Clock = {
  nowMs: () => machineClock.nowMs(),
  monotonicMs: () => machineClock.monotonicMs(),
  after: (_delayMs, callback) => machineClock.after(0, callback),
  sleep: (_delayMs, signal) => machineClock.sleep(0, signal),
};

/** Resolves when the store answers. */
async function worksAgain(store: Store): Promise<void> {
  for (;;) {
    try {
      await store.get("/any");
      return;
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test("a path that cannot be a directory is refused in a sentence", async () => {
  const dataDir = join(directory, "file");
  writeFileSync(dataDir, "");
  await assert.rejects(open({ dataDir }), (error: unknown) => {
    assert(error instanceof StoreUnavailableError);
    assert.match(error.message, /^expected a database that can be written, found "ENOTDIR.*": check/);
    return true;
  });
});
