/**
 * Routes to the pods of other nodes, straight over the nodes' addresses. This needs nodes that share a network segment;
 * where they do not, a sentence says which node cannot be reached, and everything else goes on. The kernel's routes are
 * looked at again and again: they go when a link does.
 *
 * A Node object is written by its node. What it claims is believed only within the pod network, and only where nobody
 * else was first: no node leads another's traffic, or this machine's own, to itself.
 *
 * @see https://kubernetes.io/docs/concepts/cluster-administration/networking/
 */
import { messageOf } from "#base/assert.ts";
import { cidrContains, formatCidr, parseCidr, parseIpv4, type Cidr } from "#base/cidr.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { Reconciled } from "#base/reconciled.ts";
import type { Informer, InformerFactory } from "#client/informer.ts";
import { DisjointRanges } from "./disjoint-ranges.ts";
import { nodeView, type NodeSeen } from "./node-view.ts";

/** The machine's routes, as far as they were made by this table. */
export interface RouteTable {
  /** As the kernel has them now. */
  list(signal: AbortSignal): Promise<readonly PodRoute[]>;
  /** Adds a route to a range that has none. @throws Error when the kernel refuses it, e.g. when others have one */
  add(route: PodRoute, signal: AbortSignal): Promise<void>;
  remove(route: PodRoute, signal: AbortSignal): Promise<void>;
}

export interface PodRoute {
  readonly podCidr: string;
  /** Address of the node that has these pods. */
  readonly via: string;
}

export interface NodeRoutesOptions {
  readonly informers: InformerFactory;
  readonly table: RouteTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
}

const gatherMs = 50;

export function nodeRoutes(options: NodeRoutesOptions): Component {
  const { informers, table, clock } = options;
  const log = options.log.for("node-routes");
  return {
    name: "node-routes",
    run: async (signal) => {
      const informer = informers.informer(nodeView);
      await informer.whenSynced(signal);
      const complaints = new Complaints(log);
      const routes = new Reconciled<Informer<NodeSeen>, readonly PodRoute[], RouteChange>(
        {
          name: "routes to nodes",
          observe: (turn) => table.list(turn),
          compare: (all, present) => {
            const { wanted, refused } = routesOf(all.list(), options);
            complaints.tell(refused);
            return planRoutes(wanted, ownRoutes(present, options.clusterCidr));
          },
          act: async ({ missing, stale }, turn) => {
            for (const route of stale) await table.remove(route, turn);
            for (const route of missing) await addRoute(table, route, { complaints, signal: turn });
          },
        },
        { clock, log, gatherMs },
      );
      informer.onChange(() => routes.look(), signal);
      routes.want(informer);
      await routes.run(signal);
    },
  };
}

