/** What a kubelet needs of its machine. Everything that touches the system is given here; tests give other things. */
import type { Files } from "#host/files.ts";
import type { Shims } from "#host/shims.ts";

/** Mounts that volumes need. */
export interface VolumeMounts {
  /** Mounts a file system in memory, `sizeBytes` at most, at a folder. Mounting again only changes the size. */
  memory(path: string, sizeBytes: number | undefined): Promise<void>;
  isMounted(path: string): Promise<boolean>;
}

/** Control groups of pods; the containers' own are the runtime's. */
export interface PodCgroups {
  ensure(
    path: string,
    limits: { readonly cpuShares?: number; readonly cpuLimitMillis?: number; readonly memoryBytesMax?: number },
  ): Promise<void>;
  /** Also kills what still runs there. */
  remove(path: string): Promise<void>;
  /** Names of the groups directly below; empty when the group does not exist. */
  children(path: string): Promise<readonly string[]>;
  usage(path: string): Promise<CgroupFigures | undefined>;
}

export interface CgroupFigures {
  readonly cpuNanoSeconds: number;
  readonly memoryBytes: number;
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
}

export interface HttpProbe {
  readonly method: "GET";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

/** Questions to a container over the network. Every failure to reach it is an Error with one sentence. */
export interface ProbeNetwork {
  /** Does not verify certificates, follows redirects within the host. @returns Status and the start of the body. */
  http(request: HttpProbe, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }>;
  tcp(target: ProbeTarget, signal: AbortSignal): Promise<void>;
  /** @returns The serving status by name, e.g. "SERVING". */
  grpcHealth(target: ProbeTarget & { readonly service: string }, signal: AbortSignal): Promise<string>;
}

export interface Machine {
  readonly files: Files;
  readonly mounts: VolumeMounts;
  readonly cgroups: PodCgroups;
  readonly network: ProbeNetwork;
  /** Absent where the runtime's processes are not this kubelet's to end. */
  readonly shims?: Shims;
}
