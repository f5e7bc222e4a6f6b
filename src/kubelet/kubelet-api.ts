/**
 * What can be asked of a kubelet about its pods: logs, commands in containers, forwarded ports. The API server in the
 * same process calls it directly; `server.ts` answers the same over HTTPS.
 */
import { deadline, type Clock } from "#base/clock.ts";
import { RuntimeError, type ContainerRuntime } from "#host/cri.ts";
import type { Files } from "#host/files.ts";
import { badRequest, internal, notFound, unavailable } from "#machinery/status.ts";
import type { Pod } from "#resources/core/pod.ts";
import { HttpClient } from "#wire/http-client.ts";
import { dialPortForward, type PortForwardDial } from "#wire/port-forward.ts";
import { dialRemoteCommand, type RemoteCommand, type RemoteWants } from "#wire/remote-streams.ts";
import { readLog, watchGrown, type LogOptions } from "./container-log.ts";
import { findContainer, isRunning, type ObservedContainer } from "./plan/observation.ts";
import type { Pods } from "./pods.ts";
import type { PodWorker } from "./pod-worker.ts";

export interface PodTarget {
  readonly namespace: string;
  readonly pod: string;
  /** When given, a pod of the same name that took its place is not meant. */
  readonly uid?: string;
}

export interface ContainerTarget extends PodTarget {
  readonly container: string;
}

export interface ContainerLogRequest extends ContainerTarget, LogOptions {
  /** Of the instance before the last start. */
  readonly previous: boolean;
  readonly signal: AbortSignal;
}

/** Every method throws a StatusError when the pod or container is not there, or not in a state for it. */
export interface KubeletApi {
  /** The log's text in pieces. The first failure comes before the first piece. */
  containerLogs(request: ContainerLogRequest): Promise<AsyncIterable<Uint8Array>>;
  /** Starts a command in a container. The caller closes it. */
  exec(target: ContainerTarget, command: readonly string[], how: RemoteOptions): Promise<RemoteCommand>;
  /** Joins the container's own streams. */
  attach(target: ContainerTarget, how: RemoteOptions): Promise<RemoteCommand>;
  portForward(target: PodTarget, how: { readonly signal: AbortSignal }): Promise<PortForwardDial>;
  /** Runs a command to its end. @returns What it wrote. */
  run(target: ContainerTarget, command: readonly string[], signal: AbortSignal): Promise<Uint8Array>;
  pods(): readonly Pod[];
}

export interface RemoteOptions {
  readonly wants: RemoteWants;
  /** Limits the handshake. */
  readonly signal: AbortSignal;
}

// How often a followed log's container is looked at, besides every change of the file.
const lookMs = 200;
// A request waits no longer for a kubelet that has just started.
const knownMs = 10_000;

export class PodAccess implements KubeletApi {
  private readonly parts: { readonly runtime: ContainerRuntime; readonly files: Files; readonly clock: Clock };
  private readonly all: Pods;

  constructor(parts: { readonly runtime: ContainerRuntime; readonly files: Files; readonly clock: Clock }, all: Pods) {
    this.parts = parts;
    this.all = all;
  }

  pods(): readonly Pod[] {
    return this.all.all().map(({ current, shownStatus }) => ({ ...current, status: shownStatus ?? current.status }));
  }

  async containerLogs(request: ContainerLogRequest): Promise<AsyncIterable<Uint8Array>> {
    const { files } = this.parts;
    const worker = await this.worker(request, request.signal);
    const state = loggedInstance(worker, request);
    const path = state.logPath;
    const open = (): Promise<boolean> =>
      Promise.resolve(isRunning(worker.observed.containers.find((one) => one.id === state.id)));
    return readLog(files, { path, open, grown: watchGrown(this.parts, path, lookMs) }, request);
  }

  async exec(target: ContainerTarget, command: readonly string[], how: RemoteOptions): Promise<RemoteCommand> {
    const { wants, signal } = how;
    const { id: containerId } = await this.runningContainer(target, signal);
    const url = await asked(this.parts.runtime.execUrl({ containerId, cmd: command, ...withoutTwo(wants) }, signal));
    return await dialCommand(url, how);
  }

  async attach(target: ContainerTarget, how: RemoteOptions): Promise<RemoteCommand> {
    const { id: containerId } = await this.runningContainer(target, how.signal);
    const container = findContainer((await this.worker(target, how.signal)).current, target.container);
    // A container without a terminal, or without input, cannot be given one now.
    const tty = container?.tty === true && how.wants.tty;
    const wants = { ...how.wants, tty, stdin: how.wants.stdin && container?.stdin === true };
    const url = await asked(this.parts.runtime.attachUrl({ containerId, ...withoutTwo(wants) }, how.signal));
    return await dialCommand(url, { ...how, wants });
  }

