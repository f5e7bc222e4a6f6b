/** Ends everything that containerd runs for one data directory, whether kedge or containerd still live or not. */
import { createHash } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "#base/clock.ts";
import { forgetPodNetworks } from "./cni.ts";
import { containerdFolders, containerdsOf } from "./containerd.ts";
import { criNamespace } from "./image-archive.ts";
import { Nftables } from "./nftables.ts";
import { unmountBelow } from "./mounts.ts";
import { removeTree } from "./removal.ts";
import type { RuntimeBundle } from "./runtime-bundle.ts";
import { lives, parentOf, processesOf, processOf, signalProcess, type ProcessId } from "./processes.ts";

const endMs = 10_000;
const endPauseMs = 10;
const shimProgram = "containerd-shim-runc-v2";
// A shim listens here, wherever containerd keeps the rest; the place is compiled in.
const shimSockets = "/run/containerd/s";

/**
 * Kills the containers, their shims and containerd, unmounts what they left, and removes the run folder. Images and
 * volumes stay; control groups are the caller's.
 *
 * @param parts With the bundle, the pods' host ports are taken back too.
 * @throws Error when something does not end.
 */
export async function stopContainers(
  dataFolder: string,
  parts: { readonly clock: Clock; readonly signal: AbortSignal; readonly bundle?: RuntimeBundle },
): Promise<void> {
  const folders = containerdFolders(dataFolder);
  // containerd goes first: it would try to tidy up after the rest, and fail.
  await killAll(
    containerdsOf(folders).map(({ id }) => id),
    parts,
  );
  const shims = processesOf(shimProgram, (args) => args[args.indexOf("-address") + 1] === folders.socket);
  await killAll(descendantsOf(shims.map(({ id }) => id)), parts);
  await killAll(
    shims.map(({ id }) => id),
    parts,
  );
  for (const { args } of shims) rmSync(shimSocket(folders.socket, args), { force: true });
  if (parts.bundle) await forgetPodNetworks(folders, new Nftables(parts.bundle.nft));
  await unmountBelow(dirname(folders.run));
  await removeTree(dirname(folders.run));
}

async function killAll(
  ids: readonly ProcessId[],
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const deadlineMs = clock.monotonicMs() + endMs;
  for (const id of ids) signalProcess(id, "SIGKILL");
  for (const id of ids)
    while (lives(id)) {
      if (clock.monotonicMs() > deadlineMs)
        throw new Error(
          `expected process ${id.pid} to end within ${endMs / 1000} s of being killed, found it waiting in the kernel`,
        );
      await clock.sleep(endPauseMs, signal);
    }
}

/** Children, their children and so on; a container's processes are all below its shim. */
function descendantsOf(ids: readonly ProcessId[]): readonly ProcessId[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc"))
    if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(Number(name)) ?? 0);
  const found = new Set(ids.map(({ pid }) => pid));
  // A set takes what is added while it is gone through.
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.add(child);
  return [...found].filter((pid) => !ids.some((id) => id.pid === pid)).flatMap((pid) => processOf(pid) ?? []);
}

function shimSocket(containerdSocket: string, args: readonly string[]): string {
  const id = args[args.indexOf("-id") + 1] ?? "";
  return join(
    shimSockets,
    createHash("sha256")
      .update(join(containerdSocket, criNamespace, id))
      .digest("hex"),
  );
}
