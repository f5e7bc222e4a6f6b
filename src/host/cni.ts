/**
 * The pod network of one node, as containerd's CNI plugins want it written: a bridge that belongs to this data
 * directory alone, addresses from the node's pod range, and host ports by nftables.
 *
 * @see https://www.cni.dev/docs/spec/
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ContainerdFolders } from "./containerd.ts";

export interface PodNetwork {
  /** The pod ranges of this node, one of IPv4 or one of each family. */
  readonly podCidrs: readonly string[];
  /** Of the pods' links; absent: the bridge's own. */
  readonly mtu?: number;
}

/** The bridge of a data directory; its name has at most 15 characters, and no two data directories share it. */
export function bridgeName(folders: ContainerdFolders): string {
  return `kedge-${basename(dirname(folders.run)).slice(0, 8)}`;
}

/** Writes the network; containerd notices by itself. @returns False when it was written like this already. */
export function writePodNetwork(folders: ContainerdFolders, network: PodNetwork): boolean {
  const path = join(folders.cniConfig, "10-kedge.conflist");
  const text = `${JSON.stringify(podNetworkConfig(folders, network), undefined, 2)}\n`;
  if (readIfThere(path) === text) return false;
  mkdirSync(folders.cniConfig, { recursive: true });
  // containerd reads whatever it finds, so the file appears whole.
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
  return true;
}

function podNetworkConfig(folders: ContainerdFolders, { podCidrs, mtu }: PodNetwork): object {
  return {
    cniVersion: "1.0.0",
    name: bridgeName(folders),
    plugins: [
      {
        type: "bridge",
        bridge: bridgeName(folders),
        isDefaultGateway: true,
        // A pod reaches itself through its own Service.
        hairpinMode: true,
        // The range of a node may change; its bridge then takes the new address.
        forceAddress: true,
        ...(mtu !== undefined && { mtu }),
        ipam: {
          type: "host-local",
          ranges: podCidrs.map((subnet) => [{ subnet }]),
          // Addresses given out vanish with a restart of the machine, as the pods do.
          dataDir: join(dirname(folders.run), "cni"),
        },
      },
      { type: "portmap", capabilities: { portMappings: true }, snat: true, backend: "nftables" },
    ],
  };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // Not written yet.
  }
}
