import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { crc32, gunzipSync } from "node:zlib";
import { textOf, utf8 } from "#base/bytes.ts";
import { all, newDataDir, open, pathOf } from "./contract/data-dir.ts";
import { create, remove } from "./contract/one-key.ts";
import { CompactedError } from "./store.ts";

/** The files of a store that was killed, as the kedge of that schema left them. */
function ofBefore(): string {
  const dataDir = newDataDir();
  mkdirSync(join(dataDir, "server", "db"), { recursive: true, mode: 0o700 });
  for (const name of ["state.db", "state.db-wal", "state.mark"]) {
    const packed = readFileSync(join(import.meta.dirname, "sqlite", "testdata", `schema-2.${name}.gz`));
    writeFileSync(join(dataDir, "server", "db", name), gunzipSync(packed), { mode: 0o600 });
  }
  return dataDir;
}

async function checkOfBefore(dataDir: string): Promise<void> {
  {
    await using store = await open({ dataDir });
    const { entries } = await store.range({ from: "/", to: "/c" });
    assert.deepEqual(
      entries.map(({ key, value, createRevision, modRevision }) => [key, textOf(value), createRevision, modRevision]),
      [
        ["/a", "two", 2, 4],
        ["/b", "again", 6, 6],
      ],
    );
    assert.equal((await store.range({ from: "/many/", to: "/many0" })).entries.length, 30);
    assert.equal(await store.get("/gone"), undefined);
    assert.deepEqual(await create(store, "/a", utf8("v")), { kind: "exists", revision: 4 });
    // What lazy writes may have been told is never told again.
    assert(store.revision >= 39);
    const past = store.range({ ...all, revision: 20 });
    await assert.rejects(past, CompactedError);
    await remove(store, "/b", 6);
    await create(store, "/gone", utf8("anew"));
  }
  // A crash in the middle of what the first start did is a crash of a transaction.
  await using again = await open({ dataDir });
  assert.equal(await again.get("/b"), undefined);
  assert.equal(textOf((await again.get("/gone"))?.value ?? new Uint8Array()), "anew");
  await again.compact(again.revision);
  assert.equal(
    (await again.range(all)).entries.length,
    32 + (await again.range({ from: "/lease", to: "/lease0" })).entries.length,
  );
}

test("a database of before, killed while keys had an index in the file, is opened and goes on", async () => {
  const dataDir = ofBefore();
  await checkOfBefore(dataDir);
  const database = new DatabaseSync(pathOf(dataDir));
  assert.deepEqual(
    database.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").all(),
    [],
  );
  database.close();
});

test("rows of the first databases, whose checksum covers key and value alone, are read", async () => {
  const dataDir = ofBefore();
  const database = new DatabaseSync(pathOf(dataDir));
  const write = database.prepare("UPDATE log SET checksum = ? WHERE revision = ?");
  for (const { revision, key, value } of database.prepare("SELECT revision, key, value FROM log").all()) {
    const ofKey = crc32(String(key));
    write.run(value instanceof Uint8Array ? crc32(value, ofKey) : ofKey, Number(revision));
  }
  database.exec("PRAGMA user_version = 1");
  database.close();
  await checkOfBefore(dataDir);
});
