import assert from "node:assert/strict";
import { closeSync, cpSync, existsSync, openSync, readFileSync, renameSync, truncateSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { textOf, utf8 } from "#base/bytes.ts";
import { all, newDataDir, open, overwrite, pathOf } from "./contract/data-dir.ts";
import { create, remove, update } from "./contract/one-key.ts";
import { checkSqliteStore, repairSqliteStore } from "./sqlite-check.ts";
import type { Store } from "./store.ts";

const faultOf = (_key: string, value: Uint8Array): string | undefined =>
  textOf(value).startsWith("no object") ? "expected an object" : undefined;

const check = (dataDir: string): ReturnType<typeof checkSqliteStore> => checkSqliteStore({ dataDir, faultOf });
const repair = (dataDir: string): ReturnType<typeof repairSqliteStore> => repairSqliteStore({ dataDir, faultOf });

/** Keys that fill many pages, with a past: each was updated, and every tenth is gone. */
async function filled(dataDir: string, keys = 400): Promise<void> {
  await using store = await open({ dataDir });
  await fill(store, keys);
}

async function fill(store: Store, keys: number): Promise<void> {
  const value = (text: string): Uint8Array => utf8(`${text} ${"x".repeat(900)}`);
  for (let at = 0; at < keys; at += 1) {
    const { revision } = await create(store, `/key/${at}`, value("first"));
    await update(store, { key: `/key/${at}`, value: value(`second of ${at}`), expected: revision });
    if (at % 10 === 0) await remove(store, `/key/${at}`);
  }
}

function write(path: string, at: number, bytes: Uint8Array): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}

/** Everything that is there now, and the store's revision. */
async function contents(dataDir: string): Promise<{ readonly found: Map<string, string>; readonly revision: number }> {
  await using store = await open({ dataDir });
  const { entries } = await store.range(all);
  for (const { damage } of entries) assert.equal(damage, undefined);
  return {
    found: new Map(entries.map(({ key, value, modRevision }) => [key, `${textOf(value)} @${modRevision}`])),
    revision: store.revision,
  };
}

test("a sound database is left as it is, killed or not", async () => {
  const dataDir = newDataDir();
  const killed = newDataDir();
  {
    await using store = await open({ dataDir });
    await fill(store, 20);
    cpSync(dataDir, killed, { recursive: true });
  }
  for (const directory of [dataDir, killed]) {
    const before = readFileSync(pathOf(directory));
    assert.deepEqual(check(directory), { findings: [], rows: 42, keys: 18 });
    assert.deepEqual(repair(directory), { findings: [], rows: 42, keys: 18, kept: undefined });
    assert.deepEqual(readFileSync(pathOf(directory)), before);
  }
});

const page = 4_096;
for (const [what, harm, losesAtMost] of [
  ["a row with a wrong byte", (path: string) => overwrite(path, "second of 55 ", "X"), 0],
  ["a page of zeros", (path: string) => write(path, 100 * page, new Uint8Array(page)), 4],
  [
    "pages with wrong heads",
    (path: string) => {
      for (const number of [20, 21, 22, 60, 130]) write(path, number * page, new Uint8Array(64).fill(0xff));
    },
    20,
  ],
  ["an end that was cut off", (path: string) => truncateSync(path, 200 * page), 250],
] as const)
  test(`a repair of ${what} keeps all that can be read, and never gives a revision again`, async () => {
    const dataDir = newDataDir();
    await filled(dataDir);
    const before = await contents(dataDir);
    harm(pathOf(dataDir));
    const damaged = readFileSync(pathOf(dataDir));
    const { findings } = check(dataDir);
    assert(findings.length > 0);
    assert.deepEqual(readFileSync(pathOf(dataDir)), damaged);

    const outcome = repair(dataDir);
    assert.deepEqual(outcome.findings, findings);
    assert.equal(outcome.kept, join(dirname(pathOf(dataDir)), "damaged-1"));
    assert.deepEqual(readFileSync(join(dirname(pathOf(dataDir)), "damaged-1", "state.db")), damaged);
    assert.deepEqual(check(dataDir).findings, []);
    const after = await contents(dataDir);
    assert(after.revision > before.revision);
    const lost = [...before.found.keys()].filter((key) => !after.found.has(key));
    assert(lost.length <= losesAtMost, `found ${lost.length} lost`);
    const other = [...after.found].filter(([key, value]) => before.found.get(key) !== value);
    assert(other.length <= losesAtMost + 1, `found ${other.length} others`);
  });

