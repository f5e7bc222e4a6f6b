/** The container runtime interface over its Unix socket, as containerd serves it. */
import { GrpcClient, GrpcError, grpcStatus } from "#wire/grpc.ts";
import { MessageCodec } from "#wire/message.ts";
import type { ContainerStats, ImageFsInfo, PodSandboxStats, StatsFilter } from "./cri-stats.ts";
import {
  RuntimeError,
  type AttachRequest,
  type Container,
  type ContainerEvent,
  type ContainerFilter,
  type ContainerRuntime,
  type ContainerStatus,
  type ExecRequest,
  type ExecSyncAnswer,
  type Image,
  type ImageSpec,
  type PodSandbox,
  type PodSandboxFilter,
  type PodSandboxStatusAnswer,
  type RuntimeErrorCode,
  type RuntimeStatus,
  type RuntimeVersion,
} from "./cri.ts";
import schema from "./cri-messages.json" with { type: "json" };

const codes: Readonly<Record<number, RuntimeErrorCode>> = {
  [grpcStatus.invalidArgument]: "InvalidArgument",
  [grpcStatus.deadlineExceeded]: "DeadlineExceeded",
  [grpcStatus.notFound]: "NotFound",
  [grpcStatus.alreadyExists]: "AlreadyExists",
  [grpcStatus.resourceExhausted]: "ResourceExhausted",
  [grpcStatus.failedPrecondition]: "FailedPrecondition",
  [grpcStatus.unimplemented]: "Unimplemented",
  [grpcStatus.unavailable]: "Unavailable",
};

type Request<Method extends keyof ContainerRuntime> = Parameters<ContainerRuntime[Method]>[0];

/** A method of CRI; its messages are named after it. */
interface Call {
  readonly service?: "ImageService";
  readonly method: string;
}

/** A runtime behind a CRI socket. Connects with the first call; disposing of it closes the connection. */
export class CriRuntime implements ContainerRuntime, Disposable {
  private readonly client: GrpcClient;
  private readonly codec = new MessageCodec(schema);
  private readonly mayMakeSandbox: (signal: AbortSignal) => Promise<void>;

  /** @param mayMakeSandbox Awaited before each sandbox: without its image a runtime would look for that in a registry. */
  constructor(socketPath: string, mayMakeSandbox: (signal: AbortSignal) => Promise<void>) {
    this.client = new GrpcClient(socketPath);
    this.mayMakeSandbox = mayMakeSandbox;
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }

  version(signal: AbortSignal): Promise<RuntimeVersion> {
    return this.call<RuntimeVersion>({ method: "Version" }, { version: "v1" }, signal);
  }

  async status(signal: AbortSignal): Promise<RuntimeStatus> {
    type Answer = Omit<RuntimeStatus, "conditions"> & { status?: Pick<RuntimeStatus, "conditions"> };
    const { status, ...rest } = await this.call<Answer>({ method: "Status" }, {}, signal);
    return { ...rest, conditions: status?.conditions ?? [] };
  }

  async runPodSandbox(request: Request<"runPodSandbox">, signal: AbortSignal): Promise<string> {
    await this.mayMakeSandbox(signal);
    return (await this.call<{ podSandboxId: string }>({ method: "RunPodSandbox" }, request, signal)).podSandboxId;
  }

  async stopPodSandbox(podSandboxId: string, signal: AbortSignal): Promise<void> {
    await this.call({ method: "StopPodSandbox" }, { podSandboxId }, signal);
  }

  async removePodSandbox(podSandboxId: string, signal: AbortSignal): Promise<void> {
    await this.call({ method: "RemovePodSandbox" }, { podSandboxId }, signal);
  }

  podSandboxStatus(podSandboxId: string, signal: AbortSignal): Promise<PodSandboxStatusAnswer | undefined> {
    return unlessNotFound(this.call<PodSandboxStatusAnswer>({ method: "PodSandboxStatus" }, { podSandboxId }, signal));
  }

  async listPodSandboxes(filter: PodSandboxFilter, signal: AbortSignal): Promise<readonly PodSandbox[]> {
    return (await this.call<{ items: PodSandbox[] }>({ method: "ListPodSandbox" }, { filter }, signal)).items;
  }

  async updatePodSandboxResources(request: Request<"updatePodSandboxResources">, signal: AbortSignal): Promise<void> {
    await this.call({ method: "UpdatePodSandboxResources" }, request, signal);
  }

  async createContainer(request: Request<"createContainer">, signal: AbortSignal): Promise<string> {
    return (await this.call<{ containerId: string }>({ method: "CreateContainer" }, request, signal)).containerId;
  }

