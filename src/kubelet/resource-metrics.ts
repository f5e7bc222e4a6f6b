/**
 * `/metrics/resource` and `/metrics/cadvisor`: what containers, pods and the node use, in the Prometheus text format
 * under upstream's names.
 */
import type { ContainerStats, PodSandboxStats } from "#host/cri-stats.ts";
import { label } from "./plan/identity.ts";
import type { Stats } from "./stats.ts";

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly timeMs?: number;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly samples: readonly Sample[];
}

function textOf(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((sample) => lineOf(name, sample))].join("\n"),
    )
    .join("\n")
    .concat("\n");
}

function lineOf(name: string, { labels, value, timeMs }: Sample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}=${JSON.stringify(text)}`);
  const time = timeMs === undefined ? "" : ` ${Math.round(timeMs)}`;
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}${time}`;
}

type Labels = Readonly<Record<string, string>>;

interface Measured {
  readonly labels: Labels;
  readonly stats: ContainerStats;
}

function podLabelsOf({ attributes }: PodSandboxStats): Labels {
  return { namespace: attributes.metadata.namespace, pod: attributes.metadata.name };
}

function containersOf(pods: readonly PodSandboxStats[]): readonly Measured[] {
  return pods.flatMap((pod) =>
    (pod.linux?.containers ?? []).map((stats) => ({
      stats,
      labels: { container: stats.attributes.labels[label.containerName] ?? "", ...podLabelsOf(pod) },
    })),
  );
}

/** Samples of a figure that is known. */
function samples<T>(
  items: readonly T[],
  of: (item: T) => { readonly labels: Labels; readonly value: number | undefined; readonly nanos?: number | undefined },
): readonly Sample[] {
  return items.flatMap((item) => {
    const { labels, value, nanos } = of(item);
    if (value === undefined) return [];
    return [{ labels, value, ...(nanos !== undefined && nanos > 0 && { timeMs: nanos / 1e6 }) }];
  });
}

const seconds = (nanos: number | undefined): number | undefined => (nanos === undefined ? undefined : nanos / 1e9);

/** What is measured of containers and pods alike, in the words of `/metrics/resource`. */
const measures = [
  {
    suffix: "cpu_usage_seconds_total",
    help: "Processor time used, in core-seconds.",
    type: "counter",
    of: ({ cpu }: Use) => ({ value: seconds(cpu?.usageCoreNanoSeconds?.value), nanos: cpu?.timestamp }),
  },
  {
    suffix: "memory_working_set_bytes",
    help: "Memory that the kernel cannot take back easily.",
    type: "gauge",
    of: ({ memory }: Use) => ({ value: memory?.workingSetBytes?.value, nanos: memory?.timestamp }),
  },
] as const;

type Use = Pick<ContainerStats, "cpu" | "memory">;

export async function resourceMetrics(stats: Stats, signal: AbortSignal): Promise<string> {
  const [node, pods] = await Promise.all([stats.node(), stats.pods(signal)]);
  const groups = {
    container: containersOf(pods).map(({ labels, stats: use }) => ({ labels, use })),
    pod: pods.map((pod) => ({ labels: podLabelsOf(pod), use: pod.linux ?? {} })),
  };
  const families = Object.entries(groups).flatMap(([prefix, users]) =>
    measures.map(({ suffix, help, type, of }) => ({
      name: `${prefix}_${suffix}`,
      help,
      type,
      samples: samples(users, ({ labels, use }) => ({ labels, ...of(use) })),
    })),
  );
  const ofNode = (suffix: string, value: number): Family => {
    const measure = measures.find((one) => one.suffix === suffix);
    const type = measure?.type ?? "gauge";
    return {
      name: `node_${suffix}`,
      help: measure?.help ?? "",
      type,
      samples: [{ labels: {}, value, timeMs: node.timeMs }],
    };
  };
  return textOf([
    ...families,
    ofNode("cpu_usage_seconds_total", node.cpuNanoSeconds / 1e9),
    ofNode("memory_working_set_bytes", node.memoryWorkingSetBytes),
    {
      name: "resource_scrape_error",
      help: "1 if the figures could not be had.",
      type: "gauge",
      samples: [{ labels: {}, value: 0 }],
    },
  ]);
}

type Figures = Readonly<Record<string, (stats: ContainerStats) => number | undefined>>;

/** cAdvisor's names, as dashboards know them. */
const cadvisorCounters: Figures = {
  container_cpu_usage_seconds_total: ({ cpu }) => seconds(cpu?.usageCoreNanoSeconds?.value),
};
const cadvisorGauges: Figures = {
  container_memory_working_set_bytes: ({ memory }) => memory?.workingSetBytes?.value,
  container_memory_usage_bytes: ({ memory }) => memory?.usageBytes?.value,
  container_memory_rss: ({ memory }) => memory?.rssBytes?.value,
  container_fs_usage_bytes: ({ writableLayer }) => writableLayer?.usedBytes?.value,
  container_fs_inodes_total: ({ writableLayer }) => writableLayer?.inodesUsed?.value,
};

export async function cadvisorMetrics(
  stats: Stats,
  machine: { readonly cpus: number; readonly memoryBytes: number },
  signal: AbortSignal,
): Promise<string> {
  const pods = await stats.pods(signal);
  const containers = containersOf(pods).map(({ labels, stats: one }) => ({
    stats: one,
    labels: { ...labels, id: `/${one.attributes.id}`, name: one.attributes.id },
  }));
  const family =
    (type: Family["type"]) =>
    ([name, of]: [string, Figures[string]]): Family => ({
      name,
      help: "As cAdvisor has it.",
      type,
      samples: samples(containers, ({ labels, stats: one }) => ({
        labels,
        value: of?.(one),
        nanos: one.cpu?.timestamp,
      })),
    });
  return textOf([
    ...Object.entries(cadvisorCounters).map(family("counter")),
    ...Object.entries(cadvisorGauges).map(family("gauge")),
    ...networkFamilies(pods),
    {
      name: "machine_cpu_cores",
      help: "Processors of the machine.",
      type: "gauge",
      samples: [{ labels: {}, value: machine.cpus }],
    },
    {
      name: "machine_memory_bytes",
      help: "Memory of the machine.",
      type: "gauge",
      samples: [{ labels: {}, value: machine.memoryBytes }],
    },
  ]);
}

const networkCounters = {
  container_network_receive_bytes_total: "rxBytes",
  container_network_receive_errors_total: "rxErrors",
  container_network_transmit_bytes_total: "txBytes",
  container_network_transmit_errors_total: "txErrors",
} as const;

function networkFamilies(pods: readonly PodSandboxStats[]): readonly Family[] {
  return Object.entries(networkCounters).map(([name, field]) => ({
    name,
    help: "As cAdvisor has it.",
    type: "counter",
    samples: pods.flatMap((pod) =>
      (pod.linux?.network?.interfaces ?? []).flatMap((one) => {
        const value = one[field]?.value;
        return value === undefined ? [] : [{ labels: { interface: one.name, ...podLabelsOf(pod) }, value }];
      }),
    ),
  }));
}
