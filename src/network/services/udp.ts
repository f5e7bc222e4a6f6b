/** UDP connections that the kernel remembers, against the endpoints that they may go to. */
import type { Ruleset } from "./rules.ts";

export interface UdpPlace {
  /** Where clients send to; absent: any address of this machine. */
  readonly address?: string;
  readonly port: number;
}

export interface UdpPlaceRules {
  readonly place: UdpPlace;
  /** Addresses that may answer. */
  readonly peers: readonly string[];
}

/** Pure: the places whose endpoints changed; all of them when nothing is known of before. */
export function udpPlaces(before: Ruleset | undefined, after: Ruleset): readonly UdpPlaceRules[] {
  const keys = new Set([...after.udpPeers.keys(), ...(before?.udpPeers.keys() ?? [])]);
  return [...keys].flatMap((key) => {
    const peers = after.udpPeers.get(key) ?? [];
    const old = before?.udpPeers.get(key);
    if (before && old?.join() === peers.join()) return [];
    const parts = key.split(" . ");
    const port = Number(parts.at(-1));
    const [address = ""] = parts;
    return [{ place: parts.length === 3 ? { address, port } : { port }, peers }];
  });
}