  async startContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.call({ method: "StartContainer" }, { containerId }, signal);
  }

  async stopContainer(request: Request<"stopContainer">, signal: AbortSignal): Promise<void> {
    const { containerId, timeoutSeconds: timeout } = request;
    await unlessNotFound(this.call({ method: "StopContainer" }, { containerId, timeout }, signal));
  }

  async removeContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.call({ method: "RemoveContainer" }, { containerId }, signal);
  }

  async containerStatus(containerId: string, signal: AbortSignal): Promise<ContainerStatus | undefined> {
    const call = this.call<{ status?: ContainerStatus }>({ method: "ContainerStatus" }, { containerId }, signal);
    return (await unlessNotFound(call))?.status;
  }

  async listContainers(filter: ContainerFilter, signal: AbortSignal): Promise<readonly Container[]> {
    return (await this.call<{ containers: Container[] }>({ method: "ListContainers" }, { filter }, signal)).containers;
  }

  async updateContainerResources(request: Request<"updateContainerResources">, signal: AbortSignal): Promise<void> {
    await this.call({ method: "UpdateContainerResources" }, request, signal);
  }

  async reopenContainerLog(containerId: string, signal: AbortSignal): Promise<void> {
    await this.call({ method: "ReopenContainerLog" }, { containerId }, signal);
  }

  execSync(request: Request<"execSync">, signal: AbortSignal): Promise<ExecSyncAnswer> {
    const { timeoutSeconds: timeout, ...rest } = request;
    return this.call<ExecSyncAnswer>({ method: "ExecSync" }, { ...rest, timeout }, signal);
  }

  async execUrl(request: ExecRequest, signal: AbortSignal): Promise<string> {
    return (await this.call<{ url: string }>({ method: "Exec" }, request, signal)).url;
  }

  async attachUrl(request: AttachRequest, signal: AbortSignal): Promise<string> {
    return (await this.call<{ url: string }>({ method: "Attach" }, request, signal)).url;
  }

  async portForwardUrl(request: Request<"portForwardUrl">, signal: AbortSignal): Promise<string> {
    return (await this.call<{ url: string }>({ method: "PortForward" }, request, signal)).url;
  }

  async containerStats(containerId: string, signal: AbortSignal): Promise<ContainerStats | undefined> {
    const call = this.call<{ stats?: ContainerStats }>({ method: "ContainerStats" }, { containerId }, signal);
    return (await unlessNotFound(call))?.stats;
  }

  async listContainerStats(filter: StatsFilter, signal: AbortSignal): Promise<readonly ContainerStats[]> {
    return (await this.call<{ stats: ContainerStats[] }>({ method: "ListContainerStats" }, { filter }, signal)).stats;
  }

  async podSandboxStats(podSandboxId: string, signal: AbortSignal): Promise<PodSandboxStats | undefined> {
    const call = this.call<{ stats?: PodSandboxStats }>({ method: "PodSandboxStats" }, { podSandboxId }, signal);
    return (await unlessNotFound(call))?.stats;
  }

  async listPodSandboxStats(filter: StatsFilter, signal: AbortSignal): Promise<readonly PodSandboxStats[]> {
    return (await this.call<{ stats: PodSandboxStats[] }>({ method: "ListPodSandboxStats" }, { filter }, signal)).stats;
  }

  async *events(signal: AbortSignal): AsyncIterableIterator<ContainerEvent> {
    const request = this.codec.encode("GetEventsRequest", {});
    try {
      for await (const bytes of this.client.stream("/runtime.v1.RuntimeService/GetContainerEvents", request, signal))
        // The schema is made from the definition that the types mirror; so it is in `call`.
        yield this.codec.decode("ContainerEventResponse", bytes) as ContainerEvent;
    } catch (error) {
      throw runtimeErrorOf(error);
    }
    throw new RuntimeError("Unavailable", "the runtime ended its stream of events");
  }

  async listImages(signal: AbortSignal): Promise<readonly Image[]> {
    const call: Call = { service: "ImageService", method: "ListImages" };
    return (await this.call<{ images: Image[] }>(call, {}, signal)).images;
  }

  async imageStatus(image: ImageSpec, signal: AbortSignal): Promise<Image | undefined> {
    const call: Call = { service: "ImageService", method: "ImageStatus" };
    return (await this.call<{ image?: Image }>(call, { image }, signal)).image;
  }

  async pullImage(request: Request<"pullImage">, signal: AbortSignal): Promise<string> {
    const call: Call = { service: "ImageService", method: "PullImage" };
    return (await this.call<{ imageRef: string }>(call, request, signal)).imageRef;
  }

  async removeImage(image: ImageSpec, signal: AbortSignal): Promise<void> {
    await this.call({ service: "ImageService", method: "RemoveImage" }, { image }, signal);
  }

  imageFsInfo(signal: AbortSignal): Promise<ImageFsInfo> {
    return this.call<ImageFsInfo>({ service: "ImageService", method: "ImageFsInfo" }, {}, signal);
  }

  private async call<Answer = object>(call: Call, request: object, signal: AbortSignal): Promise<Answer> {
    const { service = "RuntimeService", method } = call;
    try {
      const bytes = this.codec.encode(`${method}Request`, request);
      const answer = await this.client.unary(`/runtime.v1.${service}/${method}`, bytes, signal);
      return this.codec.decode(`${method}Response`, answer) as Answer;
    } catch (error) {
      throw runtimeErrorOf(error);
    }
  }
}

function runtimeErrorOf(error: unknown): unknown {
  return error instanceof GrpcError ? new RuntimeError(codes[error.code] ?? "Unknown", error.message) : error;
}

async function unlessNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "NotFound") return undefined;
    throw error;
  }
}
