import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Deb } from "./debian.ts";
import { differences, fetchLocked, type Archive } from "./packages-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-lock-"));
after(() => rmSync(folder, { recursive: true }));

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** An archive that holds these; `conflicts` are packages that apt does not take together with others as asked. */
function archiveOf(held: Readonly<Record<string, string>>, conflict = ""): Archive & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    versions: async (names) => new Map(names.map((name) => [name, [held[name] ?? ""]])),
    fetch: async (wanted) => {
      asked.push(wanted.join(" "));
      if (conflict !== "" && wanted.includes(conflict)) throw new Error("unmet dependencies");
      return wanted.map((one): Deb => {
        const name = one.split("=")[0] ?? "";
        const version = held[name] ?? "";
        const path = join(folder, `${name}_${version}.deb`);
        writeFileSync(path, `content of ${name} ${version}`);
        return { name, version, path, url: "" };
      });
    },
  };
}

const locked = [
  { name: "runc", version: "1", sha256: sha256("content of runc 1") },
  { name: "libc6", version: "5", sha256: sha256("content of libc6 5") },
];

test("what is locked is taken, to the byte", async () => {
  const archive = archiveOf({ runc: "1", libc6: "5" });
  const debs = await fetchLocked(archive, locked);
  assert.deepEqual(archive.asked, ["runc=1 libc6=5"]);
  assert.deepEqual(differences(debs), []);
});

test("a package of the locked version with another content is refused", async () => {
  const tampered = locked.map((one) => ({ ...one, sha256: "0".repeat(64) }));
  await assert.rejects(
    fetchLocked(archiveOf({ runc: "1", libc6: "5" }), tampered),
    /expected the package runc 1 with the SHA-256 0{64} of .*, found [0-9a-f]{64}; nothing of it is used/,
  );
});

test("a version that the archive no longer holds gives way to the newer one, and is told", async () => {
  const archive = archiveOf({ runc: "2", libc6: "5" });
  assert.deepEqual(differences(await fetchLocked(archive, locked)), ["runc 2 (locked: 1)"]);
  assert.deepEqual(archive.asked, ["runc libc6=5"]);
});

test("when the newer one needs newer ones of the rest, these are taken too", async () => {
  const archive = archiveOf({ runc: "2", libc6: "5" }, "libc6=5");
  await fetchLocked(archive, locked);
  assert.deepEqual(archive.asked, ["runc libc6=5", "runc libc6"]);
  await assert.rejects(fetchLocked(archiveOf({ runc: "1", libc6: "5" }, "libc6=5"), locked), /unmet dependencies/);
});
