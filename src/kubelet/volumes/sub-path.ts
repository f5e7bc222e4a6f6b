/**
 * A part of a volume as a mount of its own. Containers may change the volume while it is prepared: where its links lead
 * is worked out within the volume, the result is opened step by step through no link, and what was opened is mounted
 * on a folder that only kedge can write. Whoever gets that folder gets what was looked at.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath
 */
import { isAbsolute } from "node:path/posix";
import type { SafeFolder } from "#host/safe-folder.ts";

const linksMax = 255;
const modeBits = 0o2777;

/** A sub-path that cannot be had, in words that tell nothing of this machine's folders. */
export class SubPathError extends Error {
  override readonly name = "SubPathError";
}

/** @throws SubPathError as upstream words it. */
export function checkSubPath(subPath: string): void {
  if (isAbsolute(subPath)) throw new SubPathError(`error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split("/").includes(".."))
    throw new SubPathError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
}

/**
 * Where `subPath` is in the volume, through no link. A folder is made, as open as the volume itself, when nothing is
 * there.
 *
 * @throws SubPathError when it leads out of the volume.
 */
export async function placeInVolume(volume: SafeFolder, subPath: string): Promise<string> {
  checkSubPath(subPath);
  const at = await resolveWithin(volume, subPath);
  if ((await volume.facts(at)) === undefined) {
    // Its mode is the volume's, and its group follows from setgid: whoever may write in the volume may write in it.
    const mode = ((await volume.facts(""))?.mode ?? 0o755) & modeBits;
    await volume.makeFolder(at, { mode });
  }
  return at;
}

async function resolveWithin(volume: SafeFolder, subPath: string): Promise<string> {
  const left = namesOf(subPath);
  const steps: string[] = [];
  let links = 0;
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    if (name === "..") {
      if (steps.pop() === undefined) throw leadsOut(subPath);
      continue;
    }
    const target = await volume.readLink([...steps, name].join("/"));
    if (target === undefined) {
      steps.push(name);
      continue;
    }
    links += 1;
    if (links > linksMax) throw new SubPathError(`too many links in subPath "${subPath}"`);
    if (isAbsolute(target)) throw leadsOut(subPath);
    left.unshift(...namesOf(target));
  }
  return steps.join("/");
}

const namesOf = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");

function leadsOut(subPath: string): SubPathError {
  return new SubPathError(`subPath "${subPath}" leads out of its volume`);
}

export interface SubPathMount {
  readonly volume: SafeFolder;
  readonly subPath: string;
  /** The pod's folder, in which only kedge writes. */
  readonly podFolder: SafeFolder;
  /** "shared" when what the container mounts in it is to be seen outside. */
  readonly sharing?: "shared";
  /** Upstream's place for it below the pod's folder: `volume-subpaths/VOLUME/CONTAINER/NUMBER`. */
  readonly at: string;
}

/** Mounts the part where it is to be found. What an earlier instance had there goes; its own mounts stay as they are. */
export async function mountSubPath(mount: SubPathMount): Promise<string> {
  const { volume, subPath, podFolder, at, sharing } = mount;
  const place = await placeInVolume(volume, subPath);
  const kind = (await volume.facts(place))?.kind;
  await podFolder.remove(at, "unmount");
  const above = at.slice(0, at.lastIndexOf("/"));
  await podFolder.makeFolder(kind === "directory" ? at : above, { mode: 0o750 });
  if (kind !== "directory") await podFolder.write(at, "", { mode: 0o600 });
  const target = `${podFolder.path}/${at}`;
  await volume.bind(place, target, sharing);
  return target;
}
