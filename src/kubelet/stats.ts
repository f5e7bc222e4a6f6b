/**
 * What the node and its pods use: `/stats/summary`, as the metrics API and `kubectl top` read it.
 *
 * @see https://kubernetes.io/docs/reference/instrumentation/node-metrics/
 */
import { rfc3339, type Clock } from "#base/clock.ts";
import { RuntimeError, type ContainerRuntime } from "#host/cri.ts";
import type { ContainerStats, CpuUsage, FilesystemUsage, MemoryUsage, PodSandboxStats } from "#host/cri-stats.ts";
import type { Files } from "#host/files.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { memoryFigure } from "./node-facts.ts";
import { label } from "./plan/identity.ts";

export interface StatsParts {
  readonly runtime: ContainerRuntime;
  readonly files: Files;
  readonly clock: Clock;
  readonly nodeName: string;
  readonly rootFolder: string;
  /** When a container, or a sandbox, was started; undefined when it is not running. */
  readonly startedAtMs: (id: string) => number | undefined;
}

export interface NodeUsage {
  readonly timeMs: number;
  readonly cpuNanoSeconds: number;
  readonly cpuNanoCores: number | undefined;
  readonly memoryAvailableBytes: number;
  readonly memoryUsageBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly bootMs: number;
}

// The kernel counts processor time in hundredths of a second, whatever its own clock does.
const nanosPerTick = 10_000_000;

export class Stats {
  private readonly parts: StatsParts;
  /** The time on the clock that only goes forward. */
  private last: { readonly timeMs: number; readonly cpuNanoSeconds: number } | undefined;

  constructor(parts: StatsParts) {
    this.parts = parts;
  }

  /** Of what runs: the runtime also lists what has ended. */
  async pods(signal: AbortSignal): Promise<readonly PodSandboxStats[]> {
    const all = await this.allPods(signal);
    const runs = (one: { readonly attributes: { readonly id: string } }): boolean =>
      this.parts.startedAtMs(one.attributes.id) !== undefined;
    return all
      .filter(runs)
      .map((pod) =>
        pod.linux ? { ...pod, linux: { ...pod.linux, containers: pod.linux.containers.filter(runs) } } : pod,
      );
  }

  private async allPods(signal: AbortSignal): Promise<readonly PodSandboxStats[]> {
    const { runtime } = this.parts;
    try {
      return await runtime.listPodSandboxStats({}, signal);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      // One sandbox that cannot be measured spoils the list: each is asked for by itself then.
      const sandboxes = await runtime.listPodSandboxes({ state: { state: "SANDBOX_READY" } }, signal);
      const answers = await Promise.allSettled(sandboxes.map(({ id }) => runtime.podSandboxStats(id, signal)));
      return answers.flatMap((answer) => (answer.status === "fulfilled" && answer.value ? [answer.value] : []));
    }
  }

  async node(): Promise<NodeUsage> {
    const { files, clock } = this.parts;
    const read = async (path: string): Promise<string> => new TextDecoder().decode(await files.read(path));
    const [stat, memInfo] = await Promise.all([read("/proc/stat"), read("/proc/meminfo")]);
    const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (stat.split("\n")[0] ?? "")
      .split(/\s+/)
      .map(Number);
    const cpuNanoSeconds = (user + nice + system + irq + softirq + steal) * nanosPerTick;
    const timeMs = clock.nowMs();
    const { last } = this;
    const passedMs = last ? clock.monotonicMs() - last.timeMs : 0;
    this.last = { timeMs: clock.monotonicMs(), cpuNanoSeconds };
    const total = memoryFigure(memInfo, "MemTotal");
    const usage = total - memoryFigure(memInfo, "MemFree");
    const workingSet = Math.max(usage - memoryFigure(memInfo, "Inactive(file)"), 0);
    return {
      timeMs,
      cpuNanoSeconds,
      cpuNanoCores:
        last && passedMs > 0 ? Math.round(((cpuNanoSeconds - last.cpuNanoSeconds) * 1000) / passedMs) : undefined,
      memoryAvailableBytes: total - workingSet,
      memoryUsageBytes: usage,
      memoryWorkingSetBytes: workingSet,
      bootMs: Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000,
    };
  }

