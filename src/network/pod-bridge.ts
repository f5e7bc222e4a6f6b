/**
 * The bridge that this machine's pods hang on. The runtime makes it with its first pod and then never looks at it again:
 * who brings it down, or removes it, would cut off every pod for good. What the runtime was told of the pods' network is
 * looked at with it.
 */
import { formatIpv4, parseCidr } from "#base/cidr.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { Reconciled } from "#base/reconciled.ts";

export interface PodBridge {
  readonly bridge: string;
  /** This node's range, within which the bridge has the first address. */
  readonly podCidr: string;
  /** What the runtime is to be told of the pods' network. */
  readonly config: string;
}

/** The host's end of a pod's link. */
export interface PodPort {
  readonly link: string;
  readonly up: boolean;
  /** The bridge it is on, if any. */
  readonly bridge?: string;
  /** Whether the pod may reach itself over the bridge. */
  readonly hairpin: boolean;
}

export interface PodBridgeState {
  /** What the runtime has been told; absent: nothing. */
  readonly config?: string;
  /** Absent when there is no bridge. */
  readonly up?: boolean;
  /** With their ranges, as in `10.42.0.1/24`. */
  readonly addresses: readonly string[];
  /** By which the pods know the bridge; undefined before the first pod. */
  readonly hardwareAddress?: string;
  readonly ports: readonly PodPort[];
}

export interface PodBridgeMachine {
  look(): Promise<PodBridgeState>;
  tell(config: string): void;
  /** In ip's language. */
  apply(lines: readonly string[], signal: AbortSignal): Promise<void>;
}

export interface PodBridgeChange {
  readonly wanted: PodBridge;
  readonly tell: boolean;
  readonly lines: readonly string[];
}

/** Pure. Undefined when it is as wanted. */
export function planPodBridge(wanted: PodBridge, seen: PodBridgeState): PodBridgeChange | undefined {
  const tell = seen.config !== wanted.config;
  // Without pods there is nothing to repair: the runtime makes the bridge for the first.
  const lines = seen.ports.length === 0 && seen.up === undefined ? [] : repairs(wanted, seen);
  return tell || lines.length > 0 ? { wanted, tell, lines } : undefined;
}

function repairs({ bridge, podCidr }: PodBridge, seen: PodBridgeState): string[] {
  const { up, addresses, hardwareAddress, ports } = seen;
  const address = bridgeAddress(podCidr);
  // Pods that remember where the bridge was find it there again.
  const known = hardwareAddress === undefined ? "" : `address ${hardwareAddress} `;
  const attached = (port: PodPort): boolean => up !== undefined && port.bridge === bridge;
  return [
    ...(up === undefined ? [`link add name ${bridge} ${known}type bridge`] : []),
    ...(address === undefined || addresses.includes(address) ? [] : [`addr add ${address} brd + dev ${bridge}`]),
    ...(up === true ? [] : [`link set dev ${bridge} up`]),
    ...ports.flatMap((port) => [
      ...(attached(port) ? [] : [`link set dev ${port.link} master ${bridge}`]),
      ...(attached(port) && port.hairpin ? [] : [`link set dev ${port.link} type bridge_slave hairpin on`]),
      ...(port.up ? [] : [`link set dev ${port.link} up`]),
    ]),
  ];
}

/** Undefined for what is no IPv4 range: the runtime alone knows what it makes of that. */
function bridgeAddress(podCidr: string): string | undefined {
  const range = parseCidr(podCidr);
  return range && `${formatIpv4(range.base + 1)}/${range.prefixLength}`;
}

/** Begins with the first range that is wanted. */
export function podBridge(parts: {
  readonly machine: PodBridgeMachine;
  readonly clock: Clock;
  readonly log: Log;
}): Reconciled<PodBridge, PodBridgeState, PodBridgeChange> {
  const { machine, clock, log } = parts;
  return new Reconciled<PodBridge, PodBridgeState, PodBridgeChange>(
    {
      name: "pod-network",
      observe: () => machine.look(),
      compare: planPodBridge,
      act: async ({ wanted, tell, lines }, signal) => {
        if (tell) {
          machine.tell(wanted.config);
          log.info("pod network written", { podCIDR: wanted.podCidr });
        }
        if (lines.length === 0) return;
        log.warn("somebody changed the pods' bridge; it is put right", { bridge: wanted.bridge });
        await machine.apply(lines, signal);
      },
    },
    { clock, log },
  );
}
