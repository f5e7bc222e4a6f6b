/** The clusters and pods that the scheduler is measured with; after upstream's scheduler_perf. */
import { deepFreeze } from "#machinery/freeze.ts";
import { selectorOfMap } from "#machinery/label-selector.ts";
import type { Node } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Related } from "#scheduler/related.ts";
import { node, pod, type PodOptions } from "#testing/scheduling.ts";

const zoneKey = "topology.kubernetes.io/zone";
const zones = ["a", "b", "c"];
const colors = 100;
const small = { cpu: "100m", memory: "200Mi" };

export interface SchedulerShape {
  readonly name: string;
  /** The pods that are there already; by default like those that come. */
  readonly placed?: (at: number) => PodOptions;
  /** The pods that come. */
  readonly pods: (at: number) => PodOptions;
  readonly related?: Partial<Related>;
  /** True when there is no place for the pods, unless others make room. */
  readonly unplaceable?: boolean;
  /** So many pods are on every node, whatever else is asked for. */
  readonly perNode?: number;
}

/** A hundred workloads; pods of one are on nodes of their own as long as there are enough. */
function labelsOf(at: number): { readonly color: string } {
  return { color: `c${Math.floor(at / 49) % colors}` };
}

function spread(topologyKey: string, whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway") {
  return (at: number): PodOptions => {
    const labelSelector = { matchLabels: labelsOf(at) };
    const maxSkew = topologyKey === zoneKey ? 5 : 1;
    const topologySpreadConstraints = [{ topologyKey, maxSkew, whenUnsatisfiable, labelSelector }];
    return { requests: small, labels: labelsOf(at), spec: { topologySpreadConstraints } };
  };
}

function anti(at: number): PodOptions {
  const term = { labelSelector: { matchLabels: labelsOf(at) }, topologyKey: "kubernetes.io/hostname" };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  return { requests: small, labels: labelsOf(at), affinity };
}

function preferring(kind: "podAffinity" | "podAntiAffinity", topologyKey: string) {
  return (at: number): PodOptions => {
    const podAffinityTerm = { labelSelector: { matchLabels: labelsOf(at) }, topologyKey };
    const affinity = { [kind]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, podAffinityTerm }] } };
    return { requests: small, labels: labelsOf(at), affinity };
  };
}

function both(at: number): PodOptions {
  const { affinity } = anti(at);
  return { ...spread(zoneKey, "DoNotSchedule")(at), ...(affinity ? { affinity } : {}) };
}

const plain = (at: number): PodOptions => ({ requests: small, labels: labelsOf(at) });

export const schedulerShapes: readonly SchedulerShape[] = [
  { name: "plain", pods: plain },
  {
    name: "of one owner, spread by default",
    pods: plain,
    related: { siblings: ({ metadata }: Pod) => selectorOfMap(metadata.labels) },
  },
  { name: "zone spread", pods: spread(zoneKey, "DoNotSchedule") },
  { name: "host spread", pods: spread("kubernetes.io/hostname", "DoNotSchedule") },
  { name: "zone spread, preferred", pods: spread(zoneKey, "ScheduleAnyway") },
  { name: "anti-affinity by host", pods: anti },
  { name: "zone spread and anti-affinity", pods: both },
  { name: "plain among anti-affinity", placed: anti, pods: (at) => ({ requests: small, labels: { other: `o${at}` } }) },
  { name: "affinity by zone, preferred", pods: preferring("podAffinity", zoneKey) },
  { name: "anti-affinity by host, preferred", pods: preferring("podAntiAffinity", "kubernetes.io/hostname") },
  {
    name: "making room for itself, nodes full",
    perNode: 32,
    placed: (at) => ({ requests: { cpu: "1" }, priority: at % 3 }),
    pods: () => ({ requests: { cpu: "4" }, priority: 100 }),
    unplaceable: true,
  },
  { name: "no room", placed: plain, pods: () => ({ requests: { cpu: "1000" } }), unplaceable: true },
];

/** Room for 110 pods of the shapes. */
export function shapeNode(at: number): Node {
  const labels = { [zoneKey]: zones[at % zones.length] ?? "" };
  return deepFreeze(node(`node-${at}`, { cpu: "32", memory: "64Gi" }, { labels }));
}

/** As the watch cache hands them out: frozen, each read on its own. */
export function shapePod(name: string, options: PodOptions, nodeName?: string): Pod {
  const one = pod(name, options);
  return deepFreeze(nodeName === undefined ? one : { ...one, spec: { ...one.spec, nodeName } });
}
