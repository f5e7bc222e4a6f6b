/** What a container runtime measures of containers, pods and file systems: the statistics messages of CRI (cri.ts). */
import type { ContainerMetadata, PodSandboxMetadata, Strings } from "./cri.ts";

export interface StatsFilter {
  readonly id?: string;
  readonly podSandboxId?: string;
  readonly labelSelector?: Strings;
}

/** A figure that can be unknown: then the whole is absent. */
export interface Figure {
  readonly value: number;
}

interface Sampled {
  /** Nanoseconds since the epoch. */
  readonly timestamp: number;
}

export interface CpuUsage extends Sampled {
  readonly usageCoreNanoSeconds?: Figure;
  readonly usageNanoCores?: Figure;
  readonly psi?: PressureStats;
}

export interface MemoryUsage extends Sampled {
  readonly workingSetBytes?: Figure;
  readonly availableBytes?: Figure;
  readonly usageBytes?: Figure;
  readonly rssBytes?: Figure;
  readonly pageFaults?: Figure;
  readonly majorPageFaults?: Figure;
  readonly psi?: PressureStats;
}

export interface SwapUsage extends Sampled {
  readonly swapAvailableBytes?: Figure;
  readonly swapUsageBytes?: Figure;
}

export interface IoUsage extends Sampled {
  readonly psi?: PressureStats;
}

export interface PressureStats {
  readonly Full?: PressureData;
  readonly Some?: PressureData;
}

export interface PressureData {
  readonly Total: number;
  readonly Avg10: number;
  readonly Avg60: number;
  readonly Avg300: number;
}

export interface FilesystemUsage extends Sampled {
  readonly fsId?: { readonly mountpoint: string };
  readonly usedBytes?: Figure;
  readonly inodesUsed?: Figure;
}

export interface ImageFsInfo {
  readonly imageFilesystems: readonly FilesystemUsage[];
  readonly containerFilesystems: readonly FilesystemUsage[];
}

export interface ContainerStats {
  readonly attributes: {
    readonly id: string;
    readonly metadata: ContainerMetadata;
    readonly labels: Strings;
    readonly annotations: Strings;
  };
  readonly cpu?: CpuUsage;
  readonly memory?: MemoryUsage;
  readonly writableLayer?: FilesystemUsage;
  readonly swap?: SwapUsage;
  readonly io?: IoUsage;
}

export interface NetworkInterfaceUsage {
  readonly name: string;
  readonly rxBytes?: Figure;
  readonly rxErrors?: Figure;
  readonly txBytes?: Figure;
  readonly txErrors?: Figure;
}

export interface PodSandboxStats {
  readonly attributes: {
    readonly id: string;
    readonly metadata: PodSandboxMetadata;
    readonly labels: Strings;
    readonly annotations: Strings;
  };
  readonly linux?: {
    readonly cpu?: CpuUsage;
    readonly memory?: MemoryUsage;
    readonly network?: Sampled & {
      readonly defaultInterface?: NetworkInterfaceUsage;
      readonly interfaces: readonly NetworkInterfaceUsage[];
    };
    readonly process?: Sampled & { readonly processCount?: Figure };
    readonly containers: readonly ContainerStats[];
    readonly io?: IoUsage;
  };
}
