/**
 * Changing the resources of running containers in place.
 *
 * @see https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
 */
import type { LinuxContainerResources } from "#host/cri.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import { millisOf, wholeOf } from "./amounts.ts";
import { byName } from "./by-name.ts";
import { isRunning, type ObservedContainer } from "./observation.ts";
import { containerResources } from "./qos.ts";

export interface Resize {
  readonly container: Container;
  readonly state: ObservedContainer;
  readonly resources: LinuxContainerResources;
  /** The container wants to be started anew when such a resource changes. */
  readonly restart: boolean;
}

/** No limit, however it is written. */
const bound = (value: number | undefined): number => Math.max(value ?? 0, 0);

/** What has to change; undefined when the container has what it should, or the runtime does not tell what it has. */
export function resizeOf(pod: Pod, container: Container, state: ObservedContainer): Resize | undefined {
  const actual = state.resources?.linux;
  if (!actual || !isRunning(state)) return undefined;
  // How soon it is killed when memory runs out stays as it was at its start.
  const { oomScoreAdj: _, ...wanted } = containerResources(pod, container, Number.POSITIVE_INFINITY);
  const cpu = bound(wanted.cpuQuota) !== bound(actual.cpuQuota) || wanted.cpuShares !== actual.cpuShares;
  const memory = bound(wanted.memoryLimitInBytes) !== bound(actual.memoryLimitInBytes);
  if (!cpu && !memory) return undefined;
  const restarts = (name: string): boolean =>
    container.resizePolicy?.some((one) => one.resourceName === name && one.restartPolicy === "RestartContainer") ??
    false;
  // Zero means "leave as it is": a limit that goes is written as -1.
  const unlimited = (want: number | undefined, has: number | undefined): number =>
    bound(want) === 0 && bound(has) > 0 ? -1 : bound(want);
  return {
    container,
    state,
    restart: (cpu && restarts("cpu")) || (memory && restarts("memory")),
    resources: {
      ...wanted,
      cpuQuota: unlimited(wanted.cpuQuota, actual.cpuQuota),
      memoryLimitInBytes: unlimited(wanted.memoryLimitInBytes, actual.memoryLimitInBytes),
    },
  };
}

/**
 * What containers of a pod that ran before were granted, by name: from its status, for nothing else outlives kedge.
 * Containers that have what they ask for are left out, in whatever form that is written.
 */
export function grantedBefore(pod: Pod): ReadonlyMap<string, Container["resources"]> {
  const granted = new Map<string, Container["resources"]>();
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  for (const { name, allocatedResources, resources } of [...initContainerStatuses, ...containerStatuses]) {
    const container = byName(pod.spec.initContainers, name) ?? byName(pod.spec.containers, name);
    if (!container || !allocatedResources) continue;
    const had = { ...container.resources, requests: allocatedResources, limits: resources?.limits ?? {} };
    if (!sameAmounts(had, container.resources)) granted.set(name, had);
  }
  return granted;
}

function sameAmounts(a: Container["resources"], b: Container["resources"]): boolean {
  return deepEqual(amounts(a), amounts(b));
}

/** What is not requested is requested as it is limited. */
function amounts({ requests, limits }: NonNullable<Container["resources"]> = {}): readonly number[] {
  return [
    millisOf(requests?.["cpu"] ?? limits?.["cpu"]),
    millisOf(limits?.["cpu"]),
    wholeOf(requests?.["memory"] ?? limits?.["memory"]),
    wholeOf(limits?.["memory"]),
  ];
}

/** The pod with the resources its containers were last granted, by name. */
export function withGranted(pod: Pod, granted: ReadonlyMap<string, Container["resources"]>): Pod {
  const of = (container: Container): Container => {
    const resources = granted.get(container.name);
    return resources ? { ...container, resources } : container;
  };
  const { initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: pod.spec.containers.map(of),
      ...(initContainers && { initContainers: initContainers.map(of) }),
    },
  };
}
