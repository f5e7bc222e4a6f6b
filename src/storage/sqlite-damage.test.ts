import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { all, newDataDir, open, overwrite, pathOf } from "./contract/data-dir.ts";
import { create, remove, update } from "./contract/one-key.ts";
import type { StoreEvent } from "./store.ts";

/** Changes a column behind the store's back. */
function change(dataDir: string, sql: string): void {
  const database = new DatabaseSync(pathOf(dataDir));
  database.exec(sql);
  database.close();
}

test("a damaged row is an entry that says so, and harms no other key", async () => {
  const dataDir = newDataDir();
  const before = await open({ dataDir });
  await create(before, "/a", utf8("sound"));
  await create(before, "/b", utf8("to be damaged"));
  await create(before, "/c", utf8("to be replaced"));
  await before[Symbol.asyncDispose]();
  overwrite(pathOf(dataDir), "to be damaged", "T");
  overwrite(pathOf(dataDir), "to be replaced", "T");

  await using store = await open({ dataDir });
  const { entries } = await store.range(all);
  assert.deepEqual(
    entries.map(({ key, damage }) => [key, damage]),
    [
      ["/a", undefined],
      ["/b", 'the checksum of "/b" at revision "3" does not fit'],
      ["/c", 'the checksum of "/c" at revision "4" does not fit'],
    ],
  );
  const events: StoreEvent[] = [];
  await store.watch({ ...all, afterRevision: 0 }, (batch) => events.push(...batch), new AbortController().signal);
  assert.equal(events.length, 3);
  // Strangers' writes in one batch with those of the damaged keys.
  const outcomes = await Promise.all([
    create(store, "/d", utf8("v")),
    remove(store, "/b", 3),
    update(store, { key: "/c", value: utf8("whole again"), expected: 4 }),
    create(store, "/b", utf8("anew")),
  ]);
  assert.deepEqual(
    outcomes.map(({ kind }) => kind),
    ["created", "deleted", "updated", "created"],
  );
  assert.deepEqual(
    (await store.range(all)).entries.map(({ key, damage }) => [key, damage]),
    ["/a", "/b", "/c", "/d"].map((key) => [key, undefined]),
  );
});

for (const [what, sql] of [
  ["its revision of creation", "UPDATE log SET created = 1 WHERE key = '/b'"],
  ["its predecessor", "UPDATE log SET previous = 2 WHERE key = '/b' AND revision = 4"],
  ["its revision", "UPDATE log SET revision = 9 WHERE revision = 4"],
  ["its value, which is gone", "UPDATE log SET value = NULL WHERE revision = 4"],
  ["a number beyond what fits", "UPDATE log SET created = 9223372036854775807 WHERE revision = 4"],
  ["its checksum", "UPDATE log SET checksum = 7 WHERE revision = 4"],
  ["its key", "UPDATE log SET key = '/c' WHERE revision = 4"],
] as const)
  test(`a row is known to be damaged by ${what}`, async () => {
    const dataDir = newDataDir();
    const before = await open({ dataDir });
    await create(before, "/a", utf8("v"));
    await create(before, "/b", utf8("v"));
    await update(before, { key: "/b", value: utf8("w"), expected: 3 });
    await before[Symbol.asyncDispose]();
    change(dataDir, sql);
    await using store = await open({ dataDir });
    assert.match((await store.get("/b"))?.damage ?? "", /the checksum of "\/b" at revision "[49]" does not fit/);
    assert.equal((await store.get("/a"))?.damage, undefined);
  });

/** Writes garbage over the heads of some of the first pages of the table. */
function harmPages(dataDir: string): void {
  const pageBytes = 4_096;
  const file = openSync(pathOf(dataDir), "r+");
  for (let page = 10; page < 20; page += 1) writeSync(file, new Uint8Array(64).fill(0xff), 0, 64, page * pageBytes);
  closeSync(file);
}

const foundDamaged = { name: "StoreUnavailableError", message: /found it damaged: keep a copy of its directory/ };

test("a database with damaged pages is refused in a sentence, and left as it is", async () => {
  const dataDir = newDataDir();
  const before = await open({ dataDir });
  for (let at = 0; at < 100; at += 1) await create(before, `/${at}`, new Uint8Array(1_000));
  await before[Symbol.asyncDispose]();
  harmPages(dataDir);
  const damaged = readFileSync(pathOf(dataDir));
  await assert.rejects(open({ dataDir }), foundDamaged);
  assert.deepEqual(readFileSync(pathOf(dataDir)), damaged);
});

test("pages that become damaged are told, and nothing more is written", async () => {
  const dataDir = newDataDir();
  const before = await open({ dataDir });
  // More than the writer keeps in memory.
  await Promise.all(Array.from({ length: 6_000 }, (_, at) => create(before, `/${at}`, new Uint8Array(1_000))));
  await before[Symbol.asyncDispose]();
  await using store = await open({ dataDir });
  harmPages(dataDir);
  const damaged = readFileSync(pathOf(dataDir));
  await assert.rejects(store.range(all), foundDamaged);
  await assert.rejects(create(store, "/new", utf8("v")), foundDamaged);
  await store[Symbol.asyncDispose]();
  assert.deepEqual(readFileSync(pathOf(dataDir)), damaged);
});
