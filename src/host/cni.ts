/**
 * The pod network of one node, as containerd's CNI plugins want it written: a bridge that belongs to this data
 * directory alone, addresses from the node's pod range, and host ports by nftables.
 *
 * @see https://www.cni.dev/docs/spec/
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ContainerdFolders } from "./containerd.ts";
import type { HostJournal } from "./journal.ts";
import type { Nftables } from "./nftables.ts";

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

/**
 * Writes the network; containerd notices by itself, and makes the bridge for the first pod.
 *
 * @param journal Where the bridge is noted.
 * @returns False when it was written like this already.
 */
export function writePodNetwork(folders: ContainerdFolders, network: PodNetwork, journal?: HostJournal): boolean {
  const text = podNetworkText(folders, network);
  if (writtenPodNetwork(folders) === text) return false;
  writePodNetworkText(folders, text, journal);
  return true;
}

/** What containerd is told of the pods' network. */
export function podNetworkText(folders: ContainerdFolders, network: PodNetwork): string {
  return `${JSON.stringify(podNetworkConfig(folders, network), undefined, 2)}\n`;
}

/** What it has been told; undefined: nothing. */
export function writtenPodNetwork(folders: ContainerdFolders): string | undefined {
  return readIfThere(configPath(folders));
}

/** containerd notices by itself, and makes the bridge for the first pod. */
export function writePodNetworkText(folders: ContainerdFolders, text: string, journal?: HostJournal): void {
  journal?.record({ kind: "link", name: bridgeName(folders) });
  const path = configPath(folders);
  mkdirSync(folders.cniConfig, { recursive: true });
  // containerd reads whatever it finds, so the file appears whole.
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

const configPath = (folders: ContainerdFolders): string => join(folders.cniConfig, "10-kedge.conflist");

// The CNI library notes here what each pod got; the place is compiled in and shared with other runtimes.
const cniResults = "/var/lib/cni/results";
const hostPortTable = "cni_hostport";

/** What a pod got, as far as it is on this machine's side. */
export interface PodLinks {
  /** The host's end of the pod's link. */
  readonly link: string;
  /** Of the bridge, when the pod got it. */
  readonly bridgeHardwareAddress: string | undefined;
}

interface NotedInterface {
  readonly name?: string;
  readonly mac?: string;
  /** Absent for links on this machine's side. */
  readonly sandbox?: string;
}

/** The links of all pods that were made and not taken down, also of those that are gone by other ways. */
export async function podLinks(folders: ContainerdFolders): Promise<readonly PodLinks[]> {
  const bridge = bridgeName(folders);
  const names = (await readdir(cniResults).catch(() => [])).filter((name) => name.startsWith(`${bridge}-`));
  const found = await Promise.all(names.map((name) => notedInterfaces(join(cniResults, name))));
  return found.flatMap((interfaces) => {
    const here = interfaces.filter(({ sandbox }) => !sandbox);
    const bridgeHardwareAddress = here.find(({ name }) => name === bridge)?.mac;
    return here.flatMap(({ name }) =>
      name === undefined || name === bridge ? [] : [{ link: name, bridgeHardwareAddress }],
    );
  });
}

async function notedInterfaces(path: string): Promise<readonly NotedInterface[]> {
  try {
    // The CNI library's own form; only root writes there.
    const noted = JSON.parse(await readFile(path, "utf8")) as { result?: { interfaces?: readonly NotedInterface[] } };
    return noted.result?.interfaces ?? [];
  } catch {
    return []; // The pod is being taken down, or its note was cut short.
  }
}

/** A rule as nft lists it. */
interface PortRule {
  readonly rule?: { readonly chain: string; readonly handle: number; readonly comment?: string };
}

/**
 * Takes back what the plugins left for pods that were killed rather than stopped: notes, and rules of host ports. The
 * table of these rules goes too, once nobody has a rule in it.
 */
export async function forgetPodNetworks(folders: ContainerdFolders, nftables: Nftables): Promise<void> {
  const prefix = `${bridgeName(folders)}-`;
  const notes = existsSync(cniResults) ? readdirSync(cniResults).filter((name) => name.startsWith(prefix)) : [];
  const sandboxes = new Set(notes.map((name) => name.slice(prefix.length).split("-")[0]));
  for (const family of ["ip", "ip6"] as const) {
    const table = { family, name: hostPortTable };
    const listed = await nftables.table(table);
    if (!listed) continue;
    // The plugin marks each pod's rules with its sandbox; the others only join its chains.
    const marked = listed.flatMap((item) => {
      const { rule } = item as PortRule;
      return rule?.comment === undefined ? [] : [rule];
    });
    const ours = marked.filter(({ comment }) => sandboxes.has(comment));
    if (ours.length === marked.length) await nftables.removeTable(table);
    else
      await nftables.apply(
        ours.map(({ chain, handle }) => `delete rule ${family} ${hostPortTable} ${chain} handle ${handle}\n`).join(""),
      );
  }
  for (const name of notes) rmSync(join(cniResults, name), { force: true });
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
