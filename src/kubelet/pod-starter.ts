/** Carries out what was planned for a living pod, and remembers what later plans need of it. */
import { messageOf } from "#base/assert.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import type { PodSandboxStatus } from "#host/cri.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodFacts } from "./act/downward.ts";
import { removeLog } from "./container-log.ts";
import { observePod } from "./act/observe.ts";
import type { PodParts } from "./act/parts.ts";
import { configOfSandbox, createSandbox, writeHostsFile } from "./act/sandbox.ts";
import { startContainer } from "./act/start-container.ts";
import { stopContainer, stopPod } from "./act/stop-containers.ts";
import { instancesOf, type ObservedContainer, type ObservedPod } from "./plan/observation.ts";
import type { KillContainer, PodActions, StartContainer, Waiting } from "./plan/pod-actions.ts";
import { podCgroup, podLimits } from "./plan/qos.ts";
import { pauseAfter, type RestartPause } from "./plan/restart.ts";
import { graceSeconds } from "./plan/termination.ts";
import { VolumeError, type PlacedVolumes } from "./volumes/pod-volumes.ts";

export interface ActInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly actions: PodActions;
  readonly told: Set<string>;
  readonly waiting: Map<string, Waiting>;
  readonly record: (event: ObjectEvent) => void;
  /** When a container ended, on the clock that only goes forward. */
  readonly endedAtMs: (container: ObservedContainer) => number;
  /** Has the status written as it is now. */
  readonly publish: () => void;
  readonly signal: AbortSignal;
}

// Ended instances of a container that are kept for their logs.
const endedInstancesKept = 1;

export class PodStarter {
  readonly pauses = new Map<string, RestartPause>();
  /** True when objects that volumes show changed since they were placed. */
  volumesStale = false;
  private volumes: PlacedVolumes | undefined;
  /** What containers were last resized to, by id. */
  private readonly resized = new Map<string, string>();
  private readonly parts: PodParts;

  constructor(parts: PodParts) {
    this.parts = parts;
  }

  renewAtMs(pod: Pod): number | undefined {
    return this.parts.volumes.tokens.renewAtMs(pod.metadata.uid ?? "");
  }

  /** @returns When to try again what could not be done now. */
  async act(input: ActInput): Promise<number | undefined> {
    const { actions, observed } = input;
    this.forgetGone(input);
    await this.refreshVolumes(input);
    if (actions.killPod) {
      if (observed.sandboxes.length > 0 && actions.createSandbox)
        input.record({
          type: "Normal",
          reason: "SandboxChanged",
          message: "Pod sandbox changed, it will be killed and re-created.",
        });
      await this.killPod(input);
    }
    for (const kill of actions.kill) await this.kill(input, kill);
    const fresh = actions.resize.filter(
      ({ state, resources }) => this.resized.get(state.id) !== JSON.stringify(resources),
    );
    if (fresh.length > 0 || actions.kill.some(({ reason }) => reason === "Resized")) await this.resize(input);
    // What was resized is looked at again, once: the runtime has no event for it.
    if (actions.start.length === 0 && !actions.createSandbox) return fresh.length > 0 ? 0 : undefined;
    await this.findVolumesLost(input);
    this.volumes ??= await this.placeVolumes(input);
    const sandbox = await this.sandbox(input);
    if (!sandbox) return undefined;
    const now = actions.createSandbox ? await observePod(this.parts, input) : observed;
    return await this.startAll({ ...input, observed: now }, { sandbox, volumes: this.volumes });
  }

  /** What is remembered of containers goes with them: a pod may live for years, and restart one every few minutes. */
  private forgetGone({ observed, told }: ActInput): void {
    const ids = new Set(observed.containers.map(({ id }) => id));
    for (const id of told) if (!ids.has(id)) told.delete(id);
    for (const id of this.resized.keys()) if (!ids.has(id)) this.resized.delete(id);
  }

  private facts(pod: Pod, sandbox: PodSandboxStatus | undefined): PodFacts {
    const { config, allocatable } = this.parts;
    const network = sandbox?.network;
    const own = network && network.ip !== "" ? [network.ip, ...network.additionalIps.map(({ ip }) => ip)] : [];
    return { pod, podIps: pod.spec.hostNetwork ? config.nodeIps : own, hostIps: config.nodeIps, allocatable };
  }

  private async placeVolumes(input: ActInput): Promise<PlacedVolumes> {
    const { pod, observed } = input;
    const context = { facts: this.facts(pod, observed.sandboxes[0]), references: this.parts.references.of(pod) };
    try {
      this.volumesStale = false;
      return await this.parts.volumes.place(context);
    } catch (error) {
      if (error instanceof VolumeError)
        input.record({ type: "Warning", reason: "FailedMount", message: error.message });
      throw error;
    }
  }

  /** The runtime would make a folder that is gone anew, as root's alone: whatever is missing is placed as it was at first. */
  private async findVolumesLost({ pod, record }: ActInput): Promise<void> {
    if (!this.volumes) return;
    for (const name of await this.parts.volumes.lost(pod)) {
      this.volumes = undefined;
      const message = `expected the folder of volume "${name}" as it was placed, found it removed; it is made anew`;
      record({ type: "Warning", reason: "FailedMount", message });
    }
  }

