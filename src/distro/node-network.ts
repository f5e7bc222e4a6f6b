/** The network parts of a node, each given what it needs of the machine: service link, routes, service proxy, DNS. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { utf8 } from "#base/bytes.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { forgetConnections, udpPeers } from "#host/conntrack.ts";
import type { HostJournal } from "#host/journal.ts";
import type { Links } from "#host/links.ts";
import { Nftables } from "#host/nftables.ts";
import { readSysctl, setSysctl } from "#host/sysctl.ts";
import { clusterDns } from "#network/dns.ts";
import { nodeRoutes, type RouteTable } from "#network/node-routes.ts";
import { ownPorts } from "#network/own-ports.ts";
import { serviceProxy, type ProxyOptions } from "#network/proxy.ts";
import type { ReservedPlace } from "#network/reserved.ts";
import {
  applyServiceLink,
  planServiceLink,
  serviceLink,
  type ServiceLink,
  type ServiceLinkMachine,
} from "#network/service-link.ts";
import { listen } from "#wire/http-server.ts";
import { StartError } from "./data-folder.ts";
import type { NodeOptions } from "./node.ts";

// Marks our routes among those of others; not in use by any routing daemon that iproute2 knows of.
const routeProtocol = "107";
const forwarding = "net.ipv4.ip_forward";
const bridgeFilter = "net.bridge.bridge-nf-call-iptables";

/** Short, and different for each data directory: part of the names of what is made on the machine. */
export function nodeId(dataDir: string): string {
  return createHash("sha256").update(dataDir).digest("hex").slice(0, 8);
}

export interface NodeNetworkParts {
  readonly options: NodeOptions;
  readonly links: Links;
  readonly journal: HostJournal;
  readonly kubeletPort: number;
  /** Address of this machine at which containerd serves the streams of exec, attach and port-forward, to kedge alone. */
  readonly streaming: string;
}

/** Makes the service link before anything listens on it. @throws StartError when the machine cannot carry it */
export async function prepareNetwork({
  options,
  links,
  journal,
}: Omit<NodeNetworkParts, "kubeletPort" | "streaming">): Promise<void> {
  const wanted = linkOf(options);
  const { link, serviceCidr } = wanted;
  journal.record({ kind: "link", name: link });
  await links.remove(link);
  if (!(await links.addresses()).some(({ local }) => local === options.nodeIp))
    throw new StartError(
      `expected an address of this machine as the node's, found "${options.nodeIp}"; choose another with --node-ip`,
    );
  const taken = (await links.routes()).find(({ dst }) => dst === serviceCidr);
  if (taken)
    throw new StartError(
      `expected the service network ${serviceCidr} to be free on this machine, found a route to it over "${taken.dev ?? taken.gateway}"; another cluster may run here: choose other networks with --service-cidr and --cluster-cidr`,
    );
  const machine = linkMachine(links, journal);
  const change = planServiceLink(wanted, await machine.look(wanted));
  if (change) await applyServiceLink(machine, change);
}

/** The parts that run as long as the node does. */
export function networkParts(parts: NodeNetworkParts): readonly Component[] {
  const { options, links, journal } = parts;
  const { disabled, clock, log } = options;
  return [
    serviceLink(linkOf(options), { machine: linkMachine(links, journal), clock, log }),
    nodeRoutes({ ...options, table: routeTable(links, journal) }),
    ownPortsOf(parts),
    ...(disabled.has("proxy") ? [] : [proxyOf(parts)]),
    ...(servesDns(options) ? [dnsOf(options, log)] : []),
  ];
}

function servesDns({ disabled }: NodeOptions): boolean {
  return !disabled.has("dns") && !disabled.has("coredns");
}

/** Without the DNS its address belongs to whoever's Service has it. */
function linkOf(options: NodeOptions): ServiceLink {
  return {
    link: `kedge-s${nodeId(options.dataDir).slice(0, 7)}`,
    serviceCidr: options.serviceCidr,
    nodeIp: options.nodeIp,
    addresses: servesDns(options) ? [options.clusterDns] : [],
    settings: [forwarding, bridgeFilter],
  };
}

function linkMachine(links: Links, journal: HostJournal): ServiceLinkMachine {
  return {
    look: async ({ link, serviceCidr, settings }) => {
      const found = (await links.list()).find(({ ifname }) => ifname === link);
      const settingsOff = settings.filter((name) => ![undefined, "1"].includes(readSysctl(name)));
      if (!found) return { addresses: [], hasRoute: false, settingsOff };
      const addresses = (await links.addresses()).filter(({ ifname, family }) => ifname === link && family === "inet");
      const hasRoute = (await links.routes()).some(({ dst, dev }) => dst === serviceCidr && dev === link);
      return { up: found.up, addresses: addresses.map(({ local }) => local), hasRoute, settingsOff };
    },
    apply: (lines, signal) => links.apply(lines, signal),
    switchOn: (setting) => setSysctl(setting, "1", journal),
  };
}