  async summary(signal: AbortSignal): Promise<JsonObject> {
    const { files, clock, nodeName, rootFolder, runtime, startedAtMs } = this.parts;
    const [node, pods, space, imageFs] = await Promise.all([
      this.node(),
      this.pods(signal),
      files.space(rootFolder),
      runtime.imageFsInfo(signal),
    ]);
    const time = rfc3339(node.timeMs);
    const fs = {
      time,
      availableBytes: space.availableBytes,
      capacityBytes: space.capacityBytes,
      usedBytes: space.capacityBytes - space.availableBytes,
      inodesFree: space.inodesFree,
      inodes: space.inodes,
      inodesUsed: space.inodes - space.inodesFree,
    };
    const imageUsed = imageFs.imageFilesystems[0]?.usedBytes?.value;
    return {
      node: {
        nodeName,
        startTime: rfc3339(node.bootMs),
        cpu: {
          time,
          ...(node.cpuNanoCores !== undefined && { usageNanoCores: node.cpuNanoCores }),
          usageCoreNanoSeconds: node.cpuNanoSeconds,
        },
        memory: {
          time,
          availableBytes: node.memoryAvailableBytes,
          usageBytes: node.memoryUsageBytes,
          workingSetBytes: node.memoryWorkingSetBytes,
        },
        fs,
        runtime: { imageFs: { ...fs, ...(imageUsed !== undefined && { usedBytes: imageUsed }) } },
      },
      pods: pods.map((pod) => podSummary(pod, { nowMs: clock.nowMs(), startedAtMs })),
    };
  }
}

const timeText = (nanoseconds: number, nowMs: number): string => rfc3339(nanoseconds > 0 ? nanoseconds / 1e6 : nowMs);

function cpuSummary(cpu: CpuUsage | undefined, nowMs: number): JsonObject {
  if (!cpu) return {};
  const { usageNanoCores, usageCoreNanoSeconds } = cpu;
  return {
    cpu: {
      time: timeText(cpu.timestamp, nowMs),
      ...(usageNanoCores && { usageNanoCores: usageNanoCores.value }),
      ...(usageCoreNanoSeconds && { usageCoreNanoSeconds: usageCoreNanoSeconds.value }),
    },
  };
}

function memorySummary(memory: MemoryUsage | undefined, nowMs: number): JsonObject {
  if (!memory) return {};
  const figures = {
    availableBytes: memory.availableBytes,
    usageBytes: memory.usageBytes,
    workingSetBytes: memory.workingSetBytes,
    rssBytes: memory.rssBytes,
    pageFaults: memory.pageFaults,
    majorPageFaults: memory.majorPageFaults,
  };
  const known = Object.entries(figures).flatMap(([name, figure]) => (figure ? [[name, figure.value] as const] : []));
  return { memory: { time: timeText(memory.timestamp, nowMs), ...Object.fromEntries(known) } };
}

function fsSummary(name: string, fs: FilesystemUsage | undefined, nowMs: number): JsonObject {
  if (!fs) return {};
  return {
    [name]: {
      time: timeText(fs.timestamp, nowMs),
      ...(fs.usedBytes && { usedBytes: fs.usedBytes.value }),
      ...(fs.inodesUsed && { inodesUsed: fs.inodesUsed.value }),
    },
  };
}

interface Times {
  readonly nowMs: number;
  readonly startedAtMs: StatsParts["startedAtMs"];
}

function containerSummary(container: ContainerStats, { nowMs, startedAtMs }: Times): JsonObject {
  const { attributes, cpu, memory, writableLayer } = container;
  return {
    name: attributes.labels[label.containerName] ?? attributes.metadata.name,
    startTime: rfc3339(startedAtMs(attributes.id) ?? nowMs),
    ...cpuSummary(cpu, nowMs),
    ...memorySummary(memory, nowMs),
    ...fsSummary("rootfs", writableLayer, nowMs),
  };
}

function podSummary({ attributes, linux }: PodSandboxStats, times: Times): JsonObject {
  const { name, namespace, uid } = attributes.metadata;
  const { nowMs, startedAtMs } = times;
  const containers = linux?.containers ?? [];
  const network = linux?.network?.defaultInterface;
  const counters = {
    rxBytes: network?.rxBytes,
    rxErrors: network?.rxErrors,
    txBytes: network?.txBytes,
    txErrors: network?.txErrors,
  };
  const known = Object.entries(counters).flatMap(([key, figure]) => (figure ? [[key, figure.value] as const] : []));
  const processes = linux?.process?.processCount?.value;
  // The runtime knows the present use of containers only; the pause program uses nothing.
  const value = containers.reduce((sum, { cpu }) => sum + (cpu?.usageNanoCores?.value ?? 0), 0);
  const cpu = linux?.cpu && { ...linux.cpu, usageNanoCores: linux.cpu.usageNanoCores ?? { value } };
  return {
    podRef: { name, namespace, uid },
    startTime: rfc3339(startedAtMs(attributes.id) ?? nowMs),
    containers: containers.map((container) => containerSummary(container, times)),
    ...cpuSummary(cpu, nowMs),
    ...memorySummary(linux?.memory, nowMs),
    ...(network && {
      network: {
        time: timeText(linux?.network?.timestamp ?? 0, nowMs),
        name: network.name,
        ...Object.fromEntries(known),
      },
    }),
    ...(processes !== undefined && { process_stats: { process_count: processes } }),
  };
}
