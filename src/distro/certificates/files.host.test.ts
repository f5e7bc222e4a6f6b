import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { mountTmpfs, unmount } from "#host/mounts.ts";
import { writeSecret } from "./files.ts";

test("a secret of which a full disk takes only a part replaces nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kedge-secret-"));
  await mountTmpfs(folder, { sizeBytes: 16_384 });
  try {
    const path = join(folder, "key");
    writeSecret(path, "as it was");
    writeFileSync(join(folder, "others"), "x".repeat(8_192));
    assert.throws(() => writeSecret(path, "new ".repeat(2_000)), { code: "ENOSPC" });
    assert.equal(readFileSync(path, "utf8"), "as it was");
  } finally {
    await unmount(folder);
    rmSync(folder, { recursive: true });
  }
});
