/**
 * Ending containers: preStop hook, stop signal, time to react, kill.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
 */
import { messageOf } from "#base/assert.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import type { Container } from "#resources/core/container.ts";
import type { LifecycleHandler } from "#resources/core/probe.ts";
import type { Pod } from "#resources/core/pod.ts";
import { annotation } from "../plan/identity.ts";
import { findContainer, type ObservedContainer, type ObservedPod } from "../plan/observation.ts";
import { stopOrder } from "../plan/termination.ts";
import { runHook } from "../probes/hooks.ts";
import type { PodParts } from "./parts.ts";

/** Upstream's least time between the stop signal and the kill. */
const reactSecondsMin = 2;

export interface StopInput {
  readonly pod: Pod;
  readonly state: ObservedContainer;
  /** On the clock that only goes forward. */
  readonly deadlineMs: number;
  readonly podIp: string;
  /** Containers whose preStop hook was begun: it runs once. */
  readonly told: Set<string>;
  readonly message: string;
  readonly record: (event: ObjectEvent) => void;
  readonly signal: AbortSignal;
}

/** Resolves when the container has ended. */
export async function stopContainer(parts: PodParts, input: StopInput): Promise<void> {
  const { state, deadlineMs, signal } = input;
  const name = state.metadata.name;
  const fieldPath = `spec.containers{${name}}`;
  if (!input.told.has(state.id)) {
    input.told.add(state.id);
    input.record({ type: "Normal", reason: "Killing", message: input.message, fieldPath });
    await preStop(parts, input, fieldPath);
  }
  const leftSeconds = Math.ceil((deadlineMs - parts.clock.monotonicMs()) / 1000);
  const timeoutSeconds = Math.max(leftSeconds, reactSecondsMin);
  await parts.runtime.stopContainer({ containerId: state.id, timeoutSeconds }, signal);
}

async function preStop(parts: PodParts, input: StopInput, fieldPath: string): Promise<void> {
  const { pod, state, deadlineMs, podIp, signal } = input;
  const found = findContainer(pod, state.metadata.name);
  const hook = found?.lifecycle?.preStop ?? annotatedHook(state);
  const timeoutSeconds = Math.floor((deadlineMs - parts.clock.monotonicMs()) / 1000);
  if (!hook || timeoutSeconds <= 0) return;
  const container: Container = found ?? { name: state.metadata.name, resources: {} };
  const call = { hook, container, containerId: state.id, podIp, timeoutSeconds, signal };
  const why = await runHook({ ...parts, network: parts.machine.network }, call);
  if (why !== undefined)
    input.record({ type: "Warning", reason: "FailedPreStopHook", message: `PreStopHook failed: ${why}`, fieldPath });
}

/** The hook of a container whose pod is no longer known. */
function annotatedHook(state: ObservedContainer): LifecycleHandler | undefined {
  const text = state.annotations[annotation.preStop];
  // Holds because containerConfig wrote it.
  return text === undefined ? undefined : (JSON.parse(text) as LifecycleHandler);
}

export interface StopPodInput extends Omit<StopInput, "state" | "message"> {
  readonly observed: ObservedPod;
}

/** Stops every container, then every sandbox. */
export async function stopPod(parts: PodParts, input: StopPodInput): Promise<void> {
  const { pod, observed, signal } = input;
  for (const group of stopOrder(pod, observed)) {
    await Promise.all(
      group.map((state) =>
        stopContainer(parts, { ...input, state, message: `Stopping container ${state.metadata.name}` }),
      ),
    );
  }
  for (const { id, state } of observed.sandboxes) {
    if (state !== "SANDBOX_READY" && state !== "SANDBOX_NOTREADY") continue;
    try {
      await parts.runtime.stopPodSandbox(id, signal);
    } catch (error) {
      signal.throwIfAborted();
      input.record({ type: "Warning", reason: "FailedKillPod", message: `error killing pod: ${messageOf(error)}` });
      throw error;
    }
  }
}
