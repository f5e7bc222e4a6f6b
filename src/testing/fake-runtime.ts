/**
 * A container runtime in memory: sandboxes and containers with the states, refusals and events of a real one. Programs
 * are told by their command: `sleep N`, `true`, `false` and `sh -c "exit N"`; everything else runs until it is stopped.
 */
import type { Clock, Timer } from "#base/clock.ts";
import { BoundedStream } from "#base/queue.ts";
import {
  RuntimeError,
  type Container,
  type ContainerConfig,
  type ContainerEvent,
  type ContainerFilter,
  type ContainerRuntime,
  type ContainerStatus,
  type ExecSyncAnswer,
  type Image,
  type ImageSpec,
  type PodSandboxConfig,
  type PodSandboxFilter,
  type PodSandboxStatus,
  type RuntimeStatus,
  type RuntimeVersion,
  type Strings,
} from "#host/cri.ts";
import type { ContainerStats, ImageFsInfo, PodSandboxStats } from "#host/cri-stats.ts";

const eventsMax = 10_000;
const killedExitCode = 137;
const endedBySignal = 143;

interface Program {
  /** Undefined: until it is stopped. */
  readonly runsMs: number | undefined;
  readonly exitCode: number;
}

interface FakeContainer {
  status: ContainerStatus;
  readonly podSandboxId: string;
  readonly config: ContainerConfig;
  timer: Timer | undefined;
}

export interface FakeRuntimeOptions {
  readonly clock: Clock;
  /** Names of the images that are here. */
  readonly images: readonly string[];
  /** What a command in a container answers; asked before the built-in ones. */
  readonly exec?: (container: ContainerStatus, cmd: readonly string[]) => number | undefined;
  /** The address of the sandbox that was made as the n-th thing. */
  readonly address?: (made: number) => string;
}

export class FakeRuntime implements ContainerRuntime {
  /** What containers of a name wrote into their own layers. */
  readonly writtenBytes = new Map<string, number>();
  private readonly options: FakeRuntimeOptions;
  private readonly sandboxes = new Map<string, PodSandboxStatus>();
  private readonly containers = new Map<string, FakeContainer>();
  private readonly listeners = new Set<BoundedStream<ContainerEvent>>();
  /** Names of the images that are here. */
  readonly imageNames: Set<string>;
  /** Called when an image is about to go; what it throws refuses that. */
  imageRemoved: (name: string) => void = () => undefined;
  private made = 0;
  /** Ends with whoever follows the events. */
  followedFor: AbortSignal | undefined;

  constructor(options: FakeRuntimeOptions) {
    this.options = options;
    this.imageNames = new Set(options.images);
  }

  async version(): Promise<RuntimeVersion> {
    return { version: "0.1.0", runtimeName: "fake", runtimeVersion: "1.0.0", runtimeApiVersion: "v1" };
  }

  async status(): Promise<RuntimeStatus> {
    const ready = { status: true, reason: "", message: "" };
    return {
      conditions: [
        { type: "RuntimeReady", ...ready },
        { type: "NetworkReady", ...ready },
      ],
      runtimeHandlers: [],
    };
  }

  async runPodSandbox({ config }: { readonly config: PodSandboxConfig }): Promise<string> {
    const id = this.nextId("s");
    const { metadata, labels = {}, annotations = {}, linux } = config;
    const isHost = linux?.securityContext?.namespaceOptions?.network === "NODE";
    this.sandboxes.set(id, {
      id,
      metadata,
      labels,
      annotations,
      state: "SANDBOX_READY",
      createdAt: this.nowNs(),
      runtimeHandler: "",
      // As containerd says it: a sandbox in the host's network has a network, and no address.
      network: { ip: isHost ? "" : (this.options.address?.(this.made) ?? `10.0.0.${this.made}`), additionalIps: [] },
    });
    this.tell(id, "CONTAINER_STARTED_EVENT", id);
    return id;
  }

  async stopPodSandbox(id: string): Promise<void> {
    const sandbox = this.sandboxes.get(id);
    if (!sandbox) return;
    for (const [containerId, one] of this.containers)
      if (one.podSandboxId === id && one.status.state === "CONTAINER_RUNNING") this.end(containerId, killedExitCode);
    if (sandbox.state === "SANDBOX_NOTREADY") return;
    const { network: _, ...rest } = sandbox;
    this.sandboxes.set(id, { ...rest, state: "SANDBOX_NOTREADY" });
    this.tell(id, "CONTAINER_STOPPED_EVENT", id);
  }

  async removePodSandbox(id: string): Promise<void> {
    await this.stopPodSandbox(id);
    for (const [containerId, one] of this.containers)
      if (one.podSandboxId === id) await this.removeContainer(containerId);
    if (this.sandboxes.delete(id)) this.tell(id, "CONTAINER_DELETED_EVENT", id);
  }

  async podSandboxStatus(id: string): ReturnType<ContainerRuntime["podSandboxStatus"]> {
    const status = this.sandboxes.get(id);
    return status && { status, timestamp: 0 };
  }

