/**
 * What a kedge of a checkout starts with: runs the pack of its sources, and has it made first when there is none of these
 * very sources. Where none can be made, the sources run as they are. This file and the one it imports are plain JavaScript:
 * Node would load its stripper of types for them at each start, which costs 40 ms and 18 MB for as long as kedge runs.
 */
import { accessSync, constants, existsSync, openSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { currentPack, noteName, root, workFolder } from "./facts.js";

const found = currentPack();
const folder = "folder" in found ? found.folder : mayWrite() ? await made(found.why) : undefined;
if (folder === undefined) {
  enableCompileCache(join(workFolder, "compile-cache"));
  await import("../../src/main.ts");
} else {
  // Held open until kedge ends: who makes the next pack sees by it that this one is in use, and leaves it.
  openSync(join(folder, noteName), "r");
  enableCompileCache(join(folder, "cache"));
  await import(pathToFileURL(join(folder, "main.js")).href);
}

/** Somebody else's checkout, or one on a disk that is read-only, is nothing to speak of at each command. */
function mayWrite() {
  try {
    accessSync(existsSync(workFolder) ? workFolder : root, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * In a process of its own, so that nothing of it stays in this one.
 *
 * @param {string} why
 * @returns {Promise<string | undefined>} The folder of the pack.
 */
async function made(why) {
  const { execFileSync } = await import("node:child_process");
  const startMs = performance.now();
  try {
    const args = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "make.ts")];
    execFileSync(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    process.stderr.write(
      `kedge: expected to pack its sources, found: ${said}\nkedge: runs them one by one, which takes longer\n`,
    );
    return undefined;
  }
  const fresh = currentPack();
  if ("why" in fresh) return undefined;
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  process.stderr.write(`kedge: packed its sources in ${seconds} s, since ${why}\n`);
  return fresh.folder;
}
