/**
 * What the packet filter must hold for the Services there are. Pure: Services and EndpointSlices in, a set of named
 * pieces out, each with its text, so that a change of one Service changes its own pieces and nothing else.
 *
 * @see https://kubernetes.io/docs/reference/networking/virtual-ips/
 */
import { createHash } from "node:crypto";
import type { Service, ServicePort } from "#resources/core/service.ts";
import type { Endpoint, EndpointSlice } from "#resources/discovery/endpoint-slice.ts";

/** The pieces of the ruleset that come and go with Services. */
export interface Ruleset {
  /** Chain name to its rules, one a line. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Set name to its definition: who stuck to which endpoint. */
  readonly affinitySets: ReadonlyMap<string, string>;
  /** Map name to its elements: key text to value text. */
  readonly maps: Readonly<Record<MapName, ReadonlyMap<string, string>>>;
}

export const mapNames = ["service-ips", "service-nodeports", "refused-ips", "refused-nodeports", "hairpin"] as const;
export type MapName = (typeof mapNames)[number];

export interface RulesOptions {
  readonly nodeName: string;
  readonly clusterCidr: string;
}

interface Target {
  readonly address: string;
  readonly port: number;
  readonly local: boolean;
}

interface PortRules {
  readonly service: Service;
  readonly port: ServicePort;
  readonly targets: readonly Target[];
}

interface Draft {
  readonly chains: Map<string, string[]>;
  readonly affinitySets: Map<string, string>;
  readonly maps: Record<MapName, Map<string, string>>;
  readonly options: RulesOptions;
}

const markForMasquerade = "meta mark set meta mark or 0x4000";
const affinitySecondsDefault = 10_800;

/** @param slicesOf The slices of a Service. */
export function rulesOf(
  services: readonly Service[],
  slicesOf: (service: Service) => readonly EndpointSlice[],
  options: RulesOptions,
): Ruleset {
  const maps: Record<MapName, Map<string, string>> = {
    "service-ips": new Map(),
    "service-nodeports": new Map(),
    "refused-ips": new Map(),
    "refused-nodeports": new Map(),
    hairpin: new Map(),
  };
  const draft: Draft = { chains: new Map(), affinitySets: new Map(), maps, options };
  for (const service of services) {
    const { type, clusterIP = "", ports = [] } = service.spec;
    if (type === "ExternalName" || clusterIP === "" || clusterIP === "None") continue;
    const slices = slicesOf(service);
    for (const port of ports) addPort(draft, { service, port, targets: targetsOf(slices, port, options.nodeName) });
  }
  return draft;
}

/** Ready endpoints; while there is none, those that end but still serve. */
function targetsOf(slices: readonly EndpointSlice[], port: ServicePort, nodeName: string): Target[] {
  const matching = slices.flatMap((slice) => {
    const found = (slice.ports ?? []).find(
      (one) => (one.name ?? "") === (port.name ?? "") && (one.protocol ?? "TCP") === (port.protocol ?? "TCP"),
    );
    const number = found?.port;
    return number === undefined ? [] : slice.endpoints.map((endpoint) => ({ endpoint, port: number }));
  });
  const usable = (test: (endpoint: Endpoint) => boolean): Target[] =>
    matching
      .filter(({ endpoint }) => test(endpoint))
      .flatMap(({ endpoint, port: number }) =>
        endpoint.addresses
          .slice(0, 1)
          .map((address) => ({ address, port: number, local: endpoint.nodeName === nodeName })),
      );
  const ready = usable(({ conditions }) => conditions.ready !== false);
  const chosen =
    ready.length > 0
      ? ready
      : usable(({ conditions }) => conditions.serving === true && conditions.terminating === true);
  return chosen.toSorted((a, b) => `${a.address}:${a.port}`.localeCompare(`${b.address}:${b.port}`));
}

