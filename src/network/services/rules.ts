/**
 * What the packet filter must hold for the Services there are. Pure: Services and EndpointSlices in, a set of named
 * pieces out, each with its text, so that a change of one Service changes its own pieces and nothing else.
 *
 * Users write Services and EndpointSlices: only IPv4 addresses get into rules, and what several claim belongs to the
 * cluster address first, then to the oldest Service.
 *
 * @see https://kubernetes.io/docs/reference/networking/virtual-ips/
 */
import { createHash } from "node:crypto";
import { formatCidr, parseCidr, parseIpv4 } from "#base/cidr.ts";
import type { ServicePort } from "#resources/core/service.ts";
import { endpointsOf, type Endpoints, type Target } from "./endpoints.ts";
import { type ServiceSeen, type SliceSeen } from "../service-view.ts";

/** The pieces of the ruleset that come and go with Services. */
export interface Ruleset {
  /** Chain name to its rules, one a line. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Set name to its definition: who stuck to which endpoint. */
  readonly affinitySets: ReadonlyMap<string, string>;
  /** Map name to its elements: key text to value text. */
  readonly maps: Readonly<Record<MapName, ReadonlyMap<string, string>>>;
  /** Key of an element for UDP to the addresses its packets may go to. */
  readonly udpPeers: ReadonlyMap<string, readonly string[]>;
}

export const mapNames = ["service-ips", "service-nodeports", "refused-ips", "refused-nodeports", "hairpin"] as const;
export type MapName = (typeof mapNames)[number];

export interface RulesOptions {
  readonly nodeName: string;
  readonly clusterCidr: string;
  /**
   * What no Service may take over on this machine: "address . protocol . port", such as the API's and the kubelet's, or
   * an address with all its ports, such as the DNS's.
   */
  readonly reserved: ReadonlySet<string>;
}

interface PortRules {
  readonly service: ServiceSeen;
  readonly port: ServicePort;
  readonly protocol: string;
  readonly endpoints: Endpoints;
}

interface Draft {
  readonly chains: Map<string, readonly string[]>;
  readonly affinitySets: Map<string, string>;
  readonly maps: Record<MapName, Map<string, string>>;
  readonly udpPeers: Map<string, readonly string[]>;
  readonly options: RulesOptions;
}

const markForMasquerade = "meta mark set meta mark or 0x4000";
const affinitySecondsDefault = 10_800;

/** @param slicesOf The slices of a Service. */
export function rulesOf(
  services: readonly ServiceSeen[],
  slicesOf: (service: ServiceSeen) => readonly SliceSeen[],
  options: RulesOptions,
): Ruleset {
  const draft: Draft = {
    chains: new Map(),
    affinitySets: new Map(),
    maps: {
      "service-ips": new Map(),
      "service-nodeports": new Map(),
      "refused-ips": new Map(),
      "refused-nodeports": new Map(),
      hairpin: new Map(),
    },
    udpPeers: new Map(),
    options,
  };
  const ports = services.toSorted(byAge).flatMap((service) => portsOf(service, slicesOf(service), options.nodeName));
  for (const rules of ports) addInternal(draft, rules);
  for (const rules of ports) addExternal(draft, rules);
  return draft;
}

function byAge(a: ServiceSeen, b: ServiceSeen): number {
  const key = ({ metadata }: ServiceSeen): string => `${metadata.creationTimestamp ?? ""} ${metadata.uid ?? ""}`;
  return key(a) < key(b) ? -1 : 1;
}

function portsOf(service: ServiceSeen, slices: readonly SliceSeen[], nodeName: string): PortRules[] {
  const { type, clusterIP = "", ports = [] } = service.spec;
  if (type === "ExternalName" || clusterIP === "" || clusterIP === "None") return [];
  return ports.map((port) => {
    const protocol = (port.protocol ?? "TCP").toLowerCase();
    return { service, port, protocol, endpoints: endpointsOf(slices, port, nodeName) };
  });
}

