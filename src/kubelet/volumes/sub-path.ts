/** A part of a volume as a mount of its own. A link in the volume must not lead out of it. */
import { join, normalize } from "node:path/posix";
import type { Files } from "#host/files.ts";

/**
 * The path of `subPath` on this machine, as a folder made when nothing is there.
 *
 * @throws Error when it leads out of the volume.
 */
export async function subPathOf(files: Files, volumePath: string, subPath: string): Promise<string> {
  const clean = normalize(subPath);
  if (clean.startsWith("/") || clean.split("/").includes(".."))
    throw new Error(`subPath "${subPath}" must stay within its volume`);
  const root = (await files.resolve(volumePath)) ?? volumePath;
  let at = root;
  for (const name of clean.split("/")) {
    at = join(at, name);
    // Checked step by step, so that no folder is made behind a link that leads out.
    const real = await files.resolve(at);
    if (real === undefined) await files.makeFolder(at, 0o750);
    else if (real !== root && !real.startsWith(`${root}/`))
      throw new Error(`subPath "${subPath}" leads out of its volume to "${real}"`);
    else at = real;
  }
  return at;
}
