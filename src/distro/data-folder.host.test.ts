import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { mountTmpfs, unmount } from "#host/mounts.ts";
import { holdDataFolder, seizeDataFolder } from "./data-folder.ts";

test("a first start on a full disk leaves a directory in which the next one starts", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kedge-first-"));
  const page = 4_096;
  await mountTmpfs(folder, { sizeBytes: 2 * page });
  try {
    writeFileSync(join(folder, "others"), "x".repeat(page));
    // The page that is left is taken by who holds the directory.
    assert.throws(() => holdDataFolder(folder), /found the disk full/);
    writeFileSync(join(folder, "more"), "x".repeat(page));
    assert.throws(() => holdDataFolder(folder), /found the disk full/);
    {
      using seized = seizeDataFolder(folder);
      assert(seized, "a full disk is no reason not to clean up");
    }
    rmSync(join(folder, "more"));
    rmSync(join(folder, "others"));
    using _held = holdDataFolder(folder);
  } finally {
    await unmount(folder);
    rmSync(folder, { recursive: true });
  }
});
