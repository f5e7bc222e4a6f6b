/** Whether the node is well: its runtime, its network, and what it has left of memory, disk and process numbers. */
import { messageOf } from "#base/assert.ts";
import { rfc3339 } from "#base/clock.ts";
import type { ContainerRuntime } from "#host/cri.ts";
import type { Files } from "#host/files.ts";
import type { NodeCondition } from "#resources/core/node.ts";
import { evictionThresholds, memoryFigure } from "./node-facts.ts";

export interface Pressures {
  readonly memory: boolean;
  readonly disk: boolean;
  readonly pid: boolean;
}

export interface NodeHealth {
  readonly pressures: Pressures;
  /** Why the node is not ready; undefined when it is. */
  readonly unready: string | undefined;
}

const pidsFreePercentMin = 5;

interface HealthParts {
  readonly runtime: ContainerRuntime;
  readonly files: Files;
  readonly rootFolder: string;
}

export async function nodeHealth(parts: HealthParts, signal: AbortSignal): Promise<NodeHealth> {
  return { pressures: await pressuresOf(parts), unready: await runtimeProblem(parts.runtime, signal) };
}

export async function pressuresOf({ files, rootFolder }: Omit<HealthParts, "runtime">): Promise<Pressures> {
  const read = async (path: string): Promise<string> => new TextDecoder().decode(await files.read(path));
  const memory = memoryFigure(await read("/proc/meminfo"), "MemAvailable") < evictionThresholds.memoryAvailableBytes;
  const space = await files.space(rootFolder);
  const { nodeFsAvailablePercent, nodeFsInodesFreePercent } = evictionThresholds;
  const disk =
    space.availableBytes * 100 < space.capacityBytes * nodeFsAvailablePercent ||
    // Some file systems make inodes as they need them, and count none.
    (space.inodes > 0 && space.inodesFree * 100 < space.inodes * nodeFsInodesFreePercent);
  const threads = Number(/\/(\d+) /.exec(await read("/proc/loadavg"))?.[1] ?? 0);
  const pidsMax = Number(await read("/proc/sys/kernel/pid_max"));
  const pid = pidsMax > 0 && threads * 100 > pidsMax * (100 - pidsFreePercentMin);
  return { memory, disk, pid };
}

async function runtimeProblem(runtime: ContainerRuntime, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { conditions } = await runtime.status(signal);
    const bad = conditions.find(
      (condition) => ["RuntimeReady", "NetworkReady"].includes(condition.type) && !condition.status,
    );
    if (!bad) return undefined;
    const what = bad.type === "NetworkReady" ? "container runtime network not ready" : "container runtime not ready";
    return `${what}: ${bad.type}=false reason:${bad.reason} message:${bad.message}`;
  } catch (error) {
    signal.throwIfAborted();
    return `container runtime is down: ${messageOf(error)}`;
  }
}

interface Verdict {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

function pressureVerdicts({ memory, disk, pid }: Pressures): readonly Verdict[] {
  const row = (type: string, under: boolean, texts: readonly [bad: string, good: string, fine: string]): Verdict => ({
    type,
    status: under ? "True" : "False",
    reason: under ? texts[0] : texts[1],
    message: under ? texts[2].replace("has sufficient", "has insufficient").replace("has no", "has") : texts[2],
  });
  return [
    row("MemoryPressure", memory, [
      "KubeletHasInsufficientMemory",
      "KubeletHasSufficientMemory",
      "kubelet has sufficient memory available",
    ]),
    row("DiskPressure", disk, ["KubeletHasDiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"]),
    row("PIDPressure", pid, [
      "KubeletHasInsufficientPID",
      "KubeletHasSufficientPID",
      "kubelet has sufficient PID available",
    ]),
  ];
}

/** The node's conditions, each with the time of its last change. */
export function nodeConditions(
  health: NodeHealth,
  before: readonly NodeCondition[],
  nowMs: number,
): readonly NodeCondition[] {
  const ready: Verdict = {
    type: "Ready",
    status: health.unready === undefined ? "True" : "False",
    reason: health.unready === undefined ? "KubeletReady" : "KubeletNotReady",
    message: health.unready ?? "kubelet is posting ready status",
  };
  const now = rfc3339(nowMs);
  return [...pressureVerdicts(health.pressures), ready].map((verdict) => {
    const last = before.find(({ type }) => type === verdict.type);
    const lastTransitionTime = last?.status === verdict.status ? (last.lastTransitionTime ?? now) : now;
    return { ...verdict, lastHeartbeatTime: now, lastTransitionTime };
  });
}
