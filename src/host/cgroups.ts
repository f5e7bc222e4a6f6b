/**
 * Control groups of pods, in both versions of the kernel's interface: which one this machine has, making and removing
 * groups, their limits and what they use. A group is named by its path below the hierarchy, such as
 * `/kubepods/burstable/pod1234`.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
import { readFileSync } from "node:fs";
import { mkdir, readFile, readdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "#base/assert.ts";

/** `v1` covers hybrid machines too, where the second version is mounted but holds no controllers of use. */
export type CgroupHost =
  | { readonly version: "v2"; readonly root: string }
  | {
      readonly version: "v1";
      /** Mount point by controller; `unified` is the second version's, where a runtime makes the same groups. */
      readonly roots: ReadonlyMap<string, string>;
    };

/** What a pod needs of the kernel. */
const controllersNeeded = ["cpu", "memory", "pids"];
const controllersUsed = [...controllersNeeded, "cpuset", "io", "hugetlb"];
const controllersV1 = [
  "cpu",
  "cpuacct",
  "cpuset",
  "memory",
  "pids",
  "devices",
  "freezer",
  "blkio",
  "hugetlb",
  "systemd",
];
const cpuPeriodMicros = 100_000;
/** What was killed leaves its group when the kernel has buried it: usually at once, under load within this. */
const dyingMs = [5, 10, 20, 50, 100, 200, 400, 800];

/** @throws Error with one sentence when containers cannot be limited here. */
export function detectCgroups(mountInfo = readFileSync("/proc/self/mountinfo", "utf8")): CgroupHost {
  const roots = new Map<string, string>();
  let unified: string | undefined;
  for (const line of mountInfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const mountPoint = before.split(" ")[4] ?? "";
    const [type, , options = ""] = after.split(" ");
    if (type === "cgroup2") unified = mountPoint;
    if (type !== "cgroup") continue;
    for (const option of options.split(","))
      if (controllersV1.includes(option.replace(/^name=/, ""))) roots.set(option.replace(/^name=/, ""), mountPoint);
  }
  const missingV1 = controllersNeeded.filter((controller) => !roots.has(controller));
  if (missingV1.length === 0) {
    if (unified !== undefined) roots.set("unified", unified);
    return { version: "v1", roots };
  }
  if (unified === undefined)
    throw new Error(
      `expected control groups with ${controllersNeeded.join(", ")}, found ${roots.size === 0 ? "none mounted" : `no ${missingV1.join(", ")}`}: mount cgroup2 at /sys/fs/cgroup`,
    );
  const controllers = readFileSync(join(unified, "cgroup.controllers"), "utf8").trim().split(" ");
  const missing = controllersNeeded.filter((controller) => !controllers.includes(controller));
  if (missing.length > 0)
    throw new Error(
      `expected the cgroup controllers ${controllersNeeded.join(", ")} in ${unified}, found no ${missing.join(", ")}: enable them on the kernel's command line (cgroup_enable=${missing.join(",")})`,
    );
  return { version: "v2", root: unified };
}

/** Limits of a group. Absent: none, or left as it is. */
export interface CgroupLimits {
  /** As in cgroup v1: 1024 for a whole core. */
  readonly cpuShares?: number;
  /** Thousandths of a core. */
  readonly cpuLimitMillis?: number;
  readonly memoryBytesMax?: number;
  readonly pidsMax?: number;
}

export interface CgroupUsage {
  readonly cpuNanoSeconds: number;
  readonly memoryBytes: number;
  /** What the kernel cannot take back easily: usage without inactive file pages. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly processes: number;
}

/** Groups of one machine. */
export class Cgroups {
  readonly host: CgroupHost;

  constructor(host: CgroupHost) {
    this.host = host;
  }

  /** Makes the group, and those above it, where they do not exist, and sets limits. */
  async ensure(path: string, limits: CgroupLimits = {}): Promise<void> {
    if (this.host.version === "v2") await this.enableControllers(this.host.root, path);
    for (const folder of this.foldersOf(path)) await mkdir(folder, { recursive: true });
    if (this.host.version === "v1") await inheritCpuset(this.host.roots.get("cpuset"), path);
    await this.limit(path, limits);
  }

