/**
 * Files of a volume that change together: they stand in a folder of their own, and one link, `..data`, is turned over
 * to a new one. Readers see all of the old files or all of the new ones.
 */
import { dirname, join } from "node:path/posix";
import type { Files } from "#host/files.ts";
import type { Payload } from "./payload.ts";

const dataLink = "..data";

export interface AtomicFolder {
  readonly files: Files;
  readonly path: string;
  /** A name for the new generation, different each time. */
  readonly generation: string;
  /** Called for the new generation's folder before it is shown: ownership. */
  readonly prepare: (folder: string) => Promise<void>;
}

/** Shows `payload`, and only it, in the folder. */
export async function writeAtomically(folder: AtomicFolder, payload: Payload): Promise<void> {
  const { files, path } = folder;
  const before = await files.readLink(join(path, dataLink));
  const generation = `..${folder.generation}`;
  const content = join(path, generation);
  await files.makeFolder(content, 0o755);
  for (const [name, file] of payload) {
    const target = join(content, name);
    if (dirname(target) !== content) await files.makeFolder(dirname(target), 0o755);
    await files.write(target, file.content, file.mode);
    if (file.uid !== undefined) await files.chown(target, { uid: file.uid, gid: -1 });
  }
  await folder.prepare(content);
  await files.symlink(generation, join(path, dataLink));
  await showNames(folder, new Set([...payload.keys()].map((name) => name.split("/")[0] ?? "")));
  if (before !== undefined) await files.remove(join(path, before));
}

/** Each name of the top level is a link through `..data`. */
async function showNames({ files, path }: AtomicFolder, names: ReadonlySet<string>): Promise<void> {
  const present = (await files.list(path)).filter((name) => !name.startsWith(".."));
  for (const name of present) if (!names.has(name)) await files.remove(join(path, name));
  for (const name of names) if (!present.includes(name)) await files.symlink(`${dataLink}/${name}`, join(path, name));
}
