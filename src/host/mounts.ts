/** Mounts of this machine: listed from the kernel's own table, made and undone by mount(8), which every Linux has. */
import { mkdtempSync, mkdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import { FileError, writing } from "./file-error.ts";
import { run } from "./processes.ts";

export interface Mount {
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  /** What of the file system is mounted; `/` unless it is a bind mount. */
  readonly root: string;
  readonly readOnly: boolean;
  readonly propagation: "private" | "shared" | "slave" | "unbindable";
}

/** Mounts at or below `prefix`, in the order they were made. */
export async function listMounts(prefix = "/"): Promise<readonly Mount[]> {
  return parseMountInfo(await readFile("/proc/self/mountinfo", "utf8")).filter(({ mountPoint }) =>
    isAtOrBelow(mountPoint, prefix),
  );
}

export async function isMountPoint(path: string): Promise<boolean> {
  return (await listMounts(path)).some(({ mountPoint }) => mountPoint === path);
}

function isAtOrBelow(path: string, prefix: string): boolean {
  return prefix === "/" || path === prefix || path.startsWith(`${prefix}/`);
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
export function parseMountInfo(text: string): readonly Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const [, , , root = "", mountPoint = "", options = "", ...tags] = before.split(" ");
      const [type = "", source = ""] = after.split(" ");
      return {
        mountPoint: unescaped(mountPoint),
        type,
        source: unescaped(source),
        root: unescaped(root),
        readOnly: options.split(",").includes("ro"),
        propagation: propagationOf(tags),
      };
    });
}

function propagationOf(tags: readonly string[]): Mount["propagation"] {
  if (tags.some((tag) => tag.startsWith("shared:"))) return "shared";
  if (tags.some((tag) => tag.startsWith("master:"))) return "slave";
  return tags.includes("unbindable") ? "unbindable" : "private";
}

/** The kernel writes blanks and the like as three octal digits. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

// A server of a network file system that is gone makes whoever looks at its mount wait for ever.
const mountMs = 30_000;

/** Mounts a file system in memory on a folder, which is made. */
export async function mountTmpfs(
  path: string,
  options: { readonly sizeBytes?: number; readonly mode?: number } = {},
): Promise<void> {
  mkdirSync(path, { recursive: true });
  const { sizeBytes, mode = 0o755 } = options;
  const settings = [`mode=${mode.toString(8)}`, ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])];
  await run("mount", ["-n", "-t", "tmpfs", "-o", settings.join(","), "tmpfs", path], { timeoutMs: mountMs });
}

/** Unmounts a mount point; one that is busy vanishes from sight and goes when its last user does. */
export async function unmount(path: string): Promise<void> {
  await run("umount", ["-n", "-l", path], { timeoutMs: mountMs });
}

/**
 * Unmounts everything at and below `prefix`, the latest first. What else is mounted elsewhere, as from a folder that is
 * shared with it, stays there.
 *
 * @returns What was unmounted.
 */
export async function unmountBelow(prefix: string): Promise<readonly string[]> {
  const mounts = await listMounts(prefix);
  // Unmounting in a shared mount unmounts in all that share it: they part first.
  const shared = mounts.filter(({ propagation }) => propagation === "shared");
  for (const { mountPoint } of shared) await run("mount", ["-n", "--make-private", mountPoint], { timeoutMs: mountMs });
  const points = mounts.map(({ mountPoint }) => mountPoint).reverse();
  for (const point of points) await unmount(point);
  return points;
}

const fileSystemNames: Readonly<Record<number, string>> = {
  0x794c7630: "overlayfs",
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x2fc12fc1: "zfs",
  0x6969: "NFS",
  0x01021994: "tmpfs",
  0x65735546: "FUSE",
};

/** @throws Error with one sentence when images cannot be stacked in `folder`. */
export async function requireOverlay(folder: string): Promise<void> {
  if (!readFileSync("/proc/filesystems", "utf8").includes("\toverlay\n"))
    await run("modprobe", ["overlay"], { timeoutMs: mountMs }).catch((error: unknown) => {
      throw new Error("expected a kernel with overlayfs, found none: use a kernel with CONFIG_OVERLAY_FS", {
        cause: error,
      });
    });
  const trial = writing(folder, () => mkdtempSync(join(folder, ".overlay-")));
  try {
    for (const name of ["lower", "upper", "work", "merged"]) {
      const path = join(trial, name);
      writing(path, () => mkdirSync(path));
    }
    const layers = `lowerdir=${trial}/lower,upperdir=${trial}/upper,workdir=${trial}/work`;
    await run("mount", ["-n", "-t", "overlay", "-o", layers, "overlay", join(trial, "merged")], { timeoutMs: mountMs });
    await unmount(join(trial, "merged"));
  } catch (error) {
    if (error instanceof FileError) throw error;
    const type = statfsSync(folder).type;
    throw new Error(
      `expected a file system below "${folder}" that carries overlayfs (ext4, xfs), found ${fileSystemNames[type] ?? `type 0x${type.toString(16)}`}: use a data directory on another file system (${messageOf(error)})`,
    );
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}
