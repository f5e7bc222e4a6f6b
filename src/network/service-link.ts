/**
 * The link that carries the service network on this machine: host processes reach Services over it, and the DNS listens
 * on its address. Also the switch without which the kernel forwards nothing to pods. Both are looked at again and again,
 * since others bring links down and write kernel settings.
 */
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { Reconciled } from "#base/reconciled.ts";

export interface ServiceLink {
  readonly link: string;
  readonly serviceCidr: string;
  /** Where the route's packets come from. */
  readonly nodeIp: string;
  /** Addresses on the link, such as that of the DNS. */
  readonly addresses: readonly string[];
  /** Kernel settings that must be 1. */
  readonly settings: readonly string[];
}

export interface ServiceLinkState {
  /** Absent when there is no such link. */
  readonly up?: boolean;
  readonly addresses: readonly string[];
  readonly hasRoute: boolean;
  /** Those that are there and are not 1. */
  readonly settingsOff: readonly string[];
}

export interface ServiceLinkMachine {
  look(wanted: ServiceLink): Promise<ServiceLinkState>;
  /** In ip's language. */
  apply(lines: readonly string[], signal?: AbortSignal): Promise<void>;
  switchOn(setting: string): void;
}

export interface ServiceLinkChange {
  readonly lines: readonly string[];
  readonly settings: readonly string[];
}

/** Pure. Undefined when it is as wanted. */
export function planServiceLink(wanted: ServiceLink, seen: ServiceLinkState): ServiceLinkChange | undefined {
  const { link, serviceCidr, nodeIp } = wanted;
  const lines = [
    ...(seen.up === undefined ? [`link add name ${link} type bridge`] : []),
    ...wanted.addresses.filter((one) => !seen.addresses.includes(one)).map((one) => `addr add ${one}/32 dev ${link}`),
    ...seen.addresses.filter((one) => !wanted.addresses.includes(one)).map((one) => `addr del ${one}/32 dev ${link}`),
    ...(seen.up === true ? [] : [`link set dev ${link} up`]),
    ...(seen.hasRoute ? [] : [`route add ${serviceCidr} dev ${link} src ${nodeIp}`]),
  ];
  return lines.length + seen.settingsOff.length === 0 ? undefined : { lines, settings: seen.settingsOff };
}

export async function applyServiceLink(
  machine: ServiceLinkMachine,
  change: ServiceLinkChange,
  signal?: AbortSignal,
): Promise<void> {
  for (const setting of change.settings) machine.switchOn(setting);
  if (change.lines.length > 0) await machine.apply(change.lines, signal);
}

export function serviceLink(
  wanted: ServiceLink,
  { machine, clock, log }: { readonly machine: ServiceLinkMachine; readonly clock: Clock; readonly log: Log },
): Component {
  const link = new Reconciled<ServiceLink, ServiceLinkState, ServiceLinkChange>(
    {
      name: "service-link",
      observe: () => machine.look(wanted),
      compare: planServiceLink,
      act: (change, signal) => applyServiceLink(machine, change, signal),
    },
    { clock, log: log.for("service-link") },
  );
  link.want(wanted);
  return link;
}
