/**
 * Which packages the runtime bundle is made of, to the byte: `packages.lock.json` names each with its version and the
 * SHA-256 of its file, so that everybody who builds from one commit runs the same programs. pin.ts writes it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { packagesLockPath } from "../../src/host/runtime-bundle.ts";
import { sha256Of, type Deb, type DebianArchive } from "./debian.ts";

/** Where packages come from. */
export type Archive = Pick<DebianArchive, "versions" | "fetch">;

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

/** A package that was taken, and the one that was locked when that is another. */
export interface FetchedDeb extends Deb {
  readonly lockedVersion?: string;
}

export function readPackagesLock(root: string): readonly LockedPackage[] {
  // Only written below.
  return (JSON.parse(readFileSync(packagesLockPath(root), "utf8")) as { packages: LockedPackage[] }).packages;
}

export function writePackagesLock(root: string, debs: readonly Deb[]): void {
  const packages = debs
    .map((deb): LockedPackage => ({ name: deb.name, version: deb.version, sha256: sha256Of(deb.path) }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  writeFileSync(packagesLockPath(root), `${JSON.stringify({ packages }, undefined, 2)}\n`);
}

/**
 * Downloads what is locked. Debian's archive keeps a version for some weeks only; for one that is gone the next newer one
 * is taken, with what that needs.
 *
 * @throws Error when a package of the locked version has another content
 */
export async function fetchLocked(archive: Archive, locked: readonly LockedPackage[]): Promise<readonly FetchedDeb[]> {
  const held = await archive.versions(locked.map(({ name }) => name));
  const wanted = locked.map(({ name, version }) =>
    held.get(name)?.includes(version) === true ? `${name}=${version}` : name,
  );
  const debs = await fetchWith(archive, wanted, locked);
  const byName = new Map(locked.map((one) => [one.name, one]));
  return debs.map((deb) => {
    const pin = byName.get(deb.name);
    if (pin?.version !== deb.version) return { ...deb, lockedVersion: pin?.version ?? "none" };
    const found = sha256Of(deb.path);
    if (found === pin.sha256) return deb;
    throw new Error(
      `expected the package ${deb.name} ${deb.version} with the SHA-256 ${pin.sha256} of tools/runtime/packages.lock.json, found ${found}; nothing of it is used`,
    );
  });
}

async function fetchWith(
  archive: Archive,
  wanted: readonly string[],
  locked: readonly LockedPackage[],
): Promise<readonly Deb[]> {
  const allHeld = wanted.every((one) => one.includes("="));
  try {
    return await archive.fetch(wanted);
  } catch (error) {
    if (allHeld) throw error;
    // What is newer may need newer ones of the rest.
    return await archive.fetch(locked.map(({ name }) => name));
  }
}

/** What to say aloud: which packages are not the locked ones. */
export function differences(debs: readonly FetchedDeb[]): readonly string[] {
  return debs.flatMap(({ name, version, lockedVersion }) =>
    lockedVersion === undefined ? [] : [`${name} ${version} (locked: ${lockedVersion})`],
  );
}