  async listPodSandboxes({ id, state, labelSelector }: PodSandboxFilter): Promise<readonly PodSandboxStatus[]> {
    return [...this.sandboxes.values()].filter(
      (one) =>
        (id ?? one.id) === one.id && (state?.state ?? one.state) === one.state && selects(labelSelector, one.labels),
    );
  }

  async updatePodSandboxResources(): Promise<void> {
    // A sandbox here has no resources of its own.
  }

  async createContainer(request: {
    readonly podSandboxId: string;
    readonly config: ContainerConfig;
    readonly sandboxConfig: PodSandboxConfig;
  }): Promise<string> {
    const { podSandboxId, config, sandboxConfig } = request;
    if (!this.sandboxes.has(podSandboxId)) throw new RuntimeError("NotFound", `sandbox "${podSandboxId}" not found`);
    const image = this.find(config.image.image);
    if (!image) throw new RuntimeError("NotFound", `image "${config.image.image}" not found`);
    const id = this.nextId("c");
    const { metadata, labels = {}, annotations = {}, mounts = [], logPath = "", linux } = config;
    const status: ContainerStatus = {
      id,
      metadata,
      labels,
      annotations,
      mounts,
      state: "CONTAINER_CREATED",
      createdAt: this.nowNs(),
      startedAt: 0,
      finishedAt: 0,
      exitCode: 0,
      image: config.image,
      imageRef: image.id,
      imageId: image.id,
      reason: "",
      message: "",
      logPath: logPath === "" ? "" : `${sandboxConfig.logDirectory ?? ""}/${logPath}`,
      stopSignal: "SIGTERM",
      ...(linux?.resources && { resources: { linux: linux.resources } }),
    };
    this.containers.set(id, { status, podSandboxId, config, timer: undefined });
    this.tell(podSandboxId, "CONTAINER_CREATED_EVENT", id);
    return id;
  }

  async startContainer(id: string): Promise<void> {
    const container = this.containers.get(id);
    if (!container) throw new RuntimeError("NotFound", `container "${id}" not found`);
    if (container.status.state !== "CONTAINER_CREATED")
      throw new RuntimeError("FailedPrecondition", `container "${id}" is not in created state`);
    container.status = { ...container.status, state: "CONTAINER_RUNNING", startedAt: this.nowNs() };
    this.tell(container.podSandboxId, "CONTAINER_STARTED_EVENT", id);
    const { runsMs, exitCode } = programOf(container.config);
    if (runsMs !== undefined) container.timer = this.options.clock.after(runsMs, () => this.end(id, exitCode));
  }

  async stopContainer({
    containerId,
    timeoutSeconds,
  }: {
    readonly containerId: string;
    readonly timeoutSeconds: number;
  }): Promise<void> {
    const container = this.containers.get(containerId);
    if (container?.status.state === "CONTAINER_RUNNING")
      this.end(containerId, timeoutSeconds > 0 ? endedBySignal : killedExitCode);
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.containers.get(id);
    if (!container) return;
    if (container.status.state === "CONTAINER_RUNNING") this.end(id, killedExitCode);
    this.containers.delete(id);
    this.tell(container.podSandboxId, "CONTAINER_DELETED_EVENT", id);
  }

  async containerStatus(id: string): Promise<ContainerStatus | undefined> {
    return this.containers.get(id)?.status;
  }

  async listContainers(filter: ContainerFilter): Promise<readonly Container[]> {
    const { id, state, podSandboxId, labelSelector } = filter;
    return [...this.containers.values()]
      .map(({ status, podSandboxId: sandbox }) => ({ ...status, podSandboxId: sandbox }))
      .filter(
        (one) =>
          (id ?? one.id) === one.id &&
          (state?.state ?? one.state) === one.state &&
          (podSandboxId ?? one.podSandboxId) === one.podSandboxId &&
          selects(labelSelector, one.labels),
      );
  }

  async updateContainerResources(request: {
    readonly containerId: string;
    readonly linux: NonNullable<NonNullable<ContainerConfig["linux"]>["resources"]>;
  }): Promise<void> {
    const container = this.containers.get(request.containerId);
    if (!container) throw new RuntimeError("NotFound", `container "${request.containerId}" not found`);
    const linux = { ...container.status.resources?.linux, ...request.linux };
    container.status = { ...container.status, resources: { linux } };
  }

  async reopenContainerLog(): Promise<void> {
    // Containers here write no logs.
  }

  async execSync({
    containerId,
    cmd,
  }: {
    readonly containerId: string;
    readonly cmd: readonly string[];
  }): Promise<ExecSyncAnswer> {
    const container = this.containers.get(containerId);
    if (container?.status.state !== "CONTAINER_RUNNING")
      throw new RuntimeError("FailedPrecondition", `container "${containerId}" is not running`);
    const exitCode = this.options.exec?.(container.status, cmd) ?? programOf({ command: cmd }).exitCode;
    return { stdout: new Uint8Array(), stderr: new Uint8Array(), exitCode };
  }

