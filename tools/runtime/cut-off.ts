/** What a build of the runtime bundle leaves when it is killed, or its machine loses power. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** A build works in a folder of such a name beside the bundles, and takes it away at its end. */
export const scratchPrefix = ".building-";

/**
 * Removes it, and the cache of packages with it: apt waits for no disk, and takes what has the name of an index for
 * whole. Only for who holds the lock of builds.
 */
export function clearCutOff(runtimeFolder: string, cacheFolder: string): void {
  mkdirSync(runtimeFolder, { recursive: true });
  const left = readdirSync(runtimeFolder).filter((name) => name.startsWith(scratchPrefix));
  if (left.length === 0) return;
  rmSync(cacheFolder, { recursive: true, force: true });
  // Last: it is the sign that there was a build.
  for (const name of left) rmSync(join(runtimeFolder, name), { recursive: true, force: true });
}