type Point = "ips" | "nodeports";

/** Leads a key to a chain, or to a refusal. The first to claim a key has it. */
function point({ maps }: Draft, { at, key }: { readonly at: Point; readonly key: string }, verdict: string): void {
  const [led, refused] = [maps[`service-${at}`], maps[`refused-${at}`]];
  if (led.has(key) || refused.has(key)) return;
  (verdict === drop || verdict === refuse ? refused : led).set(key, verdict);
}

const drop = "drop";
const refuse = "goto refuse";

function noteUdp(draft: Draft, { protocol }: PortRules, entry: { key: string; peers: readonly Target[] }): void {
  if (protocol === "udp" && !draft.udpPeers.has(entry.key))
    draft.udpPeers.set(entry.key, [...new Set(entry.peers.map(({ address }) => address))]);
}

function addInternal(draft: Draft, rules: PortRules): void {
  const { service, port, protocol, endpoints } = rules;
  const { spec } = service;
  const targets = spec.internalTrafficPolicy === "Local" ? endpoints.local : endpoints.cluster;
  for (const { address, local } of endpoints.cluster) if (local) draft.maps.hairpin.set(`${address} . ${address}`, "");
  const name = chainName(rules, "internal");
  const verdict = targets.length > 0 ? `goto ${addInternalChain(draft, rules, { name, targets })}` : refusal(endpoints);
  for (const address of ipv4(spec.clusterIPs ?? [spec.clusterIP ?? ""])) {
    const key = `${address} . ${protocol} . ${port.port}`;
    point(draft, { at: "ips", key }, verdict);
    noteUdp(draft, rules, { key, peers: targets });
  }
}

/** Without any endpoint the sender is told; with endpoints elsewhere only, the packet is dropped. */
function refusal({ cluster }: Endpoints): string {
  return cluster.length === 0 ? refuse : drop;
}

function addExternal(draft: Draft, rules: PortRules): void {
  const { service, port, protocol, endpoints } = rules;
  const { spec, status } = service;
  const balancers = ipv4((status.loadBalancer.ingress ?? []).flatMap(({ ip }) => ip ?? []));
  const { reserved } = draft.options;
  const free = (address: string): boolean =>
    !reserved.has(address) && !reserved.has(`${address} . ${protocol} . ${port.port}`);
  const externals = ipv4(spec.externalIPs ?? []).filter(free);
  const nodePort = port.nodePort ?? 0;
  if (balancers.length === 0 && externals.length === 0 && nodePort === 0) return;
  const verdict = endpoints.cluster.length === 0 ? refuse : `goto ${addExternalChain(draft, rules)}`;
  const peers = endpoints.cluster;
  const lead = (at: Point, key: string, to: string): void => {
    point(draft, { at, key }, to);
    noteUdp(draft, rules, { key, peers });
  };
  for (const address of externals) lead("ips", `${address} . ${protocol} . ${port.port}`, verdict);
  const guarded = verdict === refuse ? refuse : addBalancerChain(draft, rules, verdict);
  for (const address of balancers.filter(free)) lead("ips", `${address} . ${protocol} . ${port.port}`, guarded);
  if (nodePort !== 0) lead("nodeports", `${protocol} . ${nodePort}`, verdict);
}

/** Traffic that did not come from a pod gets this machine's address, so that the reply comes back through it. */
function addInternalChain(draft: Draft, rules: PortRules, picking: Picking): string {
  const { clusterCidr } = draft.options;
  draft.chains.set(picking.name, [`ip saddr != ${clusterCidr} ${markForMasquerade}`, ...pick(draft, rules, picking)]);
  return picking.name;
}

/**
 * Traffic from outside. With the local policy it keeps its sender's address and stays on this machine; what comes from
 * pods or from this machine itself is not from outside, and may go anywhere.
 *
 * @see https://kubernetes.io/docs/reference/networking/virtual-ips/#external-traffic-policy
 */
