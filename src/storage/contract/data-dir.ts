/** Data directories of tests, gone with the test file that asked for them, and stores in them. */
import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../sqlite.ts";
import type { Store } from "../store.ts";

export const directory = mkdtempSync(join(tmpdir(), "kedge-storage-"));
after(() => rmSync(directory, { recursive: true }));
let directories = 0;

export function newDataDir(): string {
  directories += 1;
  return join(directory, String(directories));
}

export function open(options: Partial<SqliteStoreOptions> = {}): Promise<Store> {
  return openSqliteStore({
    dataDir: newDataDir(),
    clock: machineClock,
    log: silentLog,
    sweepRevisionsMin: 0,
    ...options,
  });
}

export function pathOf(dataDir: string): string {
  return join(dataDir, "server", "db", "state.db");
}

export const all = { from: "/", to: "0" };

/** Writes `bytes` over the first place in the file where `found` stands. */
export function overwrite(path: string, found: string | Uint8Array, bytes: string | Uint8Array): void {
  const at = readFileSync(path).indexOf(found);
  assert(at >= 0, "expected the bytes to be in the file");
  const file = openSync(path, "r+");
  writeSync(file, Buffer.from(bytes), 0, bytes.length, at);
  closeSync(file);
}
