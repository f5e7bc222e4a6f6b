/** What every folder that others may write in keeps, the one in memory and the real one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "#base/assert.ts";
import type { Files } from "#host/files.ts";
import type { SafeFolder } from "#host/safe-folder.ts";
import { UnsafePathError } from "#host/unsafe-path-error.ts";

export interface FolderUnderTest {
  readonly files: Files;
  /** A folder of its own for each test, absolute and without links. */
  readonly place: () => string;
}

const budget = { entriesMax: 1_000, depthMax: 100 };

export function testFolder(kind: string, { files, place }: FolderUnderTest): void {
  const opened = async (): Promise<SafeFolder> => {
    const path = `${place()}/inside`;
    await files.makeFolder(path, 0o755);
    await files.write(`${path}/../outside/secret`, "secret", 0o600);
    return must(await files.folder(path), "the folder was made");
  };
  const text = async (folder: SafeFolder, at: string): Promise<string | undefined> => {
    const bytes = await folder.readPart(at, { offset: 0, length: 100 });
    return bytes && Buffer.from(bytes).toString();
  };

  test(`${kind}: files below are written, read in part, listed and removed`, async () => {
    using folder = await opened();
    await folder.makeFolder("a/b", { mode: 0o2750, gid: 7 });
    await folder.write("a/b/file", "content", { mode: 0o640, gid: 8 });
    assert.equal(await text(folder, "a/b/file"), "content");
    assert.equal(Buffer.from((await folder.readPart("a/b/file", { offset: 3, length: 2 })) ?? []).toString(), "te");
    const [made, file] = [await folder.facts("a"), await folder.facts("a/b/file")];
    assert.deepEqual([made?.kind, made?.mode, made?.gid], ["directory", 0o2750, 7]);
    assert.deepEqual([file?.kind, file?.mode, file?.gid, file?.sizeBytes], ["file", 0o640, 8, 7]);
    await folder.makeFolder("a/b", { mode: 0o700 });
    assert.equal((await folder.facts("a/b"))?.mode, 0o2750);
    await folder.rename("a/b/file", "a/other");
    assert.deepEqual([await folder.list("a", 9), await folder.list("a", 1)], [["b", "other"], ["b"]]);
    await folder.remove("a", "refuse");
    await folder.remove("a", "refuse");
    assert.deepEqual(await folder.list("", 9), []);
  });

  test(`${kind}: a file that is rewritten stays the same file, a link is not written through`, async () => {
    using folder = await opened();
    await folder.rewrite("file", "first", { mode: 0o640 });
    const before = await folder.facts("file");
    await folder.rewrite("file", "2nd", { mode: 0o600 });
    const after = await folder.facts("file");
    assert.deepEqual([after?.inode, after?.mode, await text(folder, "file")], [before?.inode, 0o640, "2nd"]);
    await folder.symlink("../outside/secret", "leak");
    await assert.rejects(folder.rewrite("leak", "x", { mode: 0o600 }), UnsafePathError);
    assert.deepEqual(
      [await folder.readLink("leak"), await folder.readLink("file"), await folder.readLink("none")],
      ["../outside/secret", undefined, undefined],
    );
  });

  test(`${kind}: what is not there is missing, and not an error`, async () => {
    using folder = await opened();
    assert.deepEqual(
      [await folder.facts("x/y"), await text(folder, "x/y"), await folder.list("x", 1), await folder.folder("x/y")],
      [undefined, undefined, [], undefined],
    );
    await folder.change("x/y", () => assert.fail("there is nothing to change"));
    await assert.rejects(folder.write("x/y", "", { mode: 0o600 }), UnsafePathError);
    assert.equal(await files.folder(`${folder.path}/none`), undefined);
  });

  test(`${kind}: no step through a link`, async () => {
    using folder = await opened();
    await files.symlink("../outside", `${folder.path}/out`);
    await files.symlink("../outside/secret", `${folder.path}/leak`);
    const refused = { name: "UnsafePathError", message: 'expected a folder at "out", found a symlink' };
    await assert.rejects(text(folder, "out/secret"), refused);
    await assert.rejects(folder.facts("out/secret"), refused);
    await assert.rejects(folder.list("out", 9), refused);
    await assert.rejects(folder.write("out/new", "x", { mode: 0o600 }), refused);
    await assert.rejects(folder.symlink("/", "out/new"), refused);
    await assert.rejects(folder.makeFolder("out/new", { mode: 0o700 }), UnsafePathError);
    await assert.rejects(folder.rename("leak", "out/new"), UnsafePathError);
    await assert.rejects(folder.remove("out/secret", "unmount"), refused);
    await assert.rejects(folder.bind("out/secret", "/nowhere"), refused);
    await assert.rejects(folder.folder("out"), refused);
    await assert.rejects(text(folder, "leak"), { message: 'expected a file at "leak", found a symlink' });
    await assert.rejects(folder.bind("leak", "/nowhere"), {
      message: 'expected a file or folder at "leak", found a symlink',
    });
    await assert.rejects(files.folder(`${folder.path}/out`), UnsafePathError);
    assert.deepEqual(await files.list(`${folder.path}/../outside`), ["secret"]);
  });

  test(`${kind}: no name that leads out or back`, async () => {
    using folder = await opened();
    for (const at of ["..", "../outside/secret", "a/../../outside", "/etc/passwd", "a//b", "./a", "a/", "a\0b"])
      await assert.rejects(folder.facts(at), { name: "UnsafePathError" }, at);
  });

  test(`${kind}: a link is replaced, changed and removed itself, never what it leads to`, async () => {
    using folder = await opened();
    const secret = `${folder.path}/../outside/secret`;
    const before = await files.facts(secret);
    await folder.symlink("../outside/secret", "leak");
    assert.equal((await folder.facts("leak"))?.kind, "symlink");
    await folder.change("leak", ({ mode }) => ({ mode: mode | 0o6777, uid: 1, gid: 1 }));
    await folder.write("leak", "mine", { mode: 0o600 });
    assert.deepEqual([await text(folder, "leak"), (await folder.facts("leak"))?.kind], ["mine", "file"]);
    await folder.symlink("../outside", "leak");
    await folder.remove("leak", "refuse");
    assert.deepEqual(await files.facts(secret), before);
  });

  test(`${kind}: a walk sees everything but through no link, and ends with its budget`, async () => {
    using folder = await opened();
    await folder.makeFolder("a/b/c", { mode: 0o755 });
    await folder.write("a/b/file", "12345", { mode: 0o600 });
    await folder.symlink("../outside", "a/out");
    const seen: string[] = [];
    const visit = ({ name, depth }: { readonly name: string; readonly depth: number }): void =>
      void seen.push(`${depth} ${name}`);
    assert.equal(await folder.walk(visit, budget), "all");
    assert.deepEqual(seen.sort(), ["1 a", "2 b", "2 out", "3 c", "3 file"]);
    assert.equal(await folder.walk(() => undefined, { ...budget, entriesMax: 2 }), "cut");
    assert.equal(await folder.walk(() => undefined, { ...budget, depthMax: 2 }), "cut");
    await folder.walk(({ change }) => change(({ mode }) => ({ gid: 9, mode: mode | 0o20 })), budget);
    const facts = [await folder.facts("a/b/file"), await files.facts(`${folder.path}/../outside/secret`)];
    assert.deepEqual(
      facts.map((one) => [one?.gid, one?.mode]),
      [
        [9, 0o620],
        [0, 0o600],
      ],
    );
  });

  test(`${kind}: a folder is emptied and stays`, async () => {
    using folder = await opened();
    await folder.makeFolder("a/b", { mode: 0o755 });
    await folder.write("file", "", { mode: 0o600 });
    await folder.remove("", "refuse");
    assert.deepEqual([await folder.list("", 9), (await folder.facts(""))?.kind], [[], "directory"]);
  });
}
