import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { openSqliteStore } from "#storage/sqlite.ts";
import { runCheck } from "./check.ts";
import { holdDataFolder } from "./data-folder.ts";

test("check tells objects that are none, repairs, refuses a directory in use, and ends with a code for each", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "kedge-check-"));
  try {
    const said: string[] = [];
    const run = (...args: string[]): number =>
      runCheck(args, { say: (text) => said.push(text), complain: (text) => said.push(`! ${text}`) });
    assert.equal(run("--data-dir", join(dataDir, "absent")), 1);
    assert.match(said.splice(0).join(""), /^! kedge: expected a data directory of kedge, found no ".*absent"\n$/);
    assert.equal(run("--fix"), 2);
    assert.match(
      said.splice(0).join(""),
      /^! kedge: expected "kedge check \[--repair\] \[--data-dir DIR\]": Unknown option '--fix'/,
    );
    assert.equal(run("--help"), 0);
    assert.match(said.splice(0).join(""), /Usage: kedge check/);
    assert.equal(run("--data-dir", dataDir), 1);
    assert.match(said.splice(0).join(""), /^! kedge: expected a database to check/);
    {
      await using store = await openSqliteStore({ dataDir, clock: machineClock, log: silentLog });
      const values = { "/registry/pods/default/web": '{"metadata":{"name":"web"}}', "/kedge/other": "x" };
      for (const [key, text] of Object.entries(values)) await store.commit([{ key, value: utf8(text), expected: 0 }]);
    }
    assert.equal(run("--data-dir", dataDir), 0);
    assert.equal(said.splice(0).join(""), "sound: 2 keys, 2 rows\n");
    {
      using _held = holdDataFolder(dataDir);
      assert.equal(run("--data-dir", dataDir, "--repair"), 1);
      assert.match(
        said.splice(0).join(""),
        /^! kedge: expected nobody to use the data directory ".*", found process \d+: stop/,
      );
    }
    {
      await using store = await openSqliteStore({ dataDir, clock: machineClock, log: silentLog });
      await store.commit([{ key: "/registry/pods/default/db", value: utf8('{"metadata":{"name":"d'), expected: 0 }]);
    }
    assert.equal(run("--data-dir", dataDir), 1);
    assert.match(
      said.splice(0).join(""),
      /^1 fault: 3 keys, 3 rows\n {2}the object "\/registry\/pods\/default\/db" cannot be read: /,
    );
    assert.equal(run("--data-dir", dataDir, "--repair"), 0);
    assert.match(said.splice(0).join(""), /the old files are in .*\/server\/db\/damaged-1\n$/);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
