/** What uninstalling removes: kubeconfigs of this cluster and no other, and the data directory without what is mounted there. */
import { existsSync, lstatSync, readFileSync, realpathSync, rmSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { listMounts, unmount } from "#host/mounts.ts";
import { removeIfEmpty } from "#host/removal.ts";
import { openFolder, type SafeFolder } from "#host/safe-folder.ts";
import { base64, utf8 } from "#base/bytes.ts";
import { settings } from "../config/settings.ts";
import { lockFiles } from "../data-folder.ts";
import { kubeconfigRecord } from "../kubeconfig.ts";

const namesAtOnce = 1_000;
/** What says that this is a data directory, and who is at it: it goes last, so that a removal that was cut off goes on. */
const last: readonly string[] = ["layout-version", ...Object.values(lockFiles)];

/**
 * Removes the kubeconfig at `path`, and the one that the server last wrote, when they are of this cluster: another one
 * may have written its own there since.
 */
export function removeKubeconfigs(dataDir: string, path: string): void {
  const ca = join(dataDir, "server/tls/server-ca.crt");
  if (!existsSync(ca)) return;
  const mark = base64(utf8(readFileSync(ca, "utf8")));
  const record = kubeconfigRecord(dataDir);
  const written = existsSync(record) ? [readFileSync(record, "utf8").trim()] : [];
  for (const one of new Set([path, ...written])) {
    if (!existsSync(one) || !readFileSync(one, "utf8").includes(mark)) continue;
    rmSync(one);
    if (one === settings.writeKubeconfig.default) removeIfEmpty(dirname(one));
  }
}

/** @throws UnsafePathError when something is mounted there while it is removed */
export async function removeDataFolder(dataDir: string): Promise<void> {
  const real = realpathSync(dataDir);
  const below = (await listMounts(real)).filter(({ mountPoint }) => mountPoint !== real);
  // What is mounted there is somebody's: it is unmounted, and stays as it is.
  for (const { mountPoint } of below.toReversed()) await unmount(mountPoint);
  using folder = await openFolder(real);
  if (folder) await empty(folder);
  if (lstatSync(dataDir).isSymbolicLink()) unlinkSync(dataDir);
  // A disk of its own stays, empty.
  if (!(await listMounts(real)).some(({ mountPoint }) => mountPoint === real)) removeIfEmpty(real);
}

async function empty(folder: SafeFolder): Promise<void> {
  for (;;) {
    const names = (await folder.list("", namesAtOnce)).filter((name) => !last.includes(name));
    for (const name of names) await folder.remove(name, "refuse");
    if (names.length === 0) break;
  }
  for (const name of last) await folder.remove(name, "refuse");
}
