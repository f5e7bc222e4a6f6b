import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import { processOf } from "#host/processes.ts";
import { holdDataFolder, holderOf, seizeDataFolder, serviceIn, unitOf } from "./data-folder.ts";

let data: string;
const started: ChildProcess[] = [];
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "kedge-data-folder-"));
});
afterEach(() => rmSync(data, { recursive: true }));
after(() => started.forEach((child) => child.kill("SIGKILL")));

/** Another process that tries to take the directory and says what came of it, then waits. */
function contender(): { readonly child: ChildProcess; readonly said: Promise<string> } {
  const script = `
    import { holdDataFolder } from ${JSON.stringify(join(import.meta.dirname, "data-folder.ts"))};
    try { globalThis.held = holdDataFolder(${JSON.stringify(data)}); console.log("held"); }
    catch (error) { console.log(error.message); }
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  // Its first chunk is the one line it prints.
  const said = once(child.stdout, "data").then(([line]) => String(line).trim());
  return { child, said };
}

test("of several processes that start at once exactly one holds the directory, also where a dead one held it", async () => {
  // What a killed kedge leaves; process 1 of another boot.
  writeFileSync(join(data, "kedge.lock"), "1 1\n");
  const contenders = Array.from({ length: 6 }, contender);
  const said = await Promise.all(contenders.map((one) => one.said));
  assert.equal(said.filter((line) => line === "held").length, 1, said.join("\n"));
  for (const line of said) assert.match(line, /^held$|to be free, found it in use by /);
});

test("who holds the directory gives it back by being killed", async () => {
  const { child, said } = contender();
  assert.equal(await said, "held");
  assert.equal(holderOf(data)?.id.pid, child.pid);
  assert.throws(() => holdDataFolder(data), new RegExp(`in use by kedge with process id ${child.pid}`));
  assert.equal(seizeDataFolder(data), undefined);
  child.kill("SIGKILL");
  await once(child, "exit");
  using held = holdDataFolder(data);
  assert.ok(held);
  assert.equal(holderOf(data)?.id.pid, process.pid);
});

test("a machine that lost power while files were new leaves some of them empty, and starts and cleans up all the same", () => {
  for (const name of ["layout-version", "kedge.lock", "systemd-unit"]) writeFileSync(join(data, name), "");
  assert.equal(unitOf(data), undefined);
  using held = holdDataFolder(data);
  assert.ok(held);
  assert.equal(readFileSync(join(data, "layout-version"), "utf8"), "1\n");
});

test("what is being cleaned up cannot be started", async () => {
  using _seized = seizeDataFolder(data);
  assert.match(
    await contender().said,
    new RegExp(`in use by kedge killall or uninstall with process id ${process.pid}`),
  );
});

test("a kedge of before the lock that still runs is seen", () => {
  const parent = processOf(process.ppid);
  assert.ok(parent);
  writeFileSync(join(data, "kedge.lock"), `${parent.pid} ${parent.startTicks}\n`);
  assert.throws(() => holdDataFolder(data), new RegExp(`in use by kedge with process id ${parent.pid}`));
});

test("the service of systemd that a process is in is told by its control group", () => {
  assert.equal(serviceIn("0::/system.slice/kedge.service\n"), "kedge.service");
  assert.equal(serviceIn("5:memory:/a\n1:name=systemd:/system.slice/k.service\n"), "k.service");
  assert.equal(serviceIn("0::/user.slice/user-0.slice/session-1.scope\n"), undefined);
  assert.equal(serviceIn("0::/\n"), undefined);
});