  async portForward(target: PodTarget, { signal }: { readonly signal: AbortSignal }): Promise<PortForwardDial> {
    const sandbox = (await this.worker(target, signal)).observed.sandboxes[0];
    if (sandbox?.state !== "SANDBOX_READY") throw badRequest(`pod "${target.pod}" has no running sandbox`);
    const url = await asked(this.parts.runtime.portForwardUrl({ podSandboxId: sandbox.id, port: [] }, signal));
    const { origin, pathname, search } = new URL(url);
    const client = new HttpClient({ url: origin, protocol: "h1" });
    return await dialPortForward(client, { target: `${pathname}${search}`, signal });
  }

  async run(target: ContainerTarget, command: readonly string[], signal: AbortSignal): Promise<Uint8Array> {
    const { id: containerId } = await this.runningContainer(target, signal);
    const answer = await asked(this.parts.runtime.execSync({ containerId, cmd: command, timeoutSeconds: 0 }, signal));
    if (answer.exitCode !== 0) throw internal(`command "${command.join(" ")}" exited with ${answer.exitCode}`);
    return Buffer.concat([answer.stdout, answer.stderr]);
  }

  /** A kubelet that has just started first has to know its pods, and what runs of them. */
  private async worker({ namespace, pod, uid }: PodTarget, signal: AbortSignal): Promise<PodWorker> {
    using limit = deadline(this.parts.clock, knownMs, signal);
    await known(this.all.whenListed, limit.signal);
    const worker = this.all.find(namespace, pod);
    if (!worker || (uid !== undefined && uid !== worker.uid))
      throw notFound({ group: "", resource: "pods", name: pod });
    await known(worker.whenLooked, limit.signal);
    return worker;
  }

  private async runningContainer(target: ContainerTarget, signal: AbortSignal): Promise<ObservedContainer> {
    const { observed, current } = await this.worker(target, signal);
    requireContainer(current, target);
    const state = observed.containers.find((one) => one.metadata.name === target.container && isRunning(one));
    if (!state) throw badRequest(`container not found ("${target.container}")`);
    return state;
  }
}

/** @throws StatusError 503 when it is not so in time. */
async function known(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const giveUp = (): void => reject(unavailable("the node agent does not know its pods yet"));
  if (signal.aborted) giveUp();
  else signal.addEventListener("abort", giveUp, { once: true });
  work.then(resolve, reject);
  await promise.finally(() => signal.removeEventListener("abort", giveUp));
}

function requireContainer(pod: Pod, { container, pod: name }: ContainerTarget): void {
  if (!findContainer(pod, container)) throw badRequest(`container ${container} is not valid for pod ${name}`);
}

/** The instance whose log is meant. */
function loggedInstance(worker: PodWorker, request: ContainerLogRequest): ObservedContainer {
  const { container, pod, previous } = request;
  requireContainer(worker.current, request);
  const instances = worker.observed.containers.filter((one) => one.metadata.name === container);
  const [newest] = instances;
  const shown = worker.shownStatus;
  const statuses = [
    ...(shown?.containerStatuses ?? []),
    ...(shown?.initContainerStatuses ?? []),
    ...(shown?.ephemeralContainerStatuses ?? []),
  ];
  const status = statuses.find((one) => one.name === container);
  if (previous) {
    const id = status?.lastState?.terminated?.containerID;
    const ended = instances.find((one) => id?.endsWith(`//${one.id}`));
    if (ended) return ended;
    throw badRequest(`previous terminated container "${container}" in pod "${pod}" not found`);
  }
  if (newest && newest.state !== "CONTAINER_CREATED") return newest;
  const why = status?.state?.waiting?.reason ?? "ContainerCreating";
  const isPull = why === "ErrImagePull" || why === "ImagePullBackOff";
  throw badRequest(
    isPull
      ? `container "${container}" in pod "${pod}" is waiting to start: trying and failing to pull image`
      : `container "${container}" in pod "${pod}" is waiting to start: ${why}`,
  );
}

/** With a terminal, everything the command writes comes as one stream. */
function withoutTwo(wants: RemoteWants): RemoteWants {
  return { ...wants, stderr: wants.stderr && !wants.tty };
}

async function dialCommand(url: string, { wants, signal }: RemoteOptions): Promise<RemoteCommand> {
  const { origin, pathname, search } = new URL(url);
  const client = new HttpClient({ url: origin, protocol: "h1" });
  return await dialRemoteCommand(client, { target: `${pathname}${search}`, wants, signal });
}

/** The runtime's refusals in the API's words. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw error.code === "InvalidArgument" || error.code === "NotFound"
      ? badRequest(error.message)
      : internal(error.message);
  }
}
