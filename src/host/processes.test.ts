import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { CommandError, processesOf, run } from "./processes.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-processes-"));
const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

const mark = join(folder, "config.toml");
const program = join(folder, "program");
copyFileSync("/bin/sleep", program);

async function start(path: string, argv0?: string): Promise<number | undefined> {
  const child = spawn(path, ["600", "600"], { stdio: "ignore", argv0: argv0 ?? mark });
  started.push(child);
  await once(child, "spawn");
  return child.pid;
}

const found = (): (number | undefined)[] =>
  processesOf(basename(program), ([first]) => first === mark).map(({ id }) => id.pid);

test("a process is known by the file it runs, whatever it calls itself", async () => {
  const real = await start(program);
  await start("/bin/sleep");
  assert.deepEqual(found(), [real]);
  // Its file is replaced, as that of a bundle that moved: it still is what it was.
  rmSync(program);
  copyFileSync("/bin/sleep", program);
  assert.deepEqual(found(), [real]);
});

test(
  "a program that does not end is killed in its time, and so is one whose child keeps its output open",
  { timeout: 10_000 },
  async () => {
    for (const script of ["exec sleep 30", "sleep 30 & wait"]) {
      const ending = run("/bin/sh", ["-c", script], { timeoutMs: 50 });
      await assert.rejects(ending, (error) => error instanceof CommandError && /was killed/.test(error.message));
    }
  },
);