  execUrl(): Promise<string> {
    return unimplemented();
  }

  attachUrl(): Promise<string> {
    return unimplemented();
  }

  portForwardUrl(): Promise<string> {
    return unimplemented();
  }

  async containerStats(): Promise<ContainerStats | undefined> {
    return undefined;
  }

  async listContainerStats(): Promise<readonly ContainerStats[]> {
    return [...this.containers.values()].map(({ status }) => {
      const { id, metadata, labels, annotations } = status;
      const usedBytes = { value: this.writtenBytes.get(metadata.name) ?? 0 };
      return { attributes: { id, metadata, labels, annotations }, writableLayer: { timestamp: 0, usedBytes } };
    });
  }

  async podSandboxStats(): Promise<PodSandboxStats | undefined> {
    return undefined;
  }

  async listPodSandboxStats(): Promise<readonly PodSandboxStats[]> {
    return [];
  }

  async *events(signal: AbortSignal): AsyncGenerator<ContainerEvent> {
    const stream = new BoundedStream<ContainerEvent>(eventsMax);
    this.listeners.add(stream);
    this.followedFor = signal;
    const end = (): void => stream.end(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    try {
      yield* stream;
    } finally {
      this.listeners.delete(stream);
    }
  }

  /** A container ends and is forgotten, and no event says so: as after a crash of the runtime. */
  vanish(id: string): void {
    this.containers.get(id)?.timer?.cancel();
    this.containers.delete(id);
  }

  /** Ends every stream of events, as a runtime does that goes away. */
  loseEvents(): void {
    for (const stream of this.listeners) stream.end(new RuntimeError("Unavailable", "the runtime went away"));
  }

  async listImages(): Promise<readonly Image[]> {
    return [...this.imageNames].map((name) => imageOf(name));
  }

  async imageStatus({ image }: ImageSpec): Promise<Image | undefined> {
    return this.find(image);
  }

  async pullImage({ image }: { readonly image: ImageSpec }): Promise<string> {
    throw new RuntimeError("NotFound", `failed to resolve reference "${image.image}": not found`);
  }

  async removeImage({ image }: ImageSpec): Promise<void> {
    for (const name of this.imageNames) {
      if (name !== image && imageOf(name).id !== image) continue;
      this.imageRemoved(name);
      this.imageNames.delete(name);
    }
  }

  async imageFsInfo(): Promise<ImageFsInfo> {
    return { imageFilesystems: [], containerFilesystems: [] };
  }

  private find(image: string): Image | undefined {
    const name = [...this.imageNames].find((one) => one === image || imageOf(one).id === image);
    return name === undefined ? undefined : imageOf(name);
  }

  private end(id: string, exitCode: number): void {
    const container = this.containers.get(id);
    if (container?.status.state !== "CONTAINER_RUNNING") return;
    container.timer?.cancel();
    const reason = exitCode === 0 ? "Completed" : "Error";
    container.status = { ...container.status, state: "CONTAINER_EXITED", finishedAt: this.nowNs(), exitCode, reason };
    this.tell(container.podSandboxId, "CONTAINER_STOPPED_EVENT", id);
  }

  private tell(sandboxId: string, type: ContainerEvent["containerEventType"], containerId: string): void {
    const sandbox = this.sandboxes.get(sandboxId);
    const event: ContainerEvent = {
      containerId,
      containerEventType: type,
      createdAt: this.nowNs(),
      ...(sandbox && { podSandboxStatus: sandbox }),
    };
    for (const stream of this.listeners) stream.push(event);
  }

  private nextId(prefix: string): string {
    this.made += 1;
    return `${prefix}${this.made}`;
  }

  /** Different for things made one after the other, as on a real machine. */
  private nowNs(): number {
    return this.options.clock.nowMs() * 1e6 + this.made * 1_000;
  }
}

function imageOf(name: string): Image {
  return { id: `sha256:${name}`, repoTags: [name], repoDigests: [], size: 1_000_000, username: "", pinned: false };
}

function selects(selector: Strings | undefined, labels: Strings): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}

function programOf({ command = [], args = [] }: Pick<ContainerConfig, "command" | "args">): Program {
  const [program, ...rest] = [...command, ...args];
  if (program === "sleep") return { runsMs: Number(rest[0]) * 1000, exitCode: 0 };
  if (program === "true") return { runsMs: 0, exitCode: 0 };
  if (program === "false") return { runsMs: 0, exitCode: 1 };
  const exit = program === "sh" && rest[0] === "-c" ? /^exit (\d+)$/.exec(rest[1] ?? "") : undefined;
  return exit ? { runsMs: 0, exitCode: Number(exit[1]) } : { runsMs: undefined, exitCode: 0 };
}

function unimplemented(): Promise<never> {
  return Promise.reject(new RuntimeError("Unimplemented", "a runtime in memory has no streams"));
}
