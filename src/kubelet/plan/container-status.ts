/** The status of each container as the API shows it, from what the runtime and the probes told. */
import { rfc3339 } from "#base/clock.ts";
import type { Container, EphemeralContainer } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { ContainerState, ContainerStatus } from "#resources/core/pod-status.ts";
import { byName } from "./by-name.ts";
import {
  hasPassedStartup,
  hasStarted,
  instancesOf,
  isInitialized,
  isRunning,
  isSidecar,
  type ObservedContainer,
  type ObservedPod,
  type ProbeResults,
} from "./observation.ts";
import { resizeOf } from "./resize.ts";
import type { Waiting } from "./pod-actions.ts";

export interface StatusInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly probes: ProbeResults;
  /** Why containers could not start, by name. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** Termination messages by container id. */
  readonly messages: ReadonlyMap<string, string>;
  /** The runtime's name, which container ids are prefixed with. */
  readonly runtimeName: string;
  /** True once nothing of the pod will be started again. */
  readonly terminal: boolean;
}

const timeOf = (nanoseconds: number): string => rfc3339(nanoseconds / 1e6);
/** Of all containers of a pod together, in equal parts, as upstream. */
const messagesOfPodBytesMax = 12 * 1024;

export interface ContainerStatuses {
  readonly initContainerStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
  readonly ephemeralContainerStatuses: readonly ContainerStatus[];
}

export function containerStatuses(input: StatusInput): ContainerStatuses {
  const { pod } = input;
  const of = (containers: readonly (Container | EphemeralContainer)[]): ContainerStatus[] =>
    containers.map((container) => statusOf(input, container));
  return {
    initContainerStatuses: of(pod.spec.initContainers ?? []),
    // Upstream's order is by name.
    containerStatuses: of(pod.spec.containers).sort((a, b) => (a.name < b.name ? -1 : 1)),
    ephemeralContainerStatuses: of(pod.spec.ephemeralContainers ?? []),
  };
}

function statusOf(input: StatusInput, container: Container | EphemeralContainer): ContainerStatus {
  const instances = instancesOf(input.observed, container.name);
  const [newest] = instances;
  const known = newest ?? undefined;
  const previous = previousStatus(input.pod, container.name);
  const state = stateOf(input, container, known);
  const lastState = lastStateOf(input, instances, { state, previous });
  const ready = readyOf(input, container, known);
  const started = startedOf(input, container, known);
  const user = known?.user?.linux;
  return {
    name: container.name,
    state,
    lastState,
    ready,
    restartCount: known?.metadata.attempt ?? previous?.restartCount ?? 0,
    image: imageOf(known) ?? container.image ?? "",
    imageID: known?.imageId === undefined ? "" : imageIdOf(known),
    ...(known && { containerID: `${input.runtimeName}://${known.id}` }),
    started,
    ...(known && isRunning(known) && resourcesOf(input, container, known)),
    ...volumeMountsOf(container),
    ...(user && { user: { linux: { uid: user.uid, gid: user.gid, supplementalGroups: user.supplementalGroups } } }),
  };
}

function imageOf(known: ObservedContainer | undefined): string | undefined {
  if (!known) return undefined;
  const { image, userSpecifiedImage } = known.image;
  const shown = userSpecifiedImage === undefined || userSpecifiedImage === "" ? image : userSpecifiedImage;
  return shown === "" ? undefined : shown;
}

/** A reference with the repository's digest when the runtime knows one, else the image's id. */
function imageIdOf(known: ObservedContainer): string {
  return known.imageRef === "" ? known.imageId : known.imageRef;
}

/** What the container was granted, and what it has: those two differ until a change has come through. */
function resourcesOf(
  input: StatusInput,
  container: Container | EphemeralContainer,
  known: ObservedContainer,
): Partial<ContainerStatus> {
  const { limits, requests } = container.resources ?? {};
  const cpu = requests?.["cpu"] ?? limits?.["cpu"];
  const memory = requests?.["memory"] ?? limits?.["memory"];
  const granted = { ...requests, ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) };
  const hasAny = Object.keys(granted).length > 0;
  const actual = { ...(limits && { limits }), ...(hasAny && { requests: granted }) };
  const changing = resizeOf(input.pod, container, known) !== undefined;
  const before = previousStatus(input.pod, container.name)?.resources;
  return { ...(hasAny && { allocatedResources: granted }), resources: changing && before ? before : actual };
}

function volumeMountsOf(container: Container | EphemeralContainer): Partial<ContainerStatus> {
  if (!container.volumeMounts?.length) return {};
  return {
    volumeMounts: container.volumeMounts.map((mount) => ({
      name: mount.name,
      mountPath: mount.mountPath,
      ...(mount.readOnly && { readOnly: true, recursiveReadOnly: "Disabled" }),
    })),
  };
}

