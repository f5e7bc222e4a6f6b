/** `<data>/server/manifests`: the files in it, and when they change. */
import { createHash } from "node:crypto";
import { mkdirSync, watch } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ManifestFile, ManifestFolder } from "#addons/manifests.ts";
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
        watcher.once("error", (error) => finish(() => reject(error)));
      }),
  };
}

async function readManifests(path: string): Promise<readonly ManifestFile[]> {
  const names = (await readdir(path, { recursive: true })).toSorted();
  const skipped = new Set(names.filter((name) => name.endsWith(".skip")).map((name) => name.slice(0, -".skip".length)));
  const wanted = names.filter((name) => /\.(?:ya?ml|json)$/.test(name) && !skipped.has(name));
  return Promise.all(
    wanted.map(async (name) => {
      const content = await readFile(join(path, name));
      // Too large a file is as good as a broken one: its text says why.
      const text =
        content.length > fileBytesMax ? `"expected at most ${fileBytesMax} bytes"` : content.toString("utf8");
      return { name, hash: createHash("sha256").update(content).digest("hex"), text };
    }),
  );
}
