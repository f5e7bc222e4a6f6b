/**
 * The container runtime as an interface: the Container Runtime Interface v1 in its own words.
 *
 * The types are CRI's messages with camel-case names, in the form they are used here: enums by their CRI names, 64-bit
 * numbers as `number` (nanosecond times are thus exact to 256 ns), bytes as `Uint8Array`. What concerns other systems
 * than Linux, and what CRI deprecates, is left out. In answers, every list, map, string, number and boolean is present;
 * a message that the runtime left out is absent.
 *
 * @see https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto
 */
import type { ContainerStats, Figure, ImageFsInfo, PodSandboxStats, StatsFilter } from "./cri-stats.ts";

export type Strings = Readonly<Record<string, string>>;

/** gRPC's status codes, as far as a caller of a runtime can act on them. */
export type RuntimeErrorCode =
  | "AlreadyExists"
  | "DeadlineExceeded"
  | "FailedPrecondition"
  | "InvalidArgument"
  | "NotFound"
  | "ResourceExhausted"
  | "Unavailable"
  | "Unimplemented"
  | "Unknown";

/** A call that the runtime refused, or that did not reach it (`Unavailable`). */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * A container runtime. Every method rejects with a `RuntimeError`, or with the signal's reason once it is aborted (the
 * runtime may go on with what it began). Stopping and removing what does not exist is no error.
 */
export interface ContainerRuntime {
  version(signal: AbortSignal): Promise<RuntimeVersion>;
  status(signal: AbortSignal): Promise<RuntimeStatus>;

  /** Makes and starts a sandbox, its network included. @returns The sandbox' id. */
  runPodSandbox(
    request: { readonly config: PodSandboxConfig; readonly runtimeHandler?: string },
    signal: AbortSignal,
  ): Promise<string>;
  /** Kills what still runs in the sandbox and gives its network back. */
  stopPodSandbox(podSandboxId: string, signal: AbortSignal): Promise<void>;
  removePodSandbox(podSandboxId: string, signal: AbortSignal): Promise<void>;
  /** Undefined when there is no such sandbox. */
  podSandboxStatus(podSandboxId: string, signal: AbortSignal): Promise<PodSandboxStatusAnswer | undefined>;
  listPodSandboxes(filter: PodSandboxFilter, signal: AbortSignal): Promise<readonly PodSandbox[]>;
  updatePodSandboxResources(
    request: {
      readonly podSandboxId: string;
      readonly overhead?: LinuxContainerResources;
      readonly resources?: LinuxContainerResources;
    },
    signal: AbortSignal,
  ): Promise<void>;