function routeTable(links: Links, journal: HostJournal): RouteTable {
  return {
    list: async () =>
      (await links.routes("inet", routeProtocol)).flatMap(({ dst, gateway }) =>
        gateway === undefined ? [] : [{ podCidr: dst, via: gateway }],
      ),
    add: async ({ podCidr, via }, signal) => {
      journal.record({ kind: "route", family: "inet", route: `${podCidr} via ${via}` });
      await links.apply([`route add ${podCidr} via ${via} proto ${routeProtocol}`], signal);
    },
    remove: ({ podCidr, via }, signal) =>
      links.apply([`route del ${podCidr} via ${via} proto ${routeProtocol}`], signal),
  };
}

function proxyOf(parts: NodeNetworkParts): Component {
  const { options, journal } = parts;
  const { dataDir, informers, clock, log, nodeName, clusterCidr } = options;
  const table = `kedge-${nodeId(dataDir)}`;
  journal.record({ kind: "nft-table", family: "ip", name: table });
  return serviceProxy({
    informers,
    clock,
    log,
    nodeName,
    clusterCidr,
    table,
    reserved: reservedOf(parts),
    filter: packetFilter(options, table),
    serveHealth: async (port, answer) => {
      const server = await listen({ host: "0.0.0.0", port, log }, (exchange) => {
        const { code, headers, body } = answer();
        exchange.reply(code, headers, utf8(body));
      });
      return { close: () => server.close(0) };
    },
  });
}

function reservedOf({ options, kubeletPort, streaming }: NodeNetworkParts): readonly ReservedPlace[] {
  const { api, nodeIp, clusterDns } = options;
  const tcp = "tcp" as const;
  return [
    {
      what: "api",
      address: api.address,
      protocol: tcp,
      port: api.port,
      listens: api.onThisMachine ? "everywhere" : "elsewhere",
    },
    { what: "kubelet", address: nodeIp, protocol: tcp, port: kubeletPort, listens: "everywhere" },
    { what: "streams", address: streaming, protocol: tcp, listens: "there" },
    ...(servesDns(options)
      ? ([tcp, "udp"] as const).map(
          (protocol) => ({ what: "dns", address: clusterDns, protocol, port: 53, listens: "there" }) as const,
        )
      : []),
  ];
}

function ownPortsOf(parts: NodeNetworkParts): Component {
  const { dataDir, bundle, clock, log } = parts.options;
  const table = `kedge-own-${nodeId(dataDir)}`;
  parts.journal.record({ kind: "nft-table", family: "ip", name: table });
  const nft = new Nftables(bundle.nft);
  const filter = {
    apply: (script: string, signal: AbortSignal) => nft.apply(script, signal),
    digest: (signal: AbortSignal) => nft.digest({ family: "ip", name: table }, signal),
  };
  return ownPorts({ places: reservedOf(parts), table, filter, clock, log });
}

function packetFilter({ bundle }: NodeOptions, name: string): ProxyOptions["filter"] {
  const nft = new Nftables(bundle.nft);
  return {
    apply: (script, signal) => nft.apply(script, signal),
    digest: (signal) => nft.digest({ family: "ip", name }, signal),
    udpPeers: (place) => udpPeers(bundle.conntrack, place),
    forgetUdp: async ({ address, port }, replySource) => {
      await forgetConnections(bundle.conntrack, {
        protocol: "udp",
        family: "ipv4",
        ...(address !== undefined && { originalDestination: address }),
        originalPort: port,
        replySource,
      });
    },
  };
}

function dnsOf(options: NodeOptions, log: Log): Component {
  const { informers, clusterDns: address, clusterDomain, clusterCidr, serviceCidr } = options;
  return clusterDns({
    informers,
    log,
    address,
    port: 53,
    domain: clusterDomain,
    clusterCidr,
    serviceCidr,
    upstreams: () => nameServers().filter((server) => server !== address),
  });
}

// systemd-resolved puts a stub on loopback into the first, which pods cannot reach, and the real servers into the second.
const resolvConfs = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"] as const;

/** The machine's resolv.conf for pods: one whose servers can be reached from outside this machine, where there is one. */
export function podResolvConf(): string {
  const usable = (path: string): boolean => serversIn(path).some((server) => !server.startsWith("127."));
  return resolvConfs.find(usable) ?? resolvConfs[0];
}

function nameServers(): readonly string[] {
  return serversIn(resolvConfs[0]);
}

function serversIn(path: string): readonly string[] {
  try {
    const lines = readFileSync(path, "utf8").split("\n");
    return lines.flatMap((line) => /^nameserver\s+([\d.]+)\s*$/.exec(line)?.[1] ?? []);
  } catch {
    // A machine without resolvers knows the cluster's names only.
    return [];
  }
}
