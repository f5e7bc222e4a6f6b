/** A start on a disk with less and less space: whatever cannot be written, it ends with one sentence that says so. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { kedge, newPlace, Server } from "./kedge.ts";

const networks = ["10.66.0.0/16", "10.67.0.0/16"] as const;

/** A file system in memory with that much space, until it is disposed of. */
function diskOf(path: string, kilobytes: number): Disposable {
  mkdirSync(path, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k,mode=700`, "tmpfs", path]);
  // Lazily: what a failed test leaves behind may still run there.
  return { [Symbol.dispose]: () => void execFileSync("umount", ["-l", path]) };
}

test("a start on a full disk ends with one sentence: which file, that the disk is full, what to do", async () => {
  // Whoever starts first packs the sources, and says so.
  await kedge("version");
  // With 400 KiB all that a start writes has room.
  for (const kilobytes of [4, 8, 24, 48, 80, 160, 320]) {
    const place = await newPlace(networks, "--disable-agent");
    using _disk = diskOf(place.dataDir, kilobytes);
    const { stderr, code } = await kedge("server", ...place.args);
    const sentence =
      /^kedge: expected (?:to write|space for the database) "[^"\n]+", found the disk full[;:] free some space[^\n]*\n$/;
    assert.match(stderr, sentence, `with ${kilobytes} KiB`);
    assert.equal(code, 1);
  }
});

test("a cluster whose disk was filled starts again as soon as there is space, with all it had", async () => {
  const place = await newPlace(networks, "--disable-agent");
  using _disk = diskOf(place.dataDir, 16_384);
  const server = await Server.start(place);
  await server.end("SIGTERM");
  const filling = join(place.dataDir, "filling");
  assert.throws(() => writeFileSync(filling, Buffer.alloc(32 * 1024 * 1024)), { code: "ENOSPC" });
  const { stderr, code } = await kedge("server", ...place.args);
  assert.match(stderr, /^kedge: [^\n]*found the disk full[;:] free some space[^\n]*\n$/);
  assert.equal(code, 1);
  writeFileSync(filling, "");
  await (await Server.start(place)).end("SIGTERM");
});

test("what fills a disk to its last byte can be ended and removed", async () => {
  const place = await newPlace(networks, "--disable-agent");
  using _disk = diskOf(place.dataDir, 16_384);
  await (await Server.start(place)).end("SIGTERM");
  assert.throws(() => writeFileSync(join(place.dataDir, "filling"), Buffer.alloc(32 * 1024 * 1024)), {
    code: "ENOSPC",
  });
  const own = ["--data-dir", place.dataDir];
  const killed = await kedge("killall", ...own);
  assert.deepEqual([killed.code, killed.stderr], [0, ""]);
  const removed = await kedge("uninstall", ...own, "--write-kubeconfig", place.kubeconfig, "--yes");
  assert.deepEqual([removed.code, removed.stderr], [0, ""]);
  assert.deepEqual(readdirSync(place.dataDir), []);
});
