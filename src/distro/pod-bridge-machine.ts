/** The pods' bridge as this machine has it: network/pod-bridge.ts decides what is to become of it. */
import { podLinks, bridgeName, writePodNetworkText, writtenPodNetwork } from "#host/cni.ts";
import type { ContainerdFolders } from "#host/containerd.ts";
import type { HostJournal } from "#host/journal.ts";
import type { Link, Links } from "#host/links.ts";
import type { PodBridgeMachine, PodPort } from "#network/pod-bridge.ts";

interface Parts {
  readonly folders: ContainerdFolders;
  readonly links: Links;
  readonly journal: HostJournal;
}

export function podBridgeMachine({ folders, links, journal }: Parts): PodBridgeMachine {
  const bridge = bridgeName(folders);
  return {
    look: async () => {
      const config = writtenPodNetwork(folders);
      // The pods first: what is made meanwhile is then among the links.
      const pods = await podLinks(folders);
      const all = new Map((await links.list()).map((link) => [link.ifname, link]));
      const found = all.get(bridge);
      const addresses = found ? (await links.addresses()).filter(({ ifname }) => ifname === bridge) : [];
      const hardwareAddress = pods.findLast((one) => one.bridgeHardwareAddress)?.bridgeHardwareAddress;
      return {
        ...(config !== undefined && { config }),
        ...(found && { up: found.up }),
        addresses: addresses.map(({ local, prefixLength }) => `${local}/${prefixLength}`),
        ...(hardwareAddress !== undefined && { hardwareAddress }),
        ports: pods.flatMap(({ link }) => portOf(all.get(link))),
      };
    },
    tell: (config) => writePodNetworkText(folders, config, journal),
    apply: (lines, signal) => links.apply(lines, signal),
  };
}

function portOf(link: Link | undefined): PodPort[] {
  if (!link) return [];
  const { ifname, up, bridge, hairpin } = link;
  return [{ link: ifname, up, hairpin: hairpin === true, ...(bridge !== undefined && { bridge }) }];
}
