/**
 * The pack: kedge's sources in a few files of plain JavaScript, `.kedge/pack`, a link to the folder of the newest one. Its
 * `made-of.json` says what every file that it was made of, and every file of it, was like on the disk. A file that is
 * like that no more was written since: no program can set the time of a file's last change (ctime) to what it was.
 */
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");
export const workFolder = join(root, ".kedge");
export const linkName = "pack";
export const noteName = "made-of.json";

/**
 * What changes whenever the file is written, replaced or moved.
 *
 * @param {string} path
 * @returns {string}
 */
export function factOf(path) {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/**
 * The folder of the newest pack, if it is one of these very sources.
 *
 * @returns {{ readonly folder: string } | { readonly why: string }} Why not, as the end of a sentence.
 */
export function currentPack() {
  /** @type {Record<string, string>} */
  let facts;
  let folder = "";
  try {
    folder = join(workFolder, readlinkSync(join(workFolder, linkName)));
    facts = JSON.parse(readFileSync(join(folder, noteName), "utf8"));
  } catch (error) {
    // None yet, or what a disk that lost something left of it: both are made anew.
    return { why: folder === "" ? "there was none" : `its "${noteName}" cannot be read (${String(error)})` };
  }
  for (const [path, fact] of Object.entries(facts)) {
    try {
      if (factOf(join(root, path)) === fact) continue;
    } catch {
      return { why: `"${path}" is gone` };
    }
    return { why: `"${path}" has changed` };
  }
  return { folder };
}
