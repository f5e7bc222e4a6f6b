/** `<data>/server/manifests`: the files in it, and when they change. */
import { createHash } from "node:crypto";
import { mkdirSync, watch } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ManifestFile, ManifestFolder } from "#addons/manifests.ts";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";

// A file that is being copied here changes several times; this long after the last one it is whole.
const settledMs = 300;
const fileBytesMax = 16 * 1024 * 1024;

export function openManifestFolder(path: string, clock: Clock): ManifestFolder {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return {
    files: () => readManifests(path),
    changed: (signal) =>
      new Promise((resolve, reject) => {
        const watcher = watch(path, { recursive: true, persistent: false });
        const finish = (act: () => void): void => {
          watcher.close();
          signal.removeEventListener("abort", onAbort);
          act();
        };
        const onAbort = (): void => finish(() => reject(new Error("no longer waited for")));
        signal.addEventListener("abort", onAbort, { once: true });
        watcher.once("change", () => clock.sleep(settledMs, signal).then(() => finish(resolve), onAbort));
        watcher.on("error", (error) => finish(() => reject(error)));
      }),
  };
}

async function readManifests(path: string): Promise<readonly ManifestFile[]> {
  const names = (await readdir(path, { recursive: true })).toSorted();
  const skipped = new Set(names.filter((name) => name.endsWith(".skip")).map((name) => name.slice(0, -".skip".length)));
  const manifests = names.filter((name) => /\.(?:ya?ml|json)$/.test(name));
  return Promise.all(
    manifests.map(async (name) => (skipped.has(name) ? { name, skipped: true } : readManifest(path, name))),
  );
}

/** What cannot be read - a folder, a link that leads nowhere, a file of another form - is told, and stops no other. */
async function readManifest(folder: string, name: string): Promise<ManifestFile> {
  try {
    const stats = await stat(join(folder, name));
    const { size } = stats;
    // Reading a FIFO would wait for somebody who writes.
    if (!stats.isFile()) return { name, problem: "expected a file, found something else" };
    if (size > fileBytesMax) return { name, problem: `expected at most ${fileBytesMax} bytes, found ${size}` };
    const content = await readFile(join(folder, name));
    return { name, hash: createHash("sha256").update(content).digest("hex"), text: content.toString("utf8") };
  } catch (error) {
    return { name, problem: `expected a file that can be read, found ${messageOf(error)}` };
  }
}
