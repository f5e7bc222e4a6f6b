/** What is known of a pod on this node: its sandboxes and containers, as the runtime last told. */
import type { ContainerStatus, PodSandboxStatus } from "#host/cri.ts";
import type { Container, EphemeralContainer } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import { byName } from "./by-name.ts";

export interface ObservedContainer extends ContainerStatus {
  readonly podSandboxId: string;
}

export interface ObservedPod {
  /** Newest first. */
  readonly sandboxes: readonly PodSandboxStatus[];
  /** Newest first, of all sandboxes. */
  readonly containers: readonly ObservedContainer[];
}

interface Attempted {
  readonly createdAt: number;
  readonly metadata: { readonly attempt: number };
}

/** By the number that the kubelet gave each: the runtime's times are of a clock that may have been set in between. */
export function newestFirst(a: Attempted, b: Attempted): number {
  return b.metadata.attempt - a.metadata.attempt || b.createdAt - a.createdAt;
}

export const nothingObserved: ObservedPod = { sandboxes: [], containers: [] };

export type ProbeKind = "startup" | "liveness" | "readiness";
export type ProbeResult = "unknown" | "success" | "failure";
/** The last result of a probe of a running container; "unknown" before the first. */
export type ProbeResults = (containerId: string, kind: ProbeKind) => ProbeResult;

// Each is asked for by its name many times in one look. Invariant: what was observed does not change.
const observedByName = new WeakMap<ObservedPod, ReadonlyMap<string, readonly ObservedContainer[]>>();

/** The containers of that name, newest first. */
export function instancesOf(observed: ObservedPod, name: string): readonly ObservedContainer[] {
  let instances = observedByName.get(observed);
  if (!instances) {
    instances = Map.groupBy(observed.containers, (container) => container.metadata.name);
    observedByName.set(observed, instances);
  }
  return instances.get(name) ?? [];
}

// The node asks for the containers of all pods by their ids, each by itself.
const observedById = new WeakMap<ObservedPod, ReadonlyMap<string, ObservedContainer>>();

export function containerById(observed: ObservedPod, id: string): ObservedContainer | undefined {
  let known = observedById.get(observed);
  if (!known) {
    known = new Map(observed.containers.map((container) => [container.id, container]));
    observedById.set(observed, known);
  }
  return known.get(id);
}

/** The newest container of that name. */
export function newestContainer(observed: ObservedPod, name: string): ObservedContainer | undefined {
  return instancesOf(observed, name)[0];
}

/** The newest container of that name in the newest sandbox. */
export function currentContainer(observed: ObservedPod, name: string): ObservedContainer | undefined {
  const sandboxId = observed.sandboxes[0]?.id;
  return instancesOf(observed, name).find((container) => container.podSandboxId === sandboxId);
}

export const isRunning = (container: ObservedContainer | undefined): boolean =>
  container?.state === "CONTAINER_RUNNING";

/** Whether it began at all: a container that was made and never started has no outcome. */
export const hasStarted = (container: ObservedContainer | undefined): boolean =>
  container?.state === "CONTAINER_RUNNING" || container?.state === "CONTAINER_EXITED";

/** An init container that keeps running beside the pod's containers. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** Init containers, then containers. */
export function containersOf(pod: Pod): readonly Container[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
}

/** Every container of a pod by any name it may have. */
export function findContainer(pod: Pod, name: string): Container | EphemeralContainer | undefined {
  const { initContainers, containers, ephemeralContainers } = pod.spec;
  return byName(initContainers, name) ?? byName(containers, name) ?? byName(ephemeralContainers, name);
}

/** True when a container of the pod, not an init container, was started in the newest sandbox. */
export function isInitialized(pod: Pod, observed: ObservedPod): boolean {
  return pod.spec.containers.some((container) => currentContainer(observed, container.name) !== undefined);
}

/** Whether a container has passed its start: it runs, and its startup probe, if any, has succeeded. */
export function hasPassedStartup(container: Container, state: ObservedContainer, probes: ProbeResults): boolean {
  return isRunning(state) && (!container.startupProbe || probes(state.id, "startup") === "success");
}