  /** Shows in the volumes of a running pod what changed since, and new tokens in time. */
  private async refreshVolumes({ pod, observed, record }: ActInput): Promise<void> {
    const renewAtMs = this.renewAtMs(pod);
    const due = renewAtMs !== undefined && renewAtMs <= this.parts.clock.monotonicMs();
    if (!this.volumes && observed.sandboxes.length > 0) this.volumesStale = true;
    if (!this.volumesStale && !due) return;
    this.volumesStale = false;
    const context = { facts: this.facts(pod, observed.sandboxes[0]), references: this.parts.references.of(pod) };
    try {
      if (this.volumes) await this.parts.volumes.refresh(context);
      // After a new start of kedge, what a running pod has is found again.
      else this.volumes = await this.parts.volumes.place({ ...context, again: true });
    } catch (error) {
      // The running containers keep what they have; the next change, or the next start, tries again.
      record({ type: "Warning", reason: "FailedMount", message: messageOf(error) });
    }
  }

  private async sandbox({ pod, observed, actions, record, signal }: ActInput): Promise<PodSandboxStatus | undefined> {
    if (!actions.createSandbox) return observed.sandboxes[0];
    try {
      const id = await createSandbox(this.parts, pod, { attempt: actions.createSandbox.attempt, signal });
      return (await this.parts.runtime.podSandboxStatus(id, signal))?.status;
    } catch (error) {
      signal.throwIfAborted();
      record({
        type: "Warning",
        reason: "FailedCreatePodSandBox",
        message: `Failed to create pod sandbox: ${messageOf(error)}`,
      });
      throw error;
    }
  }

  private async startAll(
    input: ActInput,
    into: { readonly sandbox: PodSandboxStatus; readonly volumes: PlacedVolumes },
  ): Promise<number | undefined> {
    const { pod, waiting, actions } = input;
    const { sandbox, volumes } = into;
    const facts = this.facts(pod, sandbox);
    const hostsFile = await writeHostsFile(this.parts, pod, facts.podIps);
    const sandboxConfig = await configOfSandbox(this.parts, pod, sandbox.metadata.attempt);
    let retryAtMs: number | undefined;
    for (const start of actions.start) {
      const { name } = start.container;
      // Of a pod with hundreds, each is made by itself.
      await this.parts.turns.rest();
      await this.forgetOld(input, start);
      if (start.ended) {
        const endedAtMs = input.endedAtMs(start.ended);
        this.pauses.set(name, pauseAfter(endedAtMs, this.pauses.get(name), this.parts.clock.monotonicMs()));
      }
      const outcome = await startContainer(this.parts, {
        ...input,
        facts,
        start,
        sandboxId: sandbox.id,
        sandboxConfig,
        volumes,
        hostsFile,
      });
      if (outcome.kind === "started") waiting.delete(name);
      if (outcome.kind === "unwell") await this.stopUnwell(input, outcome.containerId);
      if (outcome.kind === "waiting") {
        waiting.set(name, outcome.waiting);
        retryAtMs = Math.min(retryAtMs ?? outcome.retryAtMs, outcome.retryAtMs);
        input.publish();
      }
    }
    return retryAtMs;
  }

  /** Removes instances that are older than those that are kept, and those that never started. */
  private async forgetOld({ observed, signal }: ActInput, { container }: StartContainer): Promise<void> {
    const instances = instancesOf(observed, container.name);
    const unstarted = instances.filter((one) => one.state === "CONTAINER_CREATED");
    const ended = instances.filter((one) => one.state === "CONTAINER_EXITED").slice(endedInstancesKept);
    for (const { id, logPath } of [...unstarted, ...ended]) {
      await this.parts.runtime.removeContainer(id, signal);
      await removeLog(this.parts.machine.files, logPath);
    }
  }

  private async kill(input: ActInput, { state, message, gracePeriodSeconds }: KillContainer): Promise<void> {
    const grace = graceSeconds(input.pod, gracePeriodSeconds);
    await stopContainer(this.parts, {
      ...input,
      state,
      deadlineMs: this.parts.clock.monotonicMs() + grace * 1000,
      podIp: this.facts(input.pod, input.observed.sandboxes[0]).podIps[0] ?? "",
      message: `${message}, will be restarted`,
    });
  }

  /** The pod's group grows before its containers do, and shrinks after them. */
  private async resize({ pod, actions, record, signal }: ActInput): Promise<void> {
    const { runtime, machine, config } = this.parts;
    const group = podCgroup(config.cgroupRoot, pod);
    // Refused by some kernels as long as the containers have more.
    await machine.cgroups.ensure(group, podLimits(pod)).catch(() => undefined);
    for (const { state, resources } of actions.resize) {
      this.resized.set(state.id, JSON.stringify(resources));
      await runtime.updateContainerResources({ containerId: state.id, linux: resources }, signal);
      const message = `Container ${state.metadata.name} resized`;
      record({
        type: "Normal",
        reason: "ResizeCompleted",
        message,
        fieldPath: `spec.containers{${state.metadata.name}}`,
      });
    }
    await machine.cgroups.ensure(group, podLimits(pod));
  }

  private async stopUnwell(input: ActInput, containerId: string): Promise<void> {
    const now = await observePod(this.parts, input);
    const state = now.containers.find((one) => one.id === containerId);
    if (!state) return;
    await stopContainer(this.parts, {
      ...input,
      state,
      deadlineMs: this.parts.clock.monotonicMs() + graceSeconds(input.pod) * 1000,
      podIp: this.facts(input.pod, now.sandboxes[0]).podIps[0] ?? "",
      message: "FailedPostStartHook",
    });
  }

  private async killPod(input: ActInput): Promise<void> {
    const { pod, observed } = input;
    await stopPod(this.parts, {
      ...input,
      deadlineMs: this.parts.clock.monotonicMs() + graceSeconds(pod) * 1000,
      podIp: this.facts(pod, observed.sandboxes[0]).podIps[0] ?? "",
    });
  }
}
