/** What a node says of itself: what it has, what pods may use of it, what it is. Read from the kernel's files. */
import { own } from "#base/own.ts";
import type { Files } from "#host/files.ts";
import type { NodeAddress, NodeSystemInfo } from "#resources/core/node.ts";
import type { KubeletConfig } from "./config.ts";
import { millisOf, wholeOf } from "./plan/amounts.ts";

/** Kept free, beside what is reserved, so that the node can react before the kernel has to. */
export const evictionThresholds = {
  memoryAvailableBytes: 100 * 1024 * 1024,
  nodeFsAvailablePercent: 10,
  nodeFsInodesFreePercent: 5,
  imageFsAvailablePercent: 15,
} as const;

export type Quantities = Readonly<Record<string, string>>;

export interface NodeFacts {
  readonly capacity: Quantities;
  readonly allocatable: Quantities;
  readonly memoryBytes: number;
  readonly info: NodeSystemInfo;
}

async function text(files: Files, path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path)).trim();
}

/** A figure of /proc/meminfo, in bytes. */
export function memoryFigure(memInfo: string, name: string): number {
  const line = memInfo.split("\n").find((one) => one.startsWith(`${name}:`));
  return Number(/^[^:]*:\s*(\d+) kB$/.exec(line ?? "")?.[1] ?? 0) * 1024;
}

export async function nodeFacts(files: Files, config: KubeletConfig): Promise<NodeFacts> {
  const [cpuInfo, memInfo] = await Promise.all([text(files, "/proc/cpuinfo"), text(files, "/proc/meminfo")]);
  const cpus = cpuInfo.split("\n").filter((line) => line.startsWith("processor")).length;
  const memoryBytes = memoryFigure(memInfo, "MemTotal");
  const disk = await files.space(config.rootFolder);
  const hugePages = (await files.list("/sys/kernel/mm/hugepages"))
    .map((name) => Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]))
    .filter((kib) => kib > 0)
    .map((kib) => [`hugepages-${kib >= 1 << 20 ? `${kib >> 20}Gi` : `${kib >> 10}Mi`}`, "0"] as const);
  const fixed = { ...Object.fromEntries(hugePages), pods: String(config.podsMax) };
  const reserved = (name: string): number => wholeOf(own(config.reserved, name));
  const cpuMillis = cpus * 1000 - millisOf(config.reserved["cpu"]);
  const memoryLeft = memoryBytes - reserved("memory") - evictionThresholds.memoryAvailableBytes;
  const diskLeft =
    disk.capacityBytes * (1 - evictionThresholds.nodeFsAvailablePercent / 100) - reserved("ephemeral-storage");
  return {
    memoryBytes,
    capacity: {
      cpu: String(cpus),
      memory: `${Math.floor(memoryBytes / 1024)}Ki`,
      "ephemeral-storage": `${Math.floor(disk.capacityBytes / 1024)}Ki`,
      ...fixed,
    },
    allocatable: {
      cpu: cpuMillis % 1000 === 0 ? String(cpuMillis / 1000) : `${cpuMillis}m`,
      memory: `${Math.floor(memoryLeft / 1024)}Ki`,
      "ephemeral-storage": String(Math.floor(diskLeft)),
      ...fixed,
    },
    info: await systemInfo(files, config),
  };
}

async function systemInfo(files: Files, config: KubeletConfig): Promise<NodeSystemInfo> {
  const release = await text(files, "/etc/os-release");
  const machineID = await text(files, "/etc/machine-id");
  const productUuid = await text(files, "/sys/class/dmi/id/product_uuid");
  return {
    machineID,
    systemUUID: productUuid === "" ? machineID : productUuid,
    bootID: await text(files, "/proc/sys/kernel/random/boot_id"),
    kernelVersion: await text(files, "/proc/sys/kernel/osrelease"),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? "Linux",
    // Filled in once the runtime answered.
    containerRuntimeVersion: "",
    kubeletVersion: config.version,
    kubeProxyVersion: "",
    operatingSystem: "linux",
    architecture: architecture(),
  };
}

export function architecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}

export function addressesOf(config: KubeletConfig): readonly NodeAddress[] {
  return [
    ...config.nodeIps.map((address) => ({ type: "InternalIP", address })),
    ...config.externalIps.map((address) => ({ type: "ExternalIP", address })),
    { type: "Hostname", address: config.nodeName },
  ];
}

/** Labels every node has; those that are configured win. */
export function labelsOf(config: KubeletConfig): Quantities {
  return {
    "beta.kubernetes.io/arch": architecture(),
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": architecture(),
    "kubernetes.io/hostname": config.nodeName,
    "kubernetes.io/os": "linux",
    ...config.labels,
  };
}
