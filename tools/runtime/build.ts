/**
 * Builds the runtime bundle (src/host/runtime-bundle.ts) from the locked packages of Debian, unless it is there, and prints its
 * folder: `sh tools/node.sh tools/runtime/build.ts`. Needs no root, and of the system only apt and dpkg.
 */
import {
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { messageOf } from "../../src/base/assert.ts";
import { run } from "../../src/host/processes.ts";
import {
  bundleFolder,
  locateBundle,
  pauseImageName,
  relocate,
  relocationsFile,
} from "../../src/host/runtime-bundle.ts";
import { writeTar } from "../../src/wire/tar.ts";
import { clearCutOff, scratchPrefix } from "./cut-off.ts";
import { DebianArchive, unpack } from "./debian.ts";
import { runsUnderLock } from "./lock.ts";
import { writeOciArchive } from "./oci.ts";
import { differences, fetchLocked, readPackagesLock, type FetchedDeb } from "./packages-lock.ts";
import { pauseProgram } from "./pause.ts";
import { takePrograms, type Taken } from "./programs.ts";
import { billOfMaterials, type BundledPackage } from "./sbom.ts";

const programMs = 900_000;

const root = join(import.meta.dirname, "../..");

async function build(): Promise<void> {
  const folder = bundleFolder(root);
  const cache = join(root, ".kedge/cache/debian");
  clearCutOff(dirname(folder), cache);
  const fresh = mkdtempSync(join(dirname(folder), scratchPrefix));
  try {
    const bundle = join(fresh, "bundle");
    const archive = new DebianArchive(cache);
    await stage("read Debian's package index", async () =>
      (await archive.refresh()) ? "" : "offline, the older index is used",
    );
    const debs = await stage("downloaded packages", () => fetchLocked(archive, readPackagesLock(root)));
    const other = differences(debs);
    if (other.length > 0)
      process.stderr.write(
        `runtime bundle: Debian's archive no longer holds all locked packages; newer ones are taken if they run: ${other.join(", ")}\n`,
      );
    const packages = join(fresh, "packages");
    const contents = await stage("unpacked packages", () => unpack(debs, packages));
    const taken = await stage("made programs relocatable", () => takePrograms(packages, bundle));
    await stage("made the pause image", () => makePauseImage(join(bundle, "images"), fresh));
    await stage("wrote licences and bill of materials", () => writePapers({ contents, taken, packages, bundle }));
    writeFileSync(join(bundle, relocationsFile), JSON.stringify(taken.relocations));
    await stage("tried the programs", () => tryPrograms(bundle));
    relocate(bundle, folder);
    // What has its name is taken as whole ever after, also by a machine that lost power in between.
    await run("sync", ["--file-system", bundle], { timeoutMs: 60_000 });
    renameSync(bundle, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Does one step and prints a line about it; a step that returns a text has it printed too. */
async function stage<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await work();
  const remark = typeof result === "string" && result !== "" ? `, ${result}` : "";
  process.stderr.write(`runtime bundle: ${what} (${((performance.now() - startMs) / 1000).toFixed(1)} s${remark})\n`);
  return result;
}

async function makePauseImage(images: string, scratch: string): Promise<void> {
  mkdirSync(images, { recursive: true });
  const layer = join(scratch, "pause-layer.tar");
  await writeTar([{ name: "pause", type: "file", mode: 0o755, content: pauseProgram() }], createWriteStream(layer));
  await writeOciArchive(join(images, "pause.tar"), {
    name: pauseImageName,
    layer,
    config: { Entrypoint: ["/pause"], User: "65535:65535", WorkingDir: "/" },
  });
}

async function writePapers(from: {
  readonly contents: ReadonlyMap<FetchedDeb, readonly string[]>;
  readonly taken: Taken;
  readonly packages: string;
  readonly bundle: string;
}): Promise<void> {
  const { contents, taken, packages, bundle } = from;
  cpSync(join(packages, "usr/share/common-licenses"), join(bundle, "licences/common"), { recursive: true });
  const bundled: BundledPackage[] = [];
  for (const [deb, paths] of contents) {
    const merged = new Set(paths.map(withoutUsr));
    const files = [...taken.files].filter(([, source]) => merged.has(withoutUsr(source))).map(([target]) => target);
    if (files.length === 0) continue;
    const licenceFile = `licences/${deb.name}`;
    cpSync(join(packages, "usr/share/doc", deb.name, "copyright"), join(bundle, licenceFile), { dereference: true });
    bundled.push({ deb, files, licenceFile });
  }
  const covered = new Set(bundled.flatMap((one) => one.files));
  const lost = [...taken.files.keys()].filter((file) => !covered.has(file));
  if (lost.length > 0)
    throw new Error(`expected a package for every file of the bundle, found none for ${lost.join(", ")}`);
  writeFileSync(join(bundle, "sbom.json"), `${JSON.stringify(billOfMaterials(bundled), undefined, 2)}\n`);
}

/** `/lib` and `/usr/lib` are one folder on today's systems; packages use either name. */
function withoutUsr(path: string): string {
  return path.replace(/^usr\//, "");
}

/** A program that does not start here would not start later; each of these ends at once. */
async function tryPrograms(bundle: string): Promise<void> {
  relocate(bundle);
  const env = { PATH: join(bundle, "bin") };
  for (const [program, args] of [
    ["containerd", ["config", "default"]],
    ["containerd-shim-runc-v2", ["-v"]],
    ["ctr", ["--version"]],
    ["runc", ["features"]],
    ["nft", ["--version"]],
    ["conntrack", ["--version"]],
    ["ip", ["-json", "link", "show"]],
    ["kubectl", ["version", "--client"]],
  ] as const)
    await run(join(bundle, "bin", program), args, { timeoutMs: programMs, env });
  for (const plugin of ["bridge", "host-local", "loopback", "portmap"])
    await run(join(bundle, "cni", plugin), [], {
      timeoutMs: programMs,
      env: { ...env, CNI_COMMAND: "VERSION" },
      input: '{"cniVersion":"1.0.0"}',
    });
}

function checkMachine(): void {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(`kedge runs on Linux on x86-64, found ${process.platform} on ${process.arch}`);
  for (const program of ["/usr/bin/apt-get", "/usr/bin/dpkg-deb"])
    if (!existsSync(program))
      throw new Error(`expected "${program}", found none: building the runtime bundle needs a Debian or Ubuntu system`);
}

try {
  if (!locateBundle(root)) {
    checkMachine();
    // Whoever waited for the lock may find the bundle made.
    if (!runsUnderLock(root) && !locateBundle(root)) await build();
  }
  if (process.exitCode === undefined) process.stdout.write(`${bundleFolder(root)}\n`);
} catch (error) {
  process.stderr.write(`runtime bundle: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