function addPort(draft: Draft, rules: PortRules): void {
  const { service, port, targets } = rules;
  const { spec } = service;
  const protocol = (port.protocol ?? "TCP").toLowerCase();
  const internalLocal = spec.internalTrafficPolicy === "Local";
  const externalLocal = spec.externalTrafficPolicy === "Local";
  for (const { address, local } of targets) if (local) draft.maps.hairpin.set(`${address} . ${address}`, "");
  const inside = internalLocal ? targets.filter(({ local }) => local) : targets;
  const outside = externalLocal ? targets.filter(({ local }) => local) : targets;
  const outer = [
    ...(spec.externalIPs ?? []),
    ...(service.status.loadBalancer.ingress ?? []).flatMap(({ ip }) => ip ?? []),
  ];
  const exposed = outer.length > 0 || (port.nodePort ?? 0) !== 0;
  const chain = (kind: Choice["kind"], some: readonly Target[]): string | undefined =>
    some.length > 0 ? addChain(draft, rules, { kind, targets: some }) : undefined;
  const internal = chain("internal", inside);
  const external = exposed ? chain("external", outside) : undefined;
  // Without any endpoint the sender is told; with endpoints elsewhere only, the packet is dropped.
  const refusal = targets.length === 0 ? "goto refuse" : "drop";
  const point = (map: "service-ips" | "service-nodeports", key: string, chain: string | undefined): void => {
    if (chain === undefined) draft.maps[map === "service-ips" ? "refused-ips" : "refused-nodeports"].set(key, refusal);
    else draft.maps[map].set(key, `goto ${chain}`);
  };
  for (const address of spec.clusterIPs ?? [spec.clusterIP ?? ""])
    point("service-ips", `${address} . ${protocol} . ${port.port}`, internal);
  for (const address of outer) point("service-ips", `${address} . ${protocol} . ${port.port}`, external);
  if ((port.nodePort ?? 0) !== 0) point("service-nodeports", `${protocol} . ${port.nodePort}`, external);
}

interface Choice {
  readonly kind: "internal" | "external";
  readonly targets: readonly Target[];
}

/** The chain that picks an endpoint. @returns Its name. */
function addChain(draft: Draft, rules: PortRules, choice: Choice): string {
  const { service } = rules;
  const name = chainName(rules, choice.kind);
  const { clusterCidr } = draft.options;
  const local = service.spec.externalTrafficPolicy === "Local";
  // Traffic that did not come from a pod gets this machine's address, so that the reply comes back through it.
  const masquerade =
    choice.kind === "internal" ? [`ip saddr != ${clusterCidr} ${markForMasquerade}`] : local ? [] : [markForMasquerade];
  const protocol = (rules.port.protocol ?? "TCP").toLowerCase();
  const affine = service.spec.sessionAffinity === "ClientIP";
  const pick = affine ? affinityRules(draft, name, rules, choice.targets) : pickRules(protocol, choice.targets);
  draft.chains.set(name, [...masquerade, ...pick]);
  return name;
}

function pickRules(protocol: string, targets: readonly Target[]): string[] {
  const [first, ...others] = targets;
  const head = `meta l4proto ${protocol} dnat ip to`;
  if (first && others.length === 0) return [`${head} ${first.address}:${first.port}`];
  const elements = targets.map(({ address, port }, at) => `${at} : ${address} . ${port}`).join(", ");
  return [`${head} numgen random mod ${targets.length} map { ${elements} }`];
}

/** A chain and a set of clients for each endpoint: who was there within the time goes there again. */
// oxlint-disable-next-line max-params -- the name is derived from the rules beside it
function affinityRules(draft: Draft, name: string, { service, port }: PortRules, targets: readonly Target[]): string[] {
  const seconds = service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySecondsDefault;
  const protocol = (port.protocol ?? "TCP").toLowerCase();
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

function chainName({ service, port }: PortRules, kind: string): string {
  const { namespace, name } = service.metadata;
  return `${kind}-${shortHash(`${namespace}/${name}/${port.protocol}/${port.name ?? ""}/${port.port}`)}`;
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
