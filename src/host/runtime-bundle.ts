/**
 * The runtime bundle: the programs of others that a node needs (containerd, runc, CNI plugins, nft …) in one folder with
 * their own C library, so that they run on any x86-64 Linux. tools/runtime builds it from Debian's packages; here is
 * what it consists of and where it lies.
 */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  openSync,
  closeSync,
  existsSync,
  fsyncSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

/** What the bundle is made of. Its hash and that of the locked packages name the folder: a change is another bundle. */
export const recipe = {
  // Raised when the way of building changes, not the parts.
  revision: 2,
  /** Debian packages; what they depend on comes along. */
  packages: [
    "base-files",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "iproute2",
    "kubectl",
    "nftables",
    "patchelf",
    "runc",
  ],
  /** Path in the bundle, and in the packages. */
  programs: {
    "bin/containerd": "usr/bin/containerd",
    "bin/containerd-shim-runc-v2": "usr/bin/containerd-shim-runc-v2",
    "bin/ctr": "usr/bin/ctr",
    "bin/runc": "usr/sbin/runc",
    "bin/nft": "usr/sbin/nft",
    "bin/conntrack": "usr/sbin/conntrack",
    "bin/ip": "usr/bin/ip",
    "bin/kubectl": "usr/bin/kubectl",
    "cni/bridge": "usr/lib/cni/bridge",
    "cni/host-local": "usr/lib/cni/host-local",
    "cni/loopback": "usr/lib/cni/loopback",
    "cni/portmap": "usr/lib/cni/portmap",
  },
} as const;

/** The image every sandbox is started from; the bundle holds it as an OCI archive. */
export const pauseImageName = "kedge.local/pause:1";

/** Absolute paths. */
export interface RuntimeBundle {
  readonly folder: string;
  /** Goes into the PATH of what calls the bundle's programs by name. */
  readonly binFolder: string;
  readonly cniFolder: string;
  readonly containerd: string;
  readonly ctr: string;
  readonly runc: string;
  readonly nft: string;
  readonly conntrack: string;
  readonly ip: string;
  readonly kubectl: string;
  readonly pauseImage: string;
  readonly sbom: string;
}

/** The file that says which packages, to the byte, the bundle is made of; tools/runtime/packages-lock.ts reads it. */
export function packagesLockPath(root: string): string {
  return join(root, "tools/runtime/packages.lock.json");
}

/** Where the bundle of this version of kedge lies below the root of the checkout or release, built or not. */
export function bundleFolder(root: string): string {
  const lock = readFileSync(packagesLockPath(root));
  const hash = createHash("sha256").update(JSON.stringify(recipe)).update(lock).digest("hex").slice(0, 16);
  return join(root, ".kedge/runtime", hash);
}

/** The bundle below `root`, ready to run, wherever it was moved to; undefined when it has not been built. */
export function locateBundle(root: string): RuntimeBundle | undefined {
  const folder = bundleFolder(root);
  if (!existsSync(join(folder, relocationsFile))) return undefined;
  relocate(folder);
  const binFolder = join(folder, "bin");
  return {
    folder,
    binFolder,
    cniFolder: join(folder, "cni"),
    containerd: join(binFolder, "containerd"),
    ctr: join(binFolder, "ctr"),
    runc: join(binFolder, "runc"),
    nft: join(binFolder, "nft"),
    conntrack: join(binFolder, "conntrack"),
    ip: join(binFolder, "ip"),
    kubectl: join(binFolder, "kubectl"),
    pauseImage: join(folder, "images/pause.tar"),
    sbom: join(folder, "sbom.json"),
  };
}

/** Then comes the process that writes it. */
const draftEnding = ".draft-";

export const relocationsFile = "relocations.json";

/** The places inside the programs that hold absolute paths into the bundle. */
export interface Relocations {
  /** The folder the programs were last made for; empty after the build. */
  readonly folder: string;
  /** Room in each place, in bytes; what the path leaves is filled with NUL. */
  readonly sizeBytes: number;
  readonly places: readonly { readonly file: string; readonly offset: number; readonly path: string }[];
}

/**
 * Makes the programs in `folder` find their loader and libraries there. A program names its loader by an absolute path,
 * and runc, which runs from a copy in memory, cannot look beside itself; so moving the bundle means writing the paths.
 *
 * @param finalFolder Where the folder will be before anything in it runs; by default where it is.
 */
export function relocate(folder: string, finalFolder = folder): void {
  const listed = join(folder, relocationsFile);
  // The build alone writes this file, below.
  const relocations = JSON.parse(readFileSync(listed, "utf8")) as Relocations;
  if (relocations.folder === finalFolder) return;
  for (const file of [relocationsFile, ...relocations.places.map((place) => place.file)])
    removeDrafts(join(folder, file));
  for (const file of new Set(relocations.places.map((place) => place.file))) {
    const path = join(folder, file);
    const fresh = `${path}${draftEnding}${process.pid}`;
    // A running program cannot be written to, but its file can be replaced.
    copyFileSync(path, fresh);
    const descriptor = openSync(fresh, "r+");
    for (const place of relocations.places.filter((one) => one.file === file)) {
      const bytes = Buffer.alloc(relocations.sizeBytes);
      const target = join(finalFolder, place.path);
      if (Buffer.byteLength(target) >= relocations.sizeBytes)
        throw new Error(
          `the path of the runtime bundle must be shorter than ${relocations.sizeBytes} bytes, found "${target}": move kedge to a shorter path`,
        );
      bytes.write(target);
      const written = writeSync(descriptor, bytes, 0, bytes.length, place.offset);
      if (written < bytes.length) throw new Error(`expected room for "${fresh}", found the disk full`);
    }
    // A machine that loses power must not come back with an empty program that counts as made.
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(fresh, path);
  }
  const fresh = `${listed}${draftEnding}${process.pid}`;
  writeFileSync(fresh, JSON.stringify({ ...relocations, folder: finalFolder } satisfies Relocations), { flush: true });
  renameSync(fresh, listed);
}

/** What a process left that was cut off while it wrote the file. Another one may be at it at this moment. */
function removeDrafts(path: string): void {
  const start = `${basename(path)}${draftEnding}`;
  for (const name of readdirSync(dirname(path))) {
    const writer = name.startsWith(start) ? name.slice(start.length) : "";
    if (/^\d+$/.test(writer) && !existsSync(`/proc/${writer}`)) rmSync(join(dirname(path), name), { force: true });
  }
}