test("a damaged row is told by its key, and its last sound state comes back", async () => {
  const dataDir = newDataDir();
  await filled(dataDir, 60);
  overwrite(pathOf(dataDir), "second of 55 ", "X");
  const [finding = "", ...others] = check(dataDir).findings;
  assert.match(finding, /^what is stored as "\/key\/55", of revision "\d+", is not as it was written$/);
  assert.deepEqual(others, []);
  repair(dataDir);
  assert.match((await contents(dataDir)).found.get("/key/55") ?? "", /^first /);
});

test("a WAL that lost its end is told, and a repair goes on without it", async () => {
  const living = newDataDir();
  const dataDir = newDataDir();
  {
    await using store = await open({ dataDir: living });
    for (let at = 0; at < 30; at += 1) await create(store, `/key/${at}`, utf8("acknowledged"));
    cpSync(living, dataDir, { recursive: true });
  }
  const wal = `${pathOf(dataDir)}-wal`;
  overwrite(wal, "acknowledged", "ACKN");
  const damaged = readFileSync(wal);
  assert.match(
    check(dataDir).findings.join(),
    /the log ends at revision "\d+", and writes up to "31" were acknowledged/,
  );
  assert.deepEqual(readFileSync(wal), damaged);
  repair(dataDir);
  assert.deepEqual(readFileSync(join(dirname(wal), "damaged-1", "state.db-wal")), damaged);
  assert((await contents(dataDir)).revision > 31);
});

test("a value that is no object is told, and kept", async () => {
  const dataDir = newDataDir();
  {
    await using store = await open({ dataDir });
    await create(store, "/key", utf8("no object"));
  }
  assert.deepEqual(check(dataDir).findings, ['the object "/key" cannot be read: expected an object']);
});

test("a repair that was cut off keeps a start out until it is called again", async () => {
  for (const moved of [[], ["state.db"], ["state.db", "state.mark"]]) {
    const dataDir = newDataDir();
    await filled(dataDir, 20);
    const directory = dirname(pathOf(dataDir));
    cpSync(pathOf(dataDir), `${pathOf(dataDir)}.repaired`);
    cpSync(directory, join(directory, "..", "copy"), { recursive: true });
    if (moved.length > 0)
      cpSync(join(directory, "state.mark"), join(directory, "damaged-1", "other"), { recursive: true });
    for (const name of moved) renameSync(join(directory, name), join(directory, "damaged-1", name));
    await assert.rejects(open({ dataDir }), /found that it was cut off: run "kedge check --repair" again/);
    assert.deepEqual(check(dataDir).findings, ['a repair was cut off: run "kedge check --repair" again']);
    assert.deepEqual(repair(dataDir).findings, []);
    for (const name of ["state.db", "state.mark"]) assert(existsSync(join(directory, "damaged-1", name)), name);
    assert.equal((await contents(dataDir)).found.size, 18);
  }
});

test("a directory without a database, and a file that is none, are refused in a sentence", async () => {
  assert.throws(() => check(newDataDir()), /expected a database to check, found no/);
  const dataDir = newDataDir();
  await filled(dataDir, 1);
  write(pathOf(dataDir), 0, new Uint8Array(page).fill(0x41));
  assert.throws(() => check(dataDir), /found it damaged/);
});
