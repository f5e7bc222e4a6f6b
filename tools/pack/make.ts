/**
 * Makes the pack that facts.js speaks of: `sh tools/node.sh tools/pack/make.ts`. It is complete on the disk before the link
 * names it, whatever happens meanwhile and however many make one at once.
 */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { factOf, linkName, noteName, root, workFolder } from "./facts.js";
import { joinSources } from "./join.ts";

/** Read beside the sources: what the names of imports mean, which libraries are there, and how they are joined. */
const alsoMadeOf = ["package.json", "package-lock.json", "tools/pack/join.ts"];
/** So far the time that a file system notes may lag behind the clock. */
const tickMs = 50;
const attemptsMax = 3;
/** A pack as young as that may be one that another process is about to use. */
const youngMs = 600_000;

/** @throws Error when the sources cannot be joined, or nothing can be written */
function makePack(): void {
  mkdirSync(workFolder, { recursive: true });
  const folder = mkdtempSync(join(workFolder, `${linkName}-`));
  chmodSync(folder, 0o755);
  try {
    writeFileSync(join(folder, noteName), JSON.stringify(joined(folder)));
    for (const name of readdirSync(folder)) sync(join(folder, name));
    sync(folder);
    name(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  removeOthers(folder);
}

/** @returns What each file that it was made of, and each file of it, is like; none was written while they were joined. */
function joined(folder: string): Readonly<Record<string, string>> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const begunMs = Date.now();
    const { sources, files } = joinSources(folder);
    const madeOf = [...sources, ...alsoMadeOf];
    if (madeOf.every((path) => statSync(join(root, path)).ctimeMs < begunMs - tickMs))
      return Object.fromEntries([...madeOf, ...files].map((path) => [path, factOf(join(root, path))]));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, tickMs);
  }
  throw new Error(`sources that were written while they were read, ${attemptsMax} times`);
}

function name(folder: string): void {
  const fresh = `${folder}.link`;
  symlinkSync(basename(folder), fresh);
  renameSync(fresh, join(workFolder, linkName));
  sync(workFolder);
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Packs of before that no process runs, and what was left of making one. */
function removeOthers(own: string): void {
  const used = foldersInUse();
  for (const name of readdirSync(workFolder)) {
    const path = join(workFolder, name);
    if (!name.startsWith(`${linkName}-`) || path === own || used.has(path)) continue;
    // Another process removes them too.
    const facts = statSync(path, { throwIfNoEntry: false });
    if (facts && facts.mtimeMs < Date.now() - youngMs) rmSync(path, { recursive: true, force: true });
  }
}

/** start.js holds its pack's note open. */
function foldersInUse(): ReadonlySet<string> {
  const used = new Set<string>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
        const path = readlinkSync(`/proc/${pid}/fd/${descriptor}`);
        if (path.endsWith(`/${noteName}`)) used.add(path.slice(0, -noteName.length - 1));
      }
    } catch {
      // The process ended while it was looked at, or is another user's, whose packs this one may not remove either.
    }
  return used;
}

try {
  makePack();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