async function addRoute(
  table: RouteTable,
  route: PodRoute,
  { complaints, signal }: { readonly complaints: Complaints; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await table.add(route, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    // One node out of reach keeps no other from its route; the next look tries again.
    const why = `nodes must share a network segment: ${messageOf(error)}`;
    complaints.tell([{ node: `${route.podCidr} via ${route.via}`, why }]);
  }
}

/** Says each complaint once, however often it comes. */
class Complaints {
  private readonly log: Log;
  // Beyond these, the oldest may be said again.
  private static readonly saidMax = 1_000;
  private readonly said = new Set<string>();

  constructor(log: Log) {
    this.log = log;
  }

  tell(refused: readonly RefusedRoute[]): void {
    for (const { node, why } of refused) {
      const text = `${node}: ${why}`;
      if (this.said.has(text)) continue;
      this.said.add(text);
      for (const oldest of this.said) {
        if (this.said.size <= Complaints.saidMax) break;
        this.said.delete(oldest);
      }
      this.log.warn("pods of a node cannot be reached", { node, why });
    }
  }
}

export interface RefusedRoute {
  readonly node: string;
  readonly why: string;
}

interface Claim {
  readonly node: NodeSeen;
  readonly name: string;
  readonly range: Cidr;
  readonly via: string;
}

/** Pure: a route for every other node that has pods and an address, and why others have none. */
export function routesOf(
  all: readonly NodeSeen[],
  { nodeName, clusterCidr, serviceCidr }: Pick<NodeRoutesOptions, "nodeName" | "clusterCidr" | "serviceCidr">,
): { readonly wanted: readonly PodRoute[]; readonly refused: readonly RefusedRoute[] } {
  const networks = { cluster: parseCidr(clusterCidr), service: parseCidr(serviceCidr) };
  const refused: RefusedRoute[] = [];
  const taken = new DisjointRanges();
  const wanted: PodRoute[] = [];
  // This node's own range and address come first, then those of older nodes.
  const own = all.find(({ metadata }) => metadata.name === nodeName);
  const ownRange = own?.spec.podCIDR === undefined ? undefined : parseCidr(own.spec.podCIDR);
  if (ownRange) taken.add(ownRange);
  const addresses = new Set(own ? addressOf(own) : []);
  const others = all.filter((node) => node !== own).toSorted(byAge);
  for (const claim of others.flatMap(claimOf)) {
    const { name: node, range, via } = claim;
    const why = refusalOf(claim, { ...networks, taken, addresses });
    if (why === undefined) {
      taken.add(range);
      addresses.add(via);
      wanted.push({ podCidr: formatCidr(range), via });
    } else refused.push({ node, why });
  }
  return { wanted, refused };
}

interface Claimed {
  readonly cluster: Cidr | undefined;
  readonly service: Cidr | undefined;
  readonly taken: DisjointRanges;
  readonly addresses: ReadonlySet<string>;
}

function refusalOf({ range, via }: Claim, { cluster, service, taken, addresses }: Claimed): string | undefined {
  const said = formatCidr(range);
  const address = parseIpv4(via);
  if (!cluster || !cidrContains(cluster, range.base) || range.prefixLength <= cluster.prefixLength)
    return `expected a range of pods within ${cluster ? formatCidr(cluster) : "the pod network"}, found ${said}`;
  if (taken.meets(range)) return `the range ${said} belongs to another node`;
  if (address === undefined || isNobodys(address)) return `expected an address of a node, found ${via}`;
  if (cidrContains(cluster, address) || (service && cidrContains(service, address)))
    return `expected an address outside the cluster's networks, found ${via}`;
  return addresses.has(via) ? `the address ${via} belongs to another node` : undefined;
}

const unusable = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"].flatMap((text) => parseCidr(text) ?? []);

function isNobodys(address: number): boolean {
  return unusable.some((range) => cidrContains(range, address));
}

function addressOf({ status }: NodeSeen): string[] {
  const found = status.addresses?.find(({ type }) => type === "InternalIP")?.address;
  return found === undefined ? [] : [found];
}

function claimOf(node: NodeSeen): Claim[] {
  const range = node.spec.podCIDR === undefined ? undefined : parseCidr(node.spec.podCIDR);
  return addressOf(node).flatMap((via) => (range ? [{ node, name: node.metadata.name ?? "", range, via }] : []));
}

function byAge(a: NodeSeen, b: NodeSeen): number {
  const key = ({ metadata }: NodeSeen): string => `${metadata.creationTimestamp ?? ""} ${metadata.name ?? ""}`;
  return key(a) < key(b) ? -1 : 1;
}

/** Another kedge of this machine makes such routes, too: those of its pods are its own. */
export function ownRoutes(present: readonly PodRoute[], clusterCidr: string): readonly PodRoute[] {
  const cluster = parseCidr(clusterCidr);
  return present.filter(({ podCidr }) => {
    const range = parseCidr(podCidr);
    return cluster !== undefined && range !== undefined && cidrContains(cluster, range.base);
  });
}

interface RouteChange {
  readonly missing: readonly PodRoute[];
  readonly stale: readonly PodRoute[];
}

/** Pure: what is to be added and removed; undefined when nothing is. */
export function planRoutes(wanted: readonly PodRoute[], present: readonly PodRoute[]): RouteChange | undefined {
  const key = ({ podCidr, via }: PodRoute): string => `${podCidr} via ${via}`;
  const [want, have] = [new Set(wanted.map(key)), new Set(present.map(key))];
  const missing = wanted.filter((route) => !have.has(key(route)));
  const stale = present.filter((route) => !want.has(key(route)));
  return missing.length + stale.length === 0 ? undefined : { missing, stale };
}
