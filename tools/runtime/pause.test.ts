import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pauseProgram } from "./pause.ts";

test("the pause program waits, and ends with code 0 when it is told to", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kedge-pause-"));
  try {
    const path = join(folder, "pause");
    writeFileSync(path, pauseProgram(), { mode: 0o755 });
    const child = spawn(path);
    await once(child, "spawn");
    // Blocked or not yet blocked, SIGTERM ends it; SIGCHLD in between must not.
    child.kill("SIGCHLD");
    child.kill("SIGTERM");
    const [code, signal] = await once(child, "exit");
    // Before the first instructions have run, the signal's default ends it instead.
    assert.ok(code === 0 || signal === "SIGTERM", `expected code 0, found ${code} ${signal}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
