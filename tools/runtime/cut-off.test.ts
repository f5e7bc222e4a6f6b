import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { relocate, relocationsFile } from "../../src/host/runtime-bundle.ts";
import { clearCutOff, scratchPrefix } from "./cut-off.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-cut-off-"));
after(() => rmSync(folder, { recursive: true }));

test("a build that was cut off leaves neither what it had made nor packages that may be empty", () => {
  const [runtime, cache] = [join(folder, "runtime"), join(folder, "cache")];
  for (const path of [join(runtime, "0123"), cache]) mkdirSync(path, { recursive: true });
  writeFileSync(join(cache, "runc.deb"), "");
  clearCutOff(runtime, cache);
  assert.ok(existsSync(join(cache, "runc.deb")));
  mkdtempSync(join(runtime, scratchPrefix));
  clearCutOff(runtime, cache);
  assert.deepEqual(readdirSync(runtime), ["0123"]);
  assert.equal(existsSync(cache), false);
});

test("a bundle that is moved again loses the drafts of a process that was cut off, not those of one that lives", () => {
  const bundle = mkdtempSync(join(folder, "bundle-"));
  const listed = { folder: "", sizeBytes: 64, places: [{ file: "runc", offset: 0, path: "ld.so" }] };
  writeFileSync(join(bundle, relocationsFile), JSON.stringify(listed));
  writeFileSync(join(bundle, "runc"), Buffer.alloc(100));
  // No process has a number as high as this; the first process is always there.
  for (const name of ["runc.draft-4194305", "runc.draft-1", "runc.6", `${relocationsFile}.draft-4194305`])
    writeFileSync(join(bundle, name), "");
  relocate(bundle, "/opt/kedge");
  assert.deepEqual(readdirSync(bundle).sort(), [relocationsFile, "runc", "runc.6", "runc.draft-1"]);
});