export function previousStatus(pod: Pod, name: string): ContainerStatus | undefined {
  const { initContainerStatuses, containerStatuses, ephemeralContainerStatuses } = pod.status ?? {};
  return (
    byName(containerStatuses, name) ?? byName(initContainerStatuses, name) ?? byName(ephemeralContainerStatuses, name)
  );
}

function stateOf(
  input: StatusInput,
  container: Container | EphemeralContainer,
  known: ObservedContainer | undefined,
): ContainerState {
  const waiting = input.waiting.get(container.name);
  if (waiting && !isRunning(known)) return { waiting };
  if (known && hasStarted(known)) return runtimeState(input, known);
  const previous = previousStatus(input.pod, container.name);
  // What ended for good and was tidied away by the runtime keeps its outcome.
  if (!known && previous?.state?.terminated) return previous.state;
  const needsInit = (input.pod.spec.initContainers?.length ?? 0) > 0;
  const isInit = byName(input.pod.spec.initContainers, container.name) !== undefined;
  return { waiting: { reason: needsInit && !isInit && !known ? "PodInitializing" : waitingReason(needsInit) } };
}

const waitingReason = (needsInit: boolean): string => (needsInit ? "PodInitializing" : "ContainerCreating");

function runtimeState(input: StatusInput, known: ObservedContainer): ContainerState {
  if (isRunning(known)) return { running: { startedAt: timeOf(known.startedAt) } };
  const message = firstBytes(input.messages.get(known.id) ?? known.message, messageBytesMax(input.pod));
  return {
    terminated: {
      exitCode: known.exitCode,
      reason: known.reason === "" ? (known.exitCode === 0 ? "Completed" : "Error") : known.reason,
      ...(message !== "" && { message }),
      ...(known.startedAt > 0 && { startedAt: timeOf(known.startedAt) }),
      finishedAt: timeOf(known.finishedAt),
      containerID: `${input.runtimeName}://${known.id}`,
    },
  };
}

function messageBytesMax({ spec }: Pod): number {
  return Math.floor(messagesOfPodBytesMax / Math.max(spec.containers.length + (spec.initContainers?.length ?? 0), 1));
}

/** Cut between two characters. */
function firstBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  return bytes.length <= bytesMax ? text : new TextDecoder().decode(bytes.subarray(0, bytesMax), { stream: true });
}

function lastStateOf(
  input: StatusInput,
  instances: readonly ObservedContainer[],
  shown: { readonly state: ContainerState; readonly previous: ContainerStatus | undefined },
): ContainerState {
  const { state, previous } = shown;
  const candidates = state.waiting ? instances : instances.slice(1);
  const ended = candidates.find((one) => one.state === "CONTAINER_EXITED");
  if (ended) return runtimeState(input, ended);
  if (instances.length === 0 && previous?.state?.running)
    return {
      terminated: {
        exitCode: 137,
        reason: "ContainerStatusUnknown",
        message: "The container could not be located when the pod was deleted.  The container used to be Running",
      },
    };
  return previous?.lastState ?? {};
}

function readyOf(
  input: StatusInput,
  container: Container | EphemeralContainer,
  known: ObservedContainer | undefined,
): boolean {
  if (!known) return false;
  const { initContainers, containers } = input.pod.spec;
  const init = byName(initContainers, container.name);
  if (init && !isSidecar(init)) return known.state === "CONTAINER_EXITED" && known.exitCode === 0;
  if (!isRunning(known) || !(init ?? byName(containers, container.name))) return false;
  if (!hasPassedStartup(container, known, input.probes)) return false;
  return !container.readinessProbe || input.probes(known.id, "readiness") === "success";
}

function startedOf(
  input: StatusInput,
  container: Container | EphemeralContainer,
  known: ObservedContainer | undefined,
): boolean {
  return known !== undefined && hasPassedStartup(container, known, input.probes);
}

/** What a pod that ended shows for containers without an outcome: it can no longer be known. */
export function concluded(input: StatusInput, statuses: ContainerStatuses): ContainerStatuses {
  if (!input.terminal) return statuses;
  const initialized = (input.pod.spec.initContainers?.length ?? 0) === 0 || isInitialized(input.pod, input.observed);
  const conclude = (status: ContainerStatus): ContainerStatus =>
    status.state?.terminated
      ? { ...status, ready: false, started: false }
      : {
          ...status,
          ready: false,
          started: false,
          state: status.state?.waiting && status.lastState?.terminated ? status.lastState : unknownOutcome,
        };
  return {
    ...statuses,
    containerStatuses: initialized ? statuses.containerStatuses.map(conclude) : statuses.containerStatuses,
    initContainerStatuses: statuses.initContainerStatuses.map((status) =>
      status.state?.running || (initialized && !status.state?.terminated) ? conclude(status) : status,
    ),
  };
}

const unknownOutcome: ContainerState = {
  terminated: {
    exitCode: 137,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located when the pod was terminated",
  },
};
