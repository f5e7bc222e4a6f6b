/** Makes the example images of recipes.ts in examples/images/out. One that is there and whose recipe has not changed is left alone. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { messageOf } from "../../src/base/assert.ts";
import { run } from "../../src/host/processes.ts";
import { DebianArchive, unpack } from "../runtime/debian.ts";
import { runsUnderLock } from "../runtime/lock.ts";
import { writeOciArchive } from "../runtime/oci.ts";
import { dropped, recipes, type Recipe } from "./recipes.ts";

const programMs = 900_000;

const root = join(import.meta.dirname, "../..");
const sources = join(root, "examples/images");
const out = join(sources, "out");
/** In every image: a shell and the usual commands, and what a root file system looks like. */
const always = ["base-files", "busybox-static"];
const unwanted = [
  "etc/init.d",
  "usr/lib/systemd",
  "usr/lib/x86_64-linux-gnu/gconv",
  "usr/share/bash-completion",
  "usr/share/bug",
  "usr/share/info",
  "usr/share/lintian",
  "usr/share/locale",
  "usr/share/man",
  "var/lib/dpkg",
];

async function build(name: string, recipe: Recipe, archive: DebianArchive): Promise<void> {
  const startMs = performance.now();
  const scratch = mkdtempSync(join(out, ".building-"));
  try {
    const debs = await archive.fetch([...always, ...recipe.packages]);
    // base-files first: it makes /bin and /lib the links that others write through.
    const wanted = debs
      .filter((deb) => (recipe.packages.length === 0 ? always.includes(deb.name) : !dropped.test(deb.name)))
      .sort((one, other) => Number(other.name === "base-files") - Number(one.name === "base-files"));
    const rootfs = join(scratch, "rootfs");
    await unpack(wanted, rootfs);
    await furnish(rootfs, recipe);
    const layer = join(scratch, "layer.tar");
    const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=pax"];
    const noTimes = "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime";
    await run("tar", ["-C", rootfs, ...reproducible, noTimes, "-cf", layer, "."], { timeoutMs: programMs });
    const { uid } = recipe.user;
    await writeOciArchive(join(scratch, "image.tar"), {
      name: imageName(name),
      layer,
      config: { ...recipe.config, ...(uid !== 0 && { User: `${uid}:${uid}` }) },
    });
    renameSync(join(scratch, "image.tar"), join(out, `${name}.tar`));
    writeFileSync(join(out, `${name}.recipe`), hashOf(recipe));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  process.stderr.write(`image ${imageName(name)}: made (${((performance.now() - startMs) / 1000).toFixed(1)} s)\n`);
}

function imageName(name: string): string {
  return `kedge.local/${name}:1`;
}

/** What packages leave to their scripts: users, writable folders, the links of busybox. */
async function furnish(rootfs: string, recipe: Recipe): Promise<void> {
  for (const path of unwanted) rmSync(join(rootfs, path), { recursive: true, force: true });
  keepLicencesOnly(join(rootfs, "usr/share/doc"));
  for (const [link, target] of Object.entries(recipe.links ?? {})) symlinkSync(target, join(rootfs, link));
  const busybox = join(rootfs, "usr/bin/busybox");
  for (const applet of (await run(busybox, ["--list"], { timeoutMs: programMs })).trim().split("\n"))
    if (!["usr/bin", "usr/sbin"].some((folder) => isThere(join(rootfs, folder, applet))))
      symlinkSync("busybox", join(rootfs, "usr/bin", applet));
  for (const folder of ["tmp", "var/tmp"]) makeFolder(join(rootfs, folder), 0o1777);
  for (const folder of recipe.writable) makeFolder(join(rootfs, folder), 0o777);
  for (const folder of ["etc", "proc", "sys", "dev", "run", "root"]) makeFolder(join(rootfs, folder), 0o755);

  const { name, uid } = recipe.user;
  const users = ["root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/nonexistent:/bin/false"];
  const groups = ["root:x:0:", "nogroup:x:65534:"];
  if (uid !== 0) {
    users.push(`${name}:x:${uid}:${uid}:${name}:/:/bin/sh`);
    groups.push(`${name}:x:${uid}:`);
  }
  writeFileSync(join(rootfs, "etc/passwd"), `${users.join("\n")}\n`);
  writeFileSync(join(rootfs, "etc/group"), `${groups.join("\n")}\n`);
  writeFileSync(join(rootfs, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
  for (const [target, source] of Object.entries(recipe.files)) {
    mkdirSync(join(rootfs, dirname(target)), { recursive: true });
    copyFileSync(join(sources, source), join(rootfs, target));
    chmodSync(join(rootfs, target), 0o755);
  }
}

function keepLicencesOnly(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const copyright = join(folder, name, "copyright");
    const kept = existsSync(copyright) ? readFileSync(copyright) : undefined;
    rmSync(join(folder, name), { recursive: true, force: true });
    if (!kept) continue;
    mkdirSync(join(folder, name));
    writeFileSync(copyright, kept);
  }
}

function makeFolder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}

/** Also true of a link whose target is made by a package's script. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Of everything that decides what the image is, but for the versions of its packages. */
function hashOf(recipe: Recipe): string {
  const hash = createHash("sha256").update(JSON.stringify([recipe, always, unwanted, dropped.source]));
  for (const source of Object.values(recipe.files)) hash.update(readFileSync(join(sources, source)));
  return hash.update(readFileSync(import.meta.filename)).digest("hex");
}

function isMade(name: string, recipe: Recipe): boolean {
  const stamp = join(out, `${name}.recipe`);
  return existsSync(join(out, `${name}.tar`)) && existsSync(stamp) && readFileSync(stamp, "utf8") === hashOf(recipe);
}

async function main(names: readonly string[]): Promise<void> {
  const chosen = (names.length === 0 ? Object.keys(recipes) : names).map((name) => {
    const recipe = recipes[name];
    if (!recipe) throw new Error(`expected one of ${Object.keys(recipes).join(", ")}, found "${name}"`);
    return { name, recipe };
  });
  const missing = chosen.filter(({ name, recipe }) => !isMade(name, recipe));
  if (missing.length === 0 || runsUnderLock(root)) return;
  mkdirSync(out, { recursive: true });
  const archive = new DebianArchive(join(root, ".kedge/cache/debian"));
  await archive.refresh();
  for (const { name, recipe } of missing) if (!isMade(name, recipe)) await build(name, recipe, archive);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`example images: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
