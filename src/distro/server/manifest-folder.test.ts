/** What lies in the folder of manifests, whoever put it there. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { openManifestFolder } from "./manifest-folder.ts";

test("a folder, a dead link and a huge file among the manifests are told, and keep no other from being read", async (t) => {
  const path = mkdtempSync(join(tmpdir(), "kedge-manifests-"));
  t.after(() => rmSync(path, { recursive: true }));
  const folder = openManifestFolder(path, machineClock);
  writeFileSync(join(path, "good.yaml"), "kind: ConfigMap\n");
  mkdirSync(join(path, "folder.yaml"));
  // As editors leave them.
  symlinkSync("nowhere", join(path, ".#link.yaml"));
  writeFileSync(join(path, "huge.yaml"), "");
  truncateSync(join(path, "huge.yaml"), 3 * 1024 ** 3);
  writeFileSync(join(path, "left.yaml"), "kind: ConfigMap\n");
  writeFileSync(join(path, "left.yaml.skip"), "");
  const files = await folder.files();
  assert.deepEqual(
    files.map((file) => [file.name, "text" in file]),
    [
      [".#link.yaml", false],
      ["folder.yaml", false],
      ["good.yaml", true],
      ["huge.yaml", false],
      ["left.yaml", false],
    ],
  );
});