  async limit(path: string, limits: CgroupLimits): Promise<void> {
    const { cpuShares, cpuLimitMillis, memoryBytesMax, pidsMax } = limits;
    const v2 = this.host.version === "v2";
    const quota = cpuLimitMillis === undefined ? undefined : Math.max((cpuLimitMillis * cpuPeriodMicros) / 1000, 1000);
    if (cpuShares !== undefined)
      await (v2
        ? this.write(path, ["cpu", "cpu.weight"], weightOfShares(cpuShares))
        : this.write(path, ["cpu", "cpu.shares"], Math.max(cpuShares, 2)));
    if (quota !== undefined && v2) await this.write(path, ["cpu", "cpu.max"], `${quota} ${cpuPeriodMicros}`);
    if (quota !== undefined && !v2) {
      await this.write(path, ["cpu", "cpu.cfs_period_us"], cpuPeriodMicros);
      await this.write(path, ["cpu", "cpu.cfs_quota_us"], quota);
    }
    if (memoryBytesMax !== undefined)
      await this.write(path, ["memory", v2 ? "memory.max" : "memory.limit_in_bytes"], memoryBytesMax);
    if (pidsMax !== undefined) await this.write(path, ["pids", "pids.max"], pidsMax);
  }

  async exists(path: string): Promise<boolean> {
    return (await readdir(this.folder(path, "memory")).catch(() => undefined)) !== undefined;
  }

