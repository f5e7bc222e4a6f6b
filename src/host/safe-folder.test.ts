/** Folders of this machine in which others write: races, FIFOs, depth and numbers. Mounts are in the host test. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import { must } from "#base/assert.ts";
import { testFolder } from "#testing/folder-contract.ts";
import { machineFiles } from "./files.ts";
import { openFolder, type SafeFolder } from "./safe-folder.ts";

const base = realpathSync(mkdtempSync(join(tmpdir(), "kedge-folder-")));
after(() => rmSync(base, { recursive: true }));

const place = (): string => mkdtempSync(join(base, "place-"));
const opened = async (path = place()): Promise<SafeFolder> => must(await openFolder(path), "the folder is there");
const descriptors = (): number => readdirSync("/proc/self/fd").length;

testFolder("machine", { files: machineFiles, place });

test("a FIFO is refused at once instead of waited for", async () => {
  using folder = await opened();
  execFileSync("mkfifo", [join(folder.path, "fifo")]);
  await assert.rejects(folder.readPart("fifo", { offset: 0, length: 1 }), {
    message: 'expected a file at "fifo", found a fifo',
  });
});

test("a file or link that cannot be put in its place leaves nothing beside it", async () => {
  using folder = await opened();
  mkdirSync(join(folder.path, "taken"));
  await assert.rejects(folder.write("taken", "text", { mode: 0o600 }), { code: "EISDIR" });
  await assert.rejects(folder.symlink("text", "taken"), { code: "EISDIR" });
  await assert.rejects(machineFiles.write(join(folder.path, "taken"), "text", 0o600), { code: "EISDIR" });
  await assert.rejects(machineFiles.symlink("text", join(folder.path, "taken")), { code: "EISDIR" });
  assert.deepEqual(await folder.list("", 10), ["taken"]);
});

test("a tree deeper than any path, and with many names, goes with few descriptors", async () => {
  using folder = await opened();
  const depth = 500;
  const name = "a-name-of-some-length";
  // Made step by step from within, as no path is that long.
  const script = `mkdir tree && cd -P tree && i=0; while [ $i -lt ${depth} ]; do mkdir ${name} && cd -P ${name} || exit 1; : > f; i=$((i+1)); done`;
  execFileSync("sh", ["-c", script], { cwd: folder.path });
  for (let count = 0; count < 1_000; count += 1) writeFileSync(join(folder.path, "tree", `file-${count}`), "");
  const before = descriptors();
  let most = 0;
  let seen = 0;
  const visit = (): void => {
    seen += 1;
    if (seen % 500 === 0) most = Math.max(most, descriptors());
  };
  assert.equal(await folder.walk(visit, { entriesMax: 10_000, depthMax: 1_000 }), "all");
  assert.equal(seen, 1 + 1_000 + 2 * depth);
  assert.ok(most - before < 80, `${most - before} descriptors`);
  await folder.remove("tree", "refuse");
  assert.deepEqual([await folder.list("", 9), descriptors()], [[], before]);
});

test("nothing stays open after a refusal", async () => {
  using folder = await opened();
  symlinkSync("/etc", join(folder.path, "link"));
  mkdirSync(join(folder.path, "a/b"), { recursive: true });
  const before = descriptors();
  for (const at of ["link/passwd", "a/b/none", "a/none/c"]) {
    await folder.facts(at).catch(() => undefined);
    await folder.readPart(at, { offset: 0, length: 1 }).catch(() => undefined);
    await folder.makeFolder(`${at}/link`, { mode: 0o700 }).catch(() => undefined);
    await folder.write(`${at}/x`, "", { mode: 0o600 }).catch(() => undefined);
  }
  assert.equal(descriptors(), before);
});

test("whoever swaps a folder for a link all the time never has anything read, written or removed outside", async () => {
  const path = place();
  mkdirSync(join(path, "in/swap"), { recursive: true });
  writeFileSync(join(path, "in/swap/file"), "inside");
  mkdirSync(join(path, "out"));
  writeFileSync(join(path, "out/file"), "outside");
  symlinkSync("../out", join(path, "in/link"));
  // Swaps the two names as fast as it can, for a bounded number of times.
  const swaps = 40_000;
  const script = `
    const { renameSync } = require("node:fs");
    const at = ${JSON.stringify(join(path, "in"))};
    for (let i = 0; i < ${swaps}; i++) {
      renameSync(at + "/swap", at + "/aside"); renameSync(at + "/link", at + "/swap");
      renameSync(at + "/swap", at + "/link"); renameSync(at + "/aside", at + "/swap");
    }`;
  const racer = new Worker(script, { eval: true });
  const race = { over: false };
  const done = new Promise<void>((resolve, reject) => {
    racer.once("error", reject);
    racer.once("exit", () => {
      race.over = true;
      resolve();
    });
  });
  using folder = await opened(join(path, "in"));
  const outcomes = new Map<string, number>();
  const note = (outcome: string): unknown => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  while (!race.over) {
    try {
      const bytes = await folder.readPart("swap/file", { offset: 0, length: 10 });
      note(bytes ? Buffer.from(bytes).toString() : "nothing");
      await folder.write("swap/new", "x", { mode: 0o600 });
      await folder.remove("swap/new", "refuse");
    } catch (error) {
      note(error instanceof Error ? error.name : "failure");
    }
  }
  await done;
  assert.equal(outcomes.get("outside"), undefined);
  assert.ok((outcomes.get("inside") ?? 0) > 0, "it was read while nothing was swapped");
  assert.ok((outcomes.get("UnsafePathError") ?? 0) > 0, "the race was met");
  assert.deepEqual(readdirSync(join(path, "out")), ["file"]);
});

test("a folder that is removed while others turn its folders into links is all that is removed", async () => {
  const path = place();
  mkdirSync(join(path, "out"));
  writeFileSync(join(path, "out/file"), "outside");
  for (let folder = 0; folder < 200; folder += 1) {
    mkdirSync(join(path, `in/${folder}`), { recursive: true });
    writeFileSync(join(path, `in/${folder}/file`), "");
  }
  const script = `
    const fs = require("node:fs");
    const at = ${JSON.stringify(join(path, "in"))};
    for (let i = 0; i < 200; i++) try {
      fs.renameSync(at + "/" + i, at + "/moved-" + i); fs.symlinkSync("../out", at + "/" + i);
    } catch {}`;
  const racer = new Worker(script, { eval: true });
  const done = new Promise<void>((resolve) => racer.once("exit", () => resolve()));
  using folder = await opened(path);
  await folder.remove("in", "refuse").catch(() => undefined);
  await done;
  await folder.remove("in", "refuse");
  assert.deepEqual([readdirSync(path), readdirSync(join(path, "out"))], [["out"], ["file"]]);
});
