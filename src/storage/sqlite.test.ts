import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { testStore } from "./contract.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite.ts";
import { type Store, StoreUnavailableError } from "./store.ts";

const directory = mkdtempSync(join(tmpdir(), "kedge-storage-"));
after(() => rmSync(directory, { recursive: true }));
let directories = 0;

function newDataDir(): string {
  directories += 1;
  return join(directory, String(directories));
}

function open(options: Partial<SqliteStoreOptions> = {}): Promise<Store> {
  return openSqliteStore({
    dataDir: newDataDir(),
    clock: machineClock,
    log: silentLog,
    sweepRevisionsMin: 0,
    ...options,
  });
}

function pathOf(dataDir: string): string {
  return join(dataDir, "server", "db", "state.db");
}

const all = { from: "/", to: "0" };

testStore("sqlite", () => open());

test("a store that is opened again has every write, lazy ones too, and goes on counting", async () => {
  const dataDir = newDataDir();
  await using before = await open({ dataDir });
  await before.create("/a", utf8("durable"));
  await before.create("/b", utf8("lazy"), { durability: "lazy" });
  await before.delete("/a");
  await before.create("/c", utf8("lazy"), { durability: "lazy" });
  await before.compact(3);
  const answer = await before.range(all);
  const size = await before.size();
  await before[Symbol.asyncDispose]();

  await using store = await open({ dataDir });
  assert.deepEqual(await store.range(all), answer);
  assert.deepEqual([store.revision, store.compactedRevision], [before.revision, 3]);
  assert.equal((await store.size()).liveBytes, size.liveBytes);
  assert.deepEqual(await store.create("/a", utf8("anew")), { kind: "created", revision: answer.revision + 1 });
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
  await store.create("/lease", utf8("0"), { durability: "lazy" });
  const written = (): number => statSync(`${pathOf(dataDir)}-wal`).size;
  const before = written();
  for (let at = 1; at < 20; at += 1)
    await store.update({ key: "/lease", value: utf8(String(at)), expected: store.revision }, { durability: "lazy" });
  assert.equal(written(), before);
  due?.();
  // Answered after the commit, since the thread answers in order.
  await store.get("/lease");
  assert(written() > before);
});

test("the files are the owner's alone", async () => {
  const dataDir = newDataDir();
  await using store = await open({ dataDir });
  await store.create("/a", utf8("v"));
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  assert.equal(modeOf(join(dataDir, "server", "db")), "700");
  assert.deepEqual([modeOf(pathOf(dataDir)), modeOf(`${pathOf(dataDir)}-wal`)], ["600", "600"]);
});

test("history that grows too large is compacted unasked, and the file stays small", async () => {
  await using store = await open({ historyBytesMax: 1024 * 1024 });
  await store.create("/a", utf8("0"));
  for (let at = 0; at < 60; at += 1)
    await store.update({ key: "/a", value: new Uint8Array(100_000).fill(at), expected: store.revision });
  assert(store.compactedRevision > 10);
  // Waits for the compaction under way.
  await store.compact(store.revision);
  const { totalBytes, liveBytes } = await store.size();
  assert(totalBytes < 2 * liveBytes + 4 * 1024 * 1024);
  assert.equal((await store.get("/a"))?.value[0], 59);
});

test("space that a compaction frees goes back to the file system", async () => {
  await using store = await open({ sweepRevisionsMin: 1_000 });
  await store.create("/a", utf8("v"));
  for (let at = 0; at < 1_200; at += 1)
    await store.update({ key: "/a", value: new Uint8Array(40_000).fill(at), expected: store.revision });
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
  await store.create("/a", utf8("v"));
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
    /expected database version "1", found "7" in ".*": start the kedge that wrote it/,
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

test("a damaged row is refused in a sentence, and every other key goes on", async () => {
  const dataDir = newDataDir();
  const before = await open({ dataDir });
  await before.create("/a", utf8("sound"));
  await before.create("/b", utf8("to be damaged"));
  await before[Symbol.asyncDispose]();
  const file = readFileSync(pathOf(dataDir));
  writeSync(openSync(pathOf(dataDir), "r+"), "T", file.indexOf("to be damaged"));

  await using store = await open({ dataDir });
  assert.equal((await store.get("/a"))?.value.length, 5);
  const refusal = { name: "StoreUnavailableError", message: /found it damaged: keep a copy.*checksum of "\/b"/ };
  await assert.rejects(store.get("/b"), refusal);
  await assert.rejects(store.delete("/b"), refusal);
  assert.equal((await store.create("/c", utf8("v"))).kind, "created");
  assert.equal((await store.get("/a"))?.value.length, 5);
});

test("a damaged page is refused in a sentence, and nothing more is written", async () => {
  const dataDir = newDataDir();
  const before = await open({ dataDir });
  for (let at = 0; at < 100; at += 1) await before.create(`/${at}`, new Uint8Array(1_000));
  await before[Symbol.asyncDispose]();
  const pageBytes = 4_096;
  const file = openSync(pathOf(dataDir), "r+");
  for (let page = 10; page < 20; page += 1) writeSync(file, new Uint8Array(64).fill(0xff), 0, 64, page * pageBytes);
  closeSync(file);
  const damaged = readFileSync(pathOf(dataDir));

  await using store = await open({ dataDir });
  const refusal = { name: "StoreUnavailableError", message: /found it damaged: keep a copy of its directory/ };
  await assert.rejects(store.range(all), refusal);
  await assert.rejects(store.create("/new", utf8("v")), refusal);
  await store[Symbol.asyncDispose]();
  assert.deepEqual(readFileSync(pathOf(dataDir)), damaged);
});

test("a path that cannot be a directory is refused in a sentence", async () => {
  const dataDir = join(directory, "file");
  writeFileSync(dataDir, "");
  await assert.rejects(open({ dataDir }), (error: unknown) => {
    assert(error instanceof StoreUnavailableError);
    assert.match(error.message, /^expected a database that can be written, found "ENOTDIR.*": check/);
    return true;
  });
});
