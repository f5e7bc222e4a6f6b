/** Mounts of this machine: what is undone below a folder stays where else it is mounted. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { listMounts, unmountBelow } from "./mounts.ts";
import { run } from "./processes.ts";

const base = realpathSync(mkdtempSync(join(tmpdir(), "kedge-mounts-")));
after(async () => {
  await unmountBelow(base);
  rmSync(base, { recursive: true });
});

test("unmounting a copy of a shared disk leaves what is mounted in the disk", async () => {
  for (const name of ["disk", "copies/one"]) mkdirSync(join(base, name), { recursive: true });
  await run("mount", ["-n", "-t", "tmpfs", "tmpfs", join(base, "disk")], { timeoutMs: 60_000 });
  await run("mount", ["-n", "--make-shared", join(base, "disk")], { timeoutMs: 60_000 });
  mkdirSync(join(base, "disk/child"));
  await run("mount", ["-n", "-t", "tmpfs", "tmpfs", join(base, "disk/child")], { timeoutMs: 60_000 });
  await run("mount", ["-n", "--rbind", join(base, "disk"), join(base, "copies/one")], { timeoutMs: 60_000 });
  const undone = await unmountBelow(join(base, "copies"));
  assert.deepEqual(undone, [join(base, "copies/one/child"), join(base, "copies/one")]);
  assert.equal((await listMounts(join(base, "disk"))).length, 2);
});
