/** Removing one cluster: nothing of the machine or of another cluster goes with it, and it can be repeated. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, kedge, launcher, newPlace, Server, type Ended, type Place } from "./kedge.ts";

const networks = ["10.74.0.0/16", "10.75.0.0/16"] as const;

function uninstall({ dataDir, kubeconfig }: Place): Promise<Ended> {
  return kedge("uninstall", "--data-dir", dataDir, "--write-kubeconfig", kubeconfig, "--yes");
}

async function must(...[program = "", ...args]: readonly string[]): Promise<void> {
  const { code, stderr } = await command(program, args);
  assert.equal(code, 0, stderr);
}

test("what is mounted below the data directory is unmounted and stays as it is", async () => {
  const place = await newPlace(networks, "--disable-agent");
  const server = await Server.start(place);
  await server.end("SIGTERM");
  const [precious, mounted] = [join(place.folder, "precious"), join(place.dataDir, "storage/disk")];
  const outer = join(place.dataDir, "storage/memory");
  for (const folder of [precious, mounted, outer]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(precious, "file"), "mine");
  await must("mount", "--bind", precious, mounted);
  await must("mount", "-t", "tmpfs", "tmpfs", outer);
  mkdirSync(join(outer, "inner"));
  await must("mount", "--bind", precious, join(outer, "inner"));
  const { code, stderr } = await uninstall(place);
  assert.equal(code, 0, stderr);
  assert.equal(existsSync(place.dataDir), false);
  assert.equal(readFileSync(join(precious, "file"), "utf8"), "mine");
});

test("an uninstall that was cut off at any place is repeated", async () => {
  const place = await newPlace(networks, "--disable-agent");
  const server = await Server.start(place);
  await server.end("SIGTERM");
  for (const gone of ["server", "storage", "agent", "kedge.lock", "layout-version"]) {
    rmSync(join(place.dataDir, gone), { recursive: true, force: true });
    assert.ok(existsSync(place.dataDir));
  }
  const { code, stderr } = await uninstall(place);
  assert.equal(code, 0, stderr);
  assert.equal(existsSync(place.dataDir), false);
  assert.equal((await uninstall(place)).code, 0);
});

test("a kubeconfig that another cluster wrote since stays, and one's own is found where it was written", async () => {
  const [one, other] = [await newPlace(networks, "--disable-agent"), await newPlace(networks, "--disable-agent")];
  await (await Server.start(one)).end("SIGTERM");
  await (await Server.start(other, "--write-kubeconfig", one.kubeconfig)).end("SIGTERM");
  assert.equal((await uninstall(one)).code, 0);
  assert.ok(existsSync(one.kubeconfig), "it is the other's");
  // Without being told where it is.
  assert.equal((await kedge("uninstall", "--data-dir", other.dataDir, "--yes")).code, 0);
  assert.equal(existsSync(one.kubeconfig), false);
});

test("killall ends a server that something starts anew again and again", async () => {
  const place = await newPlace(networks, "--disable-agent");
  const loop = `while :; do "$@"; done`;
  const supervisor = spawn("sh", ["-c", loop, "supervisor", launcher, "server", ...place.args], { detached: true });
  const pid = supervisor.pid ?? assert.fail("it was started");
  let said = "";
  const ready = Promise.withResolvers<void>();
  for (const stream of [supervisor.stdout, supervisor.stderr])
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (/^ready: /m.test(said)) ready.resolve();
    });
  try {
    await ready.promise;
    const { code, stderr } = await kedge("killall", "--data-dir", place.dataDir);
    assert.equal(code, 0, stderr);
  } finally {
    const ended = once(supervisor, "exit");
    process.kill(-pid, "SIGKILL");
    await ended;
  }
  assert.equal((await uninstall(place)).code, 0);
});