  /** Names of the groups directly below; empty when the group does not exist. */
  async children(path: string): Promise<readonly string[]> {
    const entries = await readdir(this.folder(path, "memory"), { withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  /** Processes in the group and below it. */
  async processes(path: string): Promise<readonly number[]> {
    const own = await readFile(join(this.folder(path, "memory"), "cgroup.procs"), "utf8").catch(() => "");
    const below = await Promise.all((await this.children(path)).map((name) => this.processes(join(path, name))));
    return [...processIdsOf(own), ...below.flat()];
  }

  /**
   * Removes the group and those below it. Whatever still runs there is killed: a container whose start was broken off
   * leaves a process that the runtime has forgotten.
   *
   * @throws Error when a process does not end.
   */
  async remove(path: string, signal?: AbortSignal): Promise<void> {
    for (const waitMs of dyingMs) {
      for (const pid of await this.processes(path)) killIfThere(pid);
      try {
        await this.removeAll(path);
        return;
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
      await sleep(waitMs, undefined, { ...(signal && { signal }) });
    }
    await this.removeAll(path);
  }

  private async removeAll(path: string): Promise<void> {
    for (const folder of this.foldersOf(path)) await removeTree(folder);
  }

  /** Undefined when the group does not exist. */
  async usage(path: string): Promise<CgroupUsage | undefined> {
    try {
      return this.host.version === "v2" ? await usageV2(this.folder(path, "memory")) : await this.usageV1(path);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  private async usageV1(path: string): Promise<CgroupUsage> {
    const memory = this.folder(path, "memory");
    const stat = numbersOf(await readFile(join(memory, "memory.stat"), "utf8"));
    const memoryBytes = Number(await readFile(join(memory, "memory.usage_in_bytes"), "utf8"));
    return {
      cpuNanoSeconds: Number(await readFile(join(this.folder(path, "cpuacct"), "cpuacct.usage"), "utf8")),
      memoryBytes,
      workingSetBytes: Math.max(memoryBytes - (stat.get("total_inactive_file") ?? 0), 0),
      rssBytes: stat.get("total_rss") ?? 0,
      pageFaults: stat.get("total_pgfault") ?? 0,
      majorPageFaults: stat.get("total_pgmajfault") ?? 0,
      processes: Number(await readFile(join(this.folder(path, "pids"), "pids.current"), "utf8")),
    };
  }

  /** In the second version a controller works in a group when all groups above it pass it on. */
  private async enableControllers(root: string, path: string): Promise<void> {
    const names = path.split("/").filter((name) => name !== "");
    for (let depth = 0; depth < names.length; depth += 1) {
      const folder = join(root, ...names.slice(0, depth));
      await mkdir(folder, { recursive: true });
      const available = (await readFile(join(folder, "cgroup.controllers"), "utf8")).trim().split(" ");
      const passed = (await readFile(join(folder, "cgroup.subtree_control"), "utf8")).trim().split(" ");
      const wanted = controllersUsed.filter((one) => available.includes(one) && !passed.includes(one));
      if (wanted.length === 0) continue;
      try {
        await writeFile(join(folder, "cgroup.subtree_control"), wanted.map((one) => `+${one}`).join(" "));
      } catch (error) {
        throw new Error(`could not pass ${wanted.join(", ")} on in cgroup ${folder}: no process may be in that group`, {
          cause: error,
        });
      }
    }
  }

  private async write(
    path: string,
    [controller, file]: readonly [string, string],
    value: number | string,
  ): Promise<void> {
    const target = join(this.folder(path, controller), file);
    try {
      await writeFile(target, String(value));
    } catch (error) {
      throw new Error(`could not write "${value}" to ${target}`, { cause: error });
    }
  }

  private folder(path: string, controller: string): string {
    return join(this.host.version === "v2" ? this.host.root : (this.host.roots.get(controller) ?? ""), path);
  }

  private foldersOf(path: string): readonly string[] {
    if (this.host.version === "v2") return [join(this.host.root, path)];
    return [...new Set(this.host.roots.values())].map((root) => join(root, path));
  }
}

/**
 * The processes that `cgroup.procs` names. It says 0 for one that this process cannot see, of another pid namespace:
 * such a line is left out, because a signal to 0 goes to the sender's own group.
 */
export function processIdsOf(text: string): readonly number[] {
  return text.split("\n").flatMap((line) => (/^[1-9]\d*$/.test(line) ? [Number(line)] : []));
}

/** The kernel's two scales for a share of the processor: 2 to 262144, and 1 to 10000. */
export function weightOfShares(shares: number): number {
  return Math.floor(((Math.min(Math.max(shares, 2), 262_144) - 2) * 9_999) / 262_142) + 1;
}

/** In the first version a group without processors and memory nodes of its own takes no process. */
async function inheritCpuset(root: string | undefined, path: string): Promise<void> {
  if (root === undefined) return;
  let folder = root;
  for (const name of path.split("/").filter((part) => part !== "")) {
    const parent = folder;
    folder = join(folder, name);
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      const own = (await readFile(join(folder, file), "utf8")).trim();
      if (own === "") await writeFile(join(folder, file), await readFile(join(parent, file), "utf8"));
    }
  }
}

async function usageV2(folder: string): Promise<CgroupUsage> {
  const cpu = numbersOf(await readFile(join(folder, "cpu.stat"), "utf8"));
  const stat = numbersOf(await readFile(join(folder, "memory.stat"), "utf8"));
  const memoryBytes = Number(await readFile(join(folder, "memory.current"), "utf8"));
  return {
    cpuNanoSeconds: (cpu.get("usage_usec") ?? 0) * 1000,
    memoryBytes,
    workingSetBytes: Math.max(memoryBytes - (stat.get("inactive_file") ?? 0), 0),
    rssBytes: stat.get("anon") ?? 0,
    pageFaults: stat.get("pgfault") ?? 0,
    majorPageFaults: stat.get("pgmajfault") ?? 0,
    processes: Number(await readFile(join(folder, "pids.current"), "utf8")),
  };
}

/** Lines of a name and a number. */
function numbersOf(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split("\n").map((line) => {
      const [name = "", value = ""] = line.split(" ");
      return [name, Number(value)];
    }),
  );
}

/** A group's own files cannot be unlinked; its folder goes once the folders below have gone. */
async function removeTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  try {
    await rmdir(folder);
  } catch (error) {
    if (!isMissing(error)) throw new Error(`could not remove cgroup ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // Holds because process.kill throws errors of the system alone.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && isCode(error.cause, "EBUSY");
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function isMissing(error: unknown): boolean {
  return isCode(error, "ENOENT") || isCode(error, "ENODEV");
}
