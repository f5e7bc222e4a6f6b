/**
 * Takes programs out of unpacked Debian packages together with the libraries they need, and gives each room for the
 * absolute paths that src/host/runtime-bundle.ts writes into it.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, chmodSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { recipe, type Relocations } from "../../src/host/runtime-bundle.ts";
import { run } from "../../src/host/processes.ts";

const programMs = 900_000;

const loader = "ld-linux-x86-64.so.2";
const libraryFolders = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib64", "lib64"];
const pathBytes = 512;
// Both are as long as the room they keep, so that patchelf makes that room; they differ so that each can be found.
const loaderMark = "/kedge-loader/".padEnd(pathBytes - 1, "_");
const libraryMark = "/kedge-libraries/".padEnd(pathBytes - 1, "_");
const elfProgramHeaderInterpreter = 3;

export interface Taken {
  readonly relocations: Relocations;
  /** Path in the bundle, and in the unpacked packages. */
  readonly files: ReadonlyMap<string, string>;
}

/** @param packages The folder with the unpacked packages. @param bundle The folder that becomes the bundle. */
export async function takePrograms(packages: string, bundle: string): Promise<Taken> {
  const patchelf = (args: readonly string[]): Promise<string> =>
    // The packages' own patchelf needs their C library too.
    run(
      join(packages, "usr/lib64", loader),
      ["--library-path", join(packages, "usr/lib/x86_64-linux-gnu"), join(packages, "usr/bin/patchelf"), ...args],
      { timeoutMs: programMs },
    );

  const files = new Map<string, string>(Object.entries(recipe.programs));
  for (const [target, source] of files) take(join(packages, source), join(bundle, target));
  const dynamic = [...files.keys()].filter((target) => hasInterpreter(join(bundle, target)));

  const libraries = await librariesOf(
    dynamic.map((target) => join(bundle, target)),
    { packages, patchelf },
  );
  for (const [name, source] of libraries) {
    take(join(packages, source), join(bundle, "lib", name));
    files.set(`lib/${name}`, source);
  }

  await patchelf([
    "--set-interpreter",
    loaderMark,
    "--force-rpath",
    "--set-rpath",
    libraryMark,
    ...dynamic.map((target) => join(bundle, target)),
  ]);
  const places = dynamic.flatMap((target) => {
    const bytes = readFileSync(join(bundle, target));
    return [
      { file: target, offset: onlyPlaceOf(loaderMark, bytes, target), path: `lib/${loader}` },
      { file: target, offset: onlyPlaceOf(libraryMark, bytes, target), path: "lib" },
    ];
  });
  return { relocations: { folder: "", sizeBytes: pathBytes, places }, files };
}

/** Everything the programs load, directly or not, and the loader. @returns File name to path in the packages. */
async function librariesOf(
  programs: readonly string[],
  from: { readonly packages: string; readonly patchelf: (args: readonly string[]) => Promise<string> },
): Promise<Map<string, string>> {
  const found = new Map<string, string>([[loader, libraryIn(from.packages, loader)]]);
  for (let open: readonly string[] = programs; open.length > 0;) {
    const needed = (await from.patchelf(["--print-needed", ...open])).split("\n").filter((name) => name !== "");
    const fresh = [...new Set(needed)].filter((name) => !found.has(name));
    for (const name of fresh) found.set(name, libraryIn(from.packages, name));
    open = fresh.map((name) => join(from.packages, libraryIn(from.packages, name)));
  }
  return found;
}

function libraryIn(packages: string, name: string): string {
  const folder = libraryFolders.find((one) => existsSync(join(packages, one, name)));
  if (folder === undefined)
    throw new Error(`expected library "${name}" in Debian's packages, found none: it is a bug of the recipe`);
  return join(folder, name);
}

function take(source: string, target: string): void {
  if (!existsSync(source))
    throw new Error(
      `expected "${basename(source)}" in Debian's packages, found none: the package has changed, report it`,
    );
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(source), target);
  chmodSync(target, 0o755);
}

/** True for programs that need a loader. */
function hasInterpreter(path: string): boolean {
  const bytes = readFileSync(path);
  const headers = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  return Array.from({ length: bytes.readUInt16LE(56) }, (_, at) => bytes.readUInt32LE(headers + at * size)).includes(
    elfProgramHeaderInterpreter,
  );
}

function onlyPlaceOf(mark: string, bytes: Buffer, file: string): number {
  const at = bytes.indexOf(`${mark}\0`);
  if (at < 0 || bytes.includes(`${mark}\0`, at + 1))
    throw new Error(`expected one place for a path in "${file}", found ${at < 0 ? "none" : "several"}`);
  return at;
}
