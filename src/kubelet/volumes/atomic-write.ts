/**
 * Files of a volume that change together: they stand in a folder of their own, the generation, and one link, `..data`,
 * is turned over to a new one. Readers see all of the old files or all of the new ones.
 *
 * Containers only read such a volume. Still nothing that it holds is believed: an older kedge let them write there.
 */
import { dirname, normalize } from "node:path/posix";
import type { SafeFolder } from "#host/safe-folder.ts";
import { giveToGroup } from "./ownership.ts";
import type { Payload } from "./payload.ts";

const dataLink = "..data";
const folderMode = 0o755;
// A volume of an API object has as many files as fit into one; what lies beside them is left from somewhere else.
const namesMax = 100_000;

export interface Generation {
  /** Different each time, in the order of time. */
  readonly name: string;
  /** The group that may read it; absent for root's. */
  readonly gid?: number;
}

/** A generation's name. Nothing of another form is ever taken for one. */
export function generationName(nowMs: number, suffix: string): string {
  return `..${new Date(nowMs).toISOString().replaceAll(/\W/g, "_")}${suffix}`;
}

function isGeneration(name: string): boolean {
  return /^\.\.[-+]?\d{4,6}_\d\d_\d\dT\d\d_\d\d_\d\d_\d{3}Z[a-z0-9]{1,16}$/.test(name);
}

/** Shows `payload`, and only it, in the folder, which the caller keeps. */
export async function writeAtomically(folder: SafeFolder, generation: Generation, payload: Payload): Promise<void> {
  await folder.change("", () => ({ mode: folderMode, uid: 0, gid: 0 }));
  let names: ReadonlySet<string>;
  try {
    names = await writeGeneration(folder, generation, payload);
    await folder.symlink(generation.name, dataLink);
  } catch (error) {
    // Each try has a name of its own: on a full disk they would become ever more.
    await folder.remove(generation.name, "unmount").catch(() => undefined);
    throw error;
  }
  await showNames(folder, names);
  // Earlier generations are known by their names alone: where the link led before is nobody's word.
  for (const name of await folder.list("", namesMax))
    if (isGeneration(name) && name !== generation.name) await folder.remove(name, "unmount");
}

/** @returns The names of the top level. */
async function writeGeneration(
  folder: SafeFolder,
  generation: Generation,
  payload: Payload,
): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  await folder.makeFolder(generation.name, { mode: folderMode });
  using content = await folder.folder(generation.name);
  if (!content) throw new Error(`expected the folder of generation "${generation.name}", found it removed`);
  for (const [path, file] of payload) {
    const name = normalize(path);
    const above = dirname(name);
    if (above !== ".") await content.makeFolder(above, { mode: folderMode });
    await content.write(name, file.content, { mode: file.mode, ...(file.uid !== undefined && { uid: file.uid }) });
    names.add(name.split("/")[0] ?? "");
  }
  if (generation.gid !== undefined) await giveToGroup(content, { gid: generation.gid, readOnly: true });
  return names;
}

/** Each name of the top level is a link through `..data`. */
async function showNames(folder: SafeFolder, names: ReadonlySet<string>): Promise<void> {
  const present = (await folder.list("", namesMax)).filter((name) => !name.startsWith(".."));
  for (const name of present) if (!names.has(name)) await folder.remove(name, "unmount");
  for (const name of names) {
    const target = `${dataLink}/${name}`;
    const there = await folder.facts(name);
    if (there?.kind === "symlink" && (await folder.readLink(name)) === target) continue;
    if (there && there.kind !== "symlink") await folder.remove(name, "unmount");
    await folder.symlink(target, name);
  }
}
