import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { testStore } from "./contract.ts";
import { openSqliteStore } from "./sqlite.ts";

const directory = mkdtempSync(join(tmpdir(), "kedge-storage-"));
after(() => rmSync(directory, { recursive: true }));
let stores = 0;

function open(): ReturnType<typeof openSqliteStore> {
  stores += 1;
  return openSqliteStore({ dataDir: join(directory, String(stores)), clock: machineClock, log: silentLog });
}

testStore("sqlite", open);