  /** @returns The container's id. */
  createContainer(
    request: {
      readonly podSandboxId: string;
      readonly config: ContainerConfig;
      readonly sandboxConfig: PodSandboxConfig;
    },
    signal: AbortSignal,
  ): Promise<string>;
  startContainer(containerId: string, signal: AbortSignal): Promise<void>;
  /** Sends the stop signal, and kills after `timeoutSeconds`. Resolves when the container has ended. */
  stopContainer(
    request: { readonly containerId: string; readonly timeoutSeconds: number },
    signal: AbortSignal,
  ): Promise<void>;
  removeContainer(containerId: string, signal: AbortSignal): Promise<void>;
  /** Undefined when there is no such container. */
  containerStatus(containerId: string, signal: AbortSignal): Promise<ContainerStatus | undefined>;
  listContainers(filter: ContainerFilter, signal: AbortSignal): Promise<readonly Container[]>;
  updateContainerResources(
    request: {
      readonly containerId: string;
      readonly linux: LinuxContainerResources;
      readonly annotations?: Strings;
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** Makes the runtime open the container's log anew, after its file was renamed. */
  reopenContainerLog(containerId: string, signal: AbortSignal): Promise<void>;

  /** Runs a command to its end. Rejects with `DeadlineExceeded` when it takes longer than `timeoutSeconds` (0: no limit). */
  execSync(
    request: { readonly containerId: string; readonly cmd: readonly string[]; readonly timeoutSeconds: number },
    signal: AbortSignal,
  ): Promise<ExecSyncAnswer>;
  /** @returns The URL of the runtime's streaming server where the session waits; it can be used once. */
  execUrl(request: ExecRequest, signal: AbortSignal): Promise<string>;
  attachUrl(request: AttachRequest, signal: AbortSignal): Promise<string>;
  portForwardUrl(
    request: { readonly podSandboxId: string; readonly port: readonly number[] },
    signal: AbortSignal,
  ): Promise<string>;

  containerStats(containerId: string, signal: AbortSignal): Promise<ContainerStats | undefined>;
  listContainerStats(filter: StatsFilter, signal: AbortSignal): Promise<readonly ContainerStats[]>;
  podSandboxStats(podSandboxId: string, signal: AbortSignal): Promise<PodSandboxStats | undefined>;
  listPodSandboxStats(filter: StatsFilter, signal: AbortSignal): Promise<readonly PodSandboxStats[]>;

  /**
   * What happens to containers and sandboxes from now on; a sandbox' events carry its own id as `containerId`. Ends with
   * an error when the runtime goes away: the caller then lists anew and asks again.
   */
  events(signal: AbortSignal): AsyncIterable<ContainerEvent>;

  listImages(signal: AbortSignal): Promise<readonly Image[]>;
  /** Undefined when the image is not here. */
  imageStatus(image: ImageSpec, signal: AbortSignal): Promise<Image | undefined>;
  /** @returns A reference to the image that holds for ever. */
  pullImage(
    request: { readonly image: ImageSpec; readonly auth?: AuthConfig; readonly sandboxConfig?: PodSandboxConfig },
    signal: AbortSignal,
  ): Promise<string>;
  removeImage(image: ImageSpec, signal: AbortSignal): Promise<void>;
  imageFsInfo(signal: AbortSignal): Promise<ImageFsInfo>;
}

export interface RuntimeVersion {
  readonly version: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  readonly runtimeApiVersion: string;
}

export interface RuntimeStatus {
  /** `RuntimeReady` and `NetworkReady`, and what else the runtime reports. */
  readonly conditions: readonly RuntimeCondition[];
  readonly runtimeHandlers: readonly {
    readonly name: string;
    readonly features?: { readonly recursiveReadOnlyMounts: boolean; readonly userNamespaces: boolean };
  }[];
  readonly features?: { readonly supplementalGroupsPolicy: boolean };
}

export interface RuntimeCondition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface PodSandboxMetadata {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly attempt: number;
}

export interface PodSandboxConfig {
  readonly metadata: PodSandboxMetadata;
  /** Empty for pods in the host's network. */
  readonly hostname?: string;
  readonly logDirectory?: string;
  readonly dnsConfig?: {
    readonly servers?: readonly string[];
    readonly searches?: readonly string[];
    readonly options?: readonly string[];
  };
  readonly portMappings?: readonly PortMapping[];
  readonly labels?: Strings;
  readonly annotations?: Strings;
  readonly linux?: {
    readonly cgroupParent?: string;
    readonly securityContext?: LinuxSandboxSecurityContext;
    readonly sysctls?: Strings;
    readonly overhead?: LinuxContainerResources;
    readonly resources?: LinuxContainerResources;
  };
}

export interface PortMapping {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp?: string;
}

export type NamespaceMode = "POD" | "CONTAINER" | "NODE" | "TARGET";

export interface NamespaceOption {
  readonly network: NamespaceMode;
  readonly pid: NamespaceMode;
  readonly ipc: NamespaceMode;
  readonly targetId?: string;
  readonly usernsOptions?: {
    readonly mode: NamespaceMode;
    readonly uids?: readonly IdMapping[];
    readonly gids?: readonly IdMapping[];
  };
}

export interface IdMapping {
  readonly hostId: number;
  readonly containerId: number;
  readonly length: number;
}

export interface SecurityProfile {
  readonly profileType: "RuntimeDefault" | "Unconfined" | "Localhost";
  readonly localhostRef?: string;
}

export interface SeLinuxOption {
  readonly user?: string;
  readonly role?: string;
  readonly type?: string;
  readonly level?: string;
}

interface SecurityContext {
  readonly namespaceOptions?: NamespaceOption;
  readonly selinuxOptions?: SeLinuxOption;
  readonly runAsUser?: { readonly value: number };
  readonly runAsGroup?: { readonly value: number };
  readonly readonlyRootfs?: boolean;
  readonly supplementalGroups?: readonly number[];
  readonly supplementalGroupsPolicy?: "Merge" | "Strict";
  readonly privileged?: boolean;
  readonly seccomp?: SecurityProfile;
  readonly apparmor?: SecurityProfile;
}

export interface LinuxSandboxSecurityContext extends SecurityContext {}

export interface LinuxContainerSecurityContext extends SecurityContext {
  readonly capabilities?: {
    readonly addCapabilities?: readonly string[];
    readonly dropCapabilities?: readonly string[];
    readonly addAmbientCapabilities?: readonly string[];
  };
  readonly runAsUsername?: string;
  readonly noNewPrivs?: boolean;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
}

/** Zero or absent means: no limit, or leave as it is. */
export interface LinuxContainerResources {
  /** Microseconds. */
  readonly cpuPeriod?: number;
  /** Microseconds. */
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly memoryLimitInBytes?: number;
  readonly oomScoreAdj?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  /** Files of cgroup v2 and their content. */
  readonly unified?: Strings;
  readonly memorySwapLimitInBytes?: number;
}

export interface PodSandboxFilter {
  readonly id?: string;
  readonly state?: { readonly state: PodSandboxState };
  readonly labelSelector?: Strings;
}

export type PodSandboxState = "SANDBOX_READY" | "SANDBOX_NOTREADY";

export interface PodSandbox {
  readonly id: string;
  readonly metadata: PodSandboxMetadata;
  readonly state: PodSandboxState;
  /** Nanoseconds since the epoch. */
  readonly createdAt: number;
  readonly labels: Strings;
  readonly annotations: Strings;
  readonly runtimeHandler: string;
}

export interface PodSandboxStatus extends PodSandbox {
  /** Absent in the host's network. */
  readonly network?: { readonly ip: string; readonly additionalIps: readonly { readonly ip: string }[] };
  readonly linux?: { readonly namespaces?: { readonly options?: NamespaceOption } };
}

export interface PodSandboxStatusAnswer {
  readonly status: PodSandboxStatus;
  /** When this was observed, in nanoseconds; 0 when the runtime does not say. */
  readonly timestamp: number;
}

export interface ContainerMetadata {
  readonly name: string;
  readonly attempt: number;
}

export interface ImageSpec {
  readonly image: string;
  readonly annotations?: Strings;
  readonly userSpecifiedImage?: string;
  readonly runtimeHandler?: string;
  readonly imageRef?: string;
}

export type MountPropagation = "PROPAGATION_PRIVATE" | "PROPAGATION_HOST_TO_CONTAINER" | "PROPAGATION_BIDIRECTIONAL";

export interface ContainerMount {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly?: boolean;
  readonly selinuxRelabel?: boolean;
  readonly propagation?: MountPropagation;
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
  readonly recursiveReadOnly?: boolean;
  /** An image as a volume; `hostPath` is then empty. */
  readonly image?: ImageSpec;
  readonly imageSubPath?: string;
}

export interface ContainerConfig {
  readonly metadata: ContainerMetadata;
  readonly image: ImageSpec;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly envs?: readonly { readonly key: string; readonly value: Uint8Array }[];
  readonly mounts?: readonly ContainerMount[];
  readonly devices?: readonly {
    readonly containerPath: string;
    readonly hostPath: string;
    readonly permissions: string;
  }[];
  readonly labels?: Strings;
  readonly annotations?: Strings;
  /** Relative to the sandbox' `logDirectory`. */
  readonly logPath?: string;
  readonly stdin?: boolean;
  readonly stdinOnce?: boolean;
  readonly tty?: boolean;
  readonly linux?: {
    readonly resources?: LinuxContainerResources;
    readonly securityContext?: LinuxContainerSecurityContext;
  };
  /** CRI's name of a signal, such as `SIGTERM`; absent: the image's own. */
  readonly stopSignal?: string;
}

export interface ContainerFilter {
  readonly id?: string;
  readonly state?: { readonly state: ContainerState };
  readonly podSandboxId?: string;
  readonly labelSelector?: Strings;
}

export type ContainerState = "CONTAINER_CREATED" | "CONTAINER_RUNNING" | "CONTAINER_EXITED" | "CONTAINER_UNKNOWN";

export interface Container {
  readonly id: string;
  readonly podSandboxId: string;
  readonly metadata: ContainerMetadata;
  readonly image: ImageSpec;
  readonly imageRef: string;
  readonly imageId: string;
  readonly state: ContainerState;
  /** Nanoseconds since the epoch. */
  readonly createdAt: number;
  readonly labels: Strings;
  readonly annotations: Strings;
}

export interface ContainerStatus {
  readonly id: string;
  readonly metadata: ContainerMetadata;
  readonly state: ContainerState;
  /** Nanoseconds since the epoch, like the two below, which are 0 as long as it has not happened. */
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly image: ImageSpec;
  readonly imageRef: string;
  readonly imageId: string;
  /** One word, such as `Completed`, `Error`, `OOMKilled`. */
  readonly reason: string;
  readonly message: string;
  readonly labels: Strings;
  readonly annotations: Strings;
  readonly mounts: readonly ContainerMount[];
  /** Absolute. */
  readonly logPath: string;
  readonly resources?: { readonly linux?: LinuxContainerResources };
  readonly user?: {
    readonly linux?: {
      readonly uid: number;
      readonly gid: number;
      readonly supplementalGroups: readonly number[];
    };
  };
  /** `RUNTIME_DEFAULT` or a signal's name. */
  readonly stopSignal: string;
}

export interface ExecSyncAnswer {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly exitCode: number;
}

export interface AttachRequest {
  readonly containerId: string;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface ExecRequest extends AttachRequest {
  readonly cmd: readonly string[];
}

export interface ContainerEvent {
  readonly containerId: string;
  readonly containerEventType:
    | "CONTAINER_CREATED_EVENT"
    | "CONTAINER_STARTED_EVENT"
    | "CONTAINER_STOPPED_EVENT"
    | "CONTAINER_DELETED_EVENT";
  /** Nanoseconds since the epoch. */
  readonly createdAt: number;
  /** The sandbox as it was then; absent once it is gone. The pod's containers, which are sent too, are not read. */
  readonly podSandboxStatus?: PodSandboxStatus;
}

export interface Image {
  /** The digest of its configuration. */
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  /** Bytes. */
  readonly size: number;
  /** Absent when the image names its user, or none. */
  readonly uid?: Figure;
  readonly username: string;
  readonly spec?: ImageSpec;
  /** Never removed by image garbage collection. */
  readonly pinned: boolean;
}

/** Credentials for a registry; one of its forms is filled. */
export interface AuthConfig {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly serverAddress?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}
