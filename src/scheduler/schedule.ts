/** One scheduling cycle: the cluster and a pod give a node, or why there is none. Pure but for the dice it is given. */
import { must } from "#base/assert.ts";
import type { Random } from "#base/random.ts";
import { prepare, rejectionOn, type NamedCheck } from "./feasibility.ts";
import type { NodeInfo } from "./node-info.ts";
import { unresolvable, type Cluster, type PluginName, type Rejection } from "./plugin.ts";
import { scorers } from "./plugins.ts";
import type { PodFacts } from "./pod-facts.ts";

/** Why each node was turned down. */
export interface Diagnosis {
  readonly nodeCount: number;
  /** By node; empty when the pod was refused as such. */
  readonly rejections: ReadonlyMap<NodeInfo, Rejection>;
  /** What holds of nodes that have no rejection of their own. */
  readonly others: Rejection;
  /** Why the pod was refused without a look at any node. */
  readonly refusal: string | undefined;
  readonly plugins: readonly PluginName[];
  /** For trying out other pods on the nodes. */
  readonly checks: readonly NamedCheck[];
}

export type Outcome =
  | { readonly kind: "placed"; readonly node: NodeInfo; readonly nextStart: number }
  | { readonly kind: "unplaceable"; readonly diagnosis: Diagnosis };

export interface CycleOptions {
  /** Where in the list of nodes to begin; the next cycle goes on where this one ended. */
  readonly start: number;
  readonly random: Pick<Random, "fraction">;
}

export function schedule(pod: PodFacts, cluster: Cluster, { start, random }: CycleOptions): Outcome {
  const { list } = cluster.snapshot;
  const none = { nodeCount: list.length, rejections: new Map<NodeInfo, Rejection>(), refusal: undefined };
  const prepared = prepare(pod, cluster);
  if (prepared.kind === "refused") {
    const { plugin, rejection } = prepared;
    const refusal = rejection.reasons.join(", ");
    return {
      kind: "unplaceable",
      diagnosis: { ...none, others: rejection, refusal, plugins: [plugin], checks: [] },
    };
  }
  const { checks, only } = prepared;
  const search = { pod, cluster, checks };
  const wanted = cluster.snapshot.nodes.get(pod.pod.status.nominatedNodeName ?? "");
  if (wanted && (!only || only.names.has(wanted.name)) && !rejectionOn(wanted, pod, search))
    return { kind: "placed", node: wanted, nextStart: start };
  const named = only ? [...only.names].flatMap((name) => cluster.snapshot.nodes.get(name) ?? []) : list;
  const found = findFeasible(search, named, only ? 0 : start);
  if (found.feasible.length > 0) {
    const nextStart = only ? start : (start + found.looked) % list.length;
    return { kind: "placed", node: best(found.feasible, search, random), nextStart };
  }
  const others = unresolvable(`node(s) didn't satisfy plugin(s) [${(only?.plugins ?? []).join(" ")}]`);
  const plugins = [...new Set([...found.plugins, ...(only?.plugins ?? [])])];
  const rejections = byNode(found);
  return { kind: "unplaceable", diagnosis: { ...none, rejections, others, plugins, checks } };
}

interface Search {
  readonly pod: PodFacts;
  readonly cluster: Cluster;
  readonly checks: readonly NamedCheck[];
}

interface Found {
  readonly feasible: readonly NodeInfo[];
  /** The nodes that were turned down, and why each was. */
  readonly rejected: readonly NodeInfo[];
  readonly rejections: readonly Rejection[];
  readonly plugins: ReadonlySet<PluginName>;
  readonly looked: number;
}

function findFeasible(search: Search, nodes: readonly NodeInfo[], start: number): Found {
  const enough = feasibleEnough(nodes.length);
  const feasible: NodeInfo[] = [];
  const rejected: NodeInfo[] = [];
  const rejections: Rejection[] = [];
  const plugins = new Set<PluginName>();
  let looked = 0;
  while (looked < nodes.length && feasible.length < enough) {
    const node = nodes[(start + looked) % nodes.length];
    looked += 1;
    if (!node) continue;
    const no = rejectionOn(node, search.pod, search);
    if (no) {
      rejected.push(node);
      rejections.push(no.rejection);
      plugins.add(no.plugin);
    } else feasible.push(node);
  }
  return { feasible, rejected, rejections, plugins, looked };
}

/** Made only for a pod that has no place: it is large. */
function byNode({ rejected, rejections }: Found): ReadonlyMap<NodeInfo, Rejection> {
  const found = new Map<NodeInfo, Rejection>();
  for (const [at, node] of rejected.entries()) {
    const rejection = rejections[at];
    if (rejection) found.set(node, rejection);
  }
  return found;
}

const sampledFrom = 100;

/** In a large cluster, some feasible nodes are enough to choose from: between half and a twentieth of all. */
export function feasibleEnough(nodeCount: number): number {
  if (nodeCount < sampledFrom) return nodeCount;
  const percent = Math.max(5, 50 - Math.trunc(nodeCount / 125));
  return Math.max(sampledFrom, Math.trunc((nodeCount * percent) / 100));
}

/** The node with the highest score; one of them when there are several. */
function best(nodes: readonly NodeInfo[], { pod, cluster }: Search, random: Pick<Random, "fraction">): NodeInfo {
  const totals = nodes.length > 1 ? totalScores(nodes, pod, cluster) : new Float64Array(1);
  let highest = -1;
  let among = 0;
  let chosen = 0;
  for (let at = 0; at < nodes.length; at += 1) {
    const total = totals[at] ?? 0;
    if (total < highest) continue;
    among = total > highest ? 1 : among + 1;
    highest = total;
    if (among === 1 || random.fraction() * among < 1) chosen = at;
  }
  return must(nodes[chosen], "a node is chosen from one or more");
}

/** Of each node, in the order of the nodes. */
export function totalScores(nodes: readonly NodeInfo[], pod: PodFacts, cluster: Cluster): Float64Array {
  const totals = new Float64Array(nodes.length);
  for (const { weight, score } of scorers) {
    const points = score(pod, cluster, nodes);
    if (!points) continue;
    for (let at = 0; at < nodes.length; at += 1) totals[at] = (totals[at] ?? 0) + weight * (points[at] ?? 0);
  }
  return totals;
}

/** Upstream's sentence on why no node is available, with what may come after it on preemption. */
export function sentenceOf(diagnosis: Diagnosis, after = ""): string {
  const why = diagnosis.refusal ?? countedReasons(diagnosis);
  return `0/${diagnosis.nodeCount} nodes are available:${why === "" ? "" : ` ${why}.`}${after === "" ? "" : ` ${after}`}`;
}

function countedReasons({ nodeCount, rejections, others }: Diagnosis): string {
  const counts = new Map<string, number>();
  const count = (reason: string, by: number): unknown => counts.set(reason, (counts.get(reason) ?? 0) + by);
  // Thousands of nodes share a few rejections.
  const nodesOf = new Map<Rejection, number>();
  for (const rejection of rejections.values()) nodesOf.set(rejection, (nodesOf.get(rejection) ?? 0) + 1);
  for (const [{ reasons }, by] of nodesOf) for (const reason of reasons) count(reason, by);
  const rest = nodeCount - rejections.size;
  if (rest > 0) for (const reason of others.reasons) count(reason, rest);
  // By text, not by number: so does upstream.
  return [...counts]
    .map(([reason, number]) => `${number} ${reason}`)
    .sort()
    .join(", ");
}
