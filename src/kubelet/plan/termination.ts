/** How a pod ends: how long it may take, and in which order its containers stop. */
import type { Pod } from "#resources/core/pod.ts";
import { isRunning, isSidecar, type ObservedContainer, type ObservedPod } from "./observation.ts";

const graceSecondsDefault = 30;

/** The time a pod gets to end, in seconds. `override` is the node's own will, e.g. an eviction's. */
export function graceSeconds(pod: Pod, override?: number): number {
  const asked = pod.metadata.deletionGracePeriodSeconds;
  const own = pod.spec.terminationGracePeriodSeconds ?? graceSecondsDefault;
  if (override !== undefined) return Math.max(override, 0);
  // Deleting with 0 skips waiting for the node; whoever is still running then gets the shortest time there is.
  return asked === undefined ? own : Math.max(asked, 1);
}

/** Running containers in the groups that stop one after the other: all containers, then sidecars, last one first. */
export function stopOrder(pod: Pod, observed: ObservedPod): readonly (readonly ObservedContainer[])[] {
  const running = observed.containers.filter((container) => isRunning(container));
  const byContainer = Map.groupBy(running, (container) => container.metadata.name);
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map((container) => container.name);
  const late = sidecars.toReversed().map((name) => byContainer.get(name) ?? []);
  for (const name of sidecars) byContainer.delete(name);
  const groups = [[...byContainer.values()].flat(), ...late];
  return groups.filter((group) => group.length > 0);
}

/**
 * How much of its time a pod with a deadline has left; undefined without one, or before it started. Never more than the
 * deadline itself, whatever the wall clock says.
 */
export function deadlineLeftMs(pod: Pod, nowMs: number): number | undefined {
  const { activeDeadlineSeconds } = pod.spec;
  const startTime = pod.status?.startTime;
  if (activeDeadlineSeconds === undefined || startTime === undefined) return undefined;
  const limitMs = activeDeadlineSeconds * 1000;
  return Math.min(limitMs, Date.parse(startTime) + limitMs - nowMs);
}
