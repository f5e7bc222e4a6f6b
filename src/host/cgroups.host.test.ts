/** Control groups of this machine: what dies slowly in them, and what they belong to. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { must } from "#base/assert.ts";
import { Cgroups, detectCgroups } from "./cgroups.ts";

const host = detectCgroups();
const root = host.version === "v2" ? host.root : must(host.roots.get("memory"), "memory is limited here");

test("a group is removed with what runs in it, though that takes the kernel a moment", async () => {
  const cgroups = new Cgroups(host);
  const path = `/kedge-dying-${process.pid}/pod1`;
  await cgroups.ensure(path);
  // Each has memory of its own to give back, which is what takes its time.
  const program = "const a = Buffer.alloc(64 << 20, 1); process.stdout.write('.'); setInterval(() => a, 1e6)";
  const children = Array.from({ length: 8 }, () =>
    spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] }),
  );
  await Promise.all(children.map((child) => once(child.stdout, "data")));
  for (const { pid } of children) appendFileSync(join(root, path, "cgroup.procs"), `${pid}`);
  await cgroups.remove(`/kedge-dying-${process.pid}`);
  assert.equal(existsSync(join(root, path)), false);
});
