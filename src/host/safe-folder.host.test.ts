/** Folders in which others mount: nothing mounted is entered, and what is bound is what was opened. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { must } from "#base/assert.ts";
import { listMounts, unmountBelow } from "./mounts.ts";
import { run } from "./processes.ts";
import { openFolder, type SafeFolder } from "./safe-folder.ts";

const base = realpathSync(mkdtempSync(join(tmpdir(), "kedge-folder-")));
after(async () => {
  await unmountBelow(base);
  rmSync(base, { recursive: true });
});

const bind = (from: string, to: string): Promise<string> =>
  run("mount", ["-n", "--bind", from, to], { timeoutMs: 60_000 });

/** A folder `in` with a bind mount of the folder and the file that lie outside it. */
async function withMounts(): Promise<{ readonly folder: SafeFolder; readonly path: string }> {
  const path = mkdtempSync(join(base, "place-"));
  mkdirSync(join(path, "out"));
  mkdirSync(join(path, "in/a/mounted"), { recursive: true });
  for (const name of ["out/file", "in/a/mounted-file", "in/own"]) writeFileSync(join(path, name), name);
  await bind(join(path, "out"), join(path, "in/a/mounted"));
  await bind(join(path, "out/file"), join(path, "in/a/mounted-file"));
  return { path, folder: must(await openFolder(path), "the folder was made") };
}

test("a folder with a mount below is not removed, and the mount is named", async () => {
  const { folder, path } = await withMounts();
  using _ = folder;
  await assert.rejects(folder.remove("in", "refuse"), (error: Error) => {
    assert.equal(error.name, "UnsafePathError");
    assert.match(error.message, /^expected nothing mounted below ".*", found a mount at ".*\/in\/a\/mounted(-file)?"/);
    return true;
  });
  assert.equal(readFileSync(join(path, "out/file"), "utf8"), "out/file");
});

test("mounts below a folder are undone before it is removed, stacked ones too, and what was mounted stays", async () => {
  const { folder, path } = await withMounts();
  using _ = folder;
  await bind(join(path, "out"), join(path, "in/a/mounted"));
  await run("mount", ["-n", "-t", "tmpfs", "tmpfs", join(path, "in/a")], { timeoutMs: 60_000 });
  mkdirSync(join(path, "in/a/b"));
  await bind(path, join(path, "in/a/b"));
  await folder.remove("in", "unmount");
  assert.deepEqual([existsSync(join(path, "in")), readFileSync(join(path, "out/file"), "utf8")], [false, "out/file"]);
  assert.deepEqual(await listMounts(path), []);
});

test("a walk stays on its own mount", async () => {
  const { folder } = await withMounts();
  using _ = folder;
  const seen: string[] = [];
  await folder.walk(({ name }) => void seen.push(name), { entriesMax: 100, depthMax: 9 });
  assert.deepEqual(seen.sort(), ["a", "file", "in", "mounted", "mounted-file", "out", "own"]);
});

test("what is opened is what is mounted, files and folders", async () => {
  const { folder, path } = await withMounts();
  using _ = folder;
  mkdirSync(join(path, "target"));
  writeFileSync(join(path, "target-file"), "");
  await folder.bind("out", join(path, "target"));
  await folder.bind("in/own", join(path, "target-file"));
  assert.equal(statSync(join(path, "target")).ino, statSync(join(path, "out")).ino);
  assert.equal(readFileSync(join(path, "target-file"), "utf8"), "in/own");
  await folder.remove("target", "unmount");
  await folder.remove("target-file", "unmount");
  assert.equal(readFileSync(join(path, "in/own"), "utf8"), "in/own");
});

test("what is undone in one place stays mounted in the others that share it", async () => {
  const path = mkdtempSync(join(base, "place-"));
  for (const name of ["disk", "in/copy", "in/part"]) mkdirSync(join(path, name), { recursive: true });
  await run("mount", ["-n", "-t", "tmpfs", "tmpfs", join(path, "disk")], { timeoutMs: 60_000 });
  await run("mount", ["-n", "--make-shared", join(path, "disk")], { timeoutMs: 60_000 });
  for (const name of ["child", "later"]) mkdirSync(join(path, "disk", name));
  await run("mount", ["-n", "-t", "tmpfs", "tmpfs", join(path, "disk/child")], { timeoutMs: 60_000 });
  await run("mount", ["-n", "--rbind", join(path, "disk"), join(path, "in/copy")], { timeoutMs: 60_000 });
  using folder = must(await openFolder(path), "it was made");
  await folder.bind("disk", join(path, "in/part"));
  await run("mount", ["-n", "-t", "tmpfs", "tmpfs", join(path, "disk/later")], { timeoutMs: 60_000 });
  const points = async (below: string): Promise<readonly string[]> =>
    (await listMounts(join(path, below))).map(({ mountPoint }) => mountPoint.slice(path.length + 1));
  // Who has the part sees what is mounted in it later.
  assert.deepEqual(await points("in/part"), ["in/part", "in/part/later"]);
  await folder.remove("in", "unmount");
  assert.deepEqual([await points("in"), await points("disk")], [[], ["disk", "disk/child", "disk/later"]]);
});