function addExternalChain(draft: Draft, rules: PortRules): string {
  const { service, endpoints } = rules;
  const name = chainName(rules, "external");
  if (service.spec.externalTrafficPolicy !== "Local") {
    draft.chains.set(name, [markForMasquerade, ...pick(draft, rules, { name, targets: endpoints.cluster })]);
    return name;
  }
  const anywhere =
    service.spec.internalTrafficPolicy === "Local"
      ? addInternalChain(draft, rules, { name: chainName(rules, "cluster"), targets: endpoints.cluster })
      : chainName(rules, "internal");
  draft.chains.set(name, [
    `ip saddr ${draft.options.clusterCidr} goto ${anywhere}`,
    `fib saddr type local goto ${anywhere}`,
    ...(endpoints.local.length > 0 ? pick(draft, rules, { name, targets: endpoints.local }) : [drop]),
  ]);
  return name;
}

/** What a load balancer's address lets in: everything, or the ranges it names. */
function addBalancerChain(draft: Draft, rules: PortRules, verdict: string): string {
  const ranges = rules.service.spec.loadBalancerSourceRanges ?? [];
  if (ranges.length === 0) return verdict;
  const known = ranges.flatMap((text) => parseCidr(text.trim()) ?? []).map(formatCidr);
  const name = chainName(rules, "balancer");
  // A rule each: a set would refuse ranges that overlap.
  draft.chains.set(name, [...known.map((range) => `ip saddr ${range} ${verdict}`), drop]);
  return `goto ${name}`;
}

interface Picking {
  /** Of the chain that picks. */
  readonly name: string;
  readonly targets: readonly Target[];
}

function pick(draft: Draft, rules: PortRules, picking: Picking): readonly string[] {
  const affine = rules.service.spec.sessionAffinity === "ClientIP";
  return affine ? affinityRules(draft, rules, picking) : pickRules(rules.protocol, picking.targets);
}

function pickRules(protocol: string, targets: readonly Target[]): string[] {
  const [first, ...others] = targets;
  const head = `meta l4proto ${protocol} dnat ip to`;
  if (first && others.length === 0) return [`${head} ${first.address}:${first.port}`];
  const elements = targets.map(({ address, port }, at) => `${at} : ${address} . ${port}`).join(", ");
  return [`${head} numgen random mod ${targets.length} map { ${elements} }`];
}

/** A chain and a set of clients for each endpoint: who was there within the time goes there again. */
function affinityRules(draft: Draft, { service, protocol }: PortRules, { name, targets }: Picking): string[] {
  const seconds = service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySecondsDefault;
  const chains = targets.map((target) => {
    const id = shortHash(`${name}/${target.address}:${target.port}`);
    const [chain, set] = [`endpoint-${id}`, `affinity-${id}`];
    draft.affinitySets.set(set, `type ipv4_addr; flags dynamic, timeout; timeout ${seconds}s; size 65535;`);
    draft.chains.set(chain, [
      `update @${set} { ip saddr timeout ${seconds}s }`,
      `meta l4proto ${protocol} dnat ip to ${target.address}:${target.port}`,
    ]);
    return { chain, set };
  });
  const elements = chains.map(({ chain }, at) => `${at} : goto ${chain}`).join(", ");
  return [
    ...chains.map(({ chain, set }) => `ip saddr @${set} goto ${chain}`),
    `numgen random mod ${chains.length} vmap { ${elements} }`,
  ];
}

function ipv4(addresses: readonly string[]): string[] {
  return addresses.filter((address) => parseIpv4(address) !== undefined);
}

function chainName({ service, port }: PortRules, kind: string): string {
  const { namespace, name } = service.metadata;
  return `${kind}-${shortHash(`${namespace}/${name}/${port.protocol}/${port.name ?? ""}/${port.port}`)}`;
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
