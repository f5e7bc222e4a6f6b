/** Folders that go: one that is kedge's with all that is in it, one that is shared only when nothing is. */
import { rmdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { codeOf } from "./descriptors.ts";
import { openFolder } from "./safe-folder.ts";

/** Removes a folder with everything in it, whatever is mounted there first unmounted. */
export async function removeTree(path: string): Promise<void> {
  using above = await openFolder(dirname(path));
  await above?.remove(basename(path), "unmount");
}

export function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    // Still in use by another, or gone already.
    if (codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "ENOENT") throw error;
  }
}
