import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { BugError } from "#base/assert.ts";
import { FileError, fileErrorOf, writing } from "./file-error.ts";

test("a write that the system refuses says where, what was found and what to do, also where the system names no file", () => {
  assert.throws(() => writing("/data/token", () => writeFileSync("/dev/full", "x")), {
    name: "FileError",
    message: 'expected to write "/data/token", found the disk full; free some space or inodes there',
  });
  assert.throws(() => writing("/data/token", () => writeFileSync("/proc/no-such-folder/x", "x")), { code: "ENOENT" });
});

test("a bug stays a bug, and a sentence stays as it is", () => {
  const bug = new BugError("broken");
  assert.throws(
    () =>
      writing("/x", () => {
        throw bug;
      }),
    bug,
  );
  const refused = new FileError("ENOSPC", "expected space");
  const unread = Object.assign(new Error("EACCES: permission denied, open '/x'"), { code: "EACCES", path: "/x" });
  assert.equal(fileErrorOf(unread), undefined, "who knows whether it was to be written");
  assert.equal(fileErrorOf(new Error("while writing", { cause: refused })), refused);
  const unwatched = Object.assign(new Error("ENOSPC: no more watches"), {
    code: "ENOSPC",
    syscall: "watch",
    path: "/x",
  });
  assert.equal(fileErrorOf(unwatched), undefined, "no disk is full");
  const system = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  assert.match(
    fileErrorOf(new Error("read it", { cause: system }))?.message ?? "",
    /^expected to write a file, found the disk full/,
  );
});
