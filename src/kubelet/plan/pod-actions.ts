/**
 * What is to be done for a pod next: pure, from its specification and what was observed. The order of starts is
 * Kubernetes': sandbox, init containers one after the other, sidecars among them, then all containers.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
 */
import type { Container, EphemeralContainer } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import { annotation, hashOf } from "./identity.ts";
import {
  currentContainer,
  hasPassedStartup,
  isInitialized,
  isRunning,
  isSidecar,
  newestContainer,
  type ObservedContainer,
  type ObservedPod,
  type ProbeResults,
} from "./observation.ts";
import { resizeOf, type Resize } from "./resize.ts";
import { crashLoopMessage, dueAtMs, retriesInit, wantsRestart, type RestartPause } from "./restart.ts";

export interface PlanInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly probes: ProbeResults;
  /** By container name. */
  readonly pauses: ReadonlyMap<string, RestartPause>;
  /** When a container ended, on the same clock as `nowMs`: the one that only goes forward. */
  readonly endedAtMs: (container: ObservedContainer) => number;
  readonly nowMs: number;
}

export interface StartContainer {
  readonly role: "init" | "ephemeral" | "container";
  readonly container: Container | EphemeralContainer;
  /** How often it was started before. */
  readonly attempt: number;
  /** The instance that is replaced. */
  readonly ended: ObservedContainer | undefined;
}

export interface KillContainer {
  readonly container: Container;
  readonly state: ObservedContainer;
  readonly message: string;
  /** The probe that failed may shorten or stretch the grace period. */
  readonly gracePeriodSeconds: number | undefined;
  readonly reason: "FailedLivenessProbe" | "FailedStartupProbe" | "Changed" | "Resized";
}

export interface Waiting {
  readonly reason: string;
  readonly message: string;
}

export interface PodActions {
  /** Stop every container and sandbox there is, before anything else. */
  readonly killPod: boolean;
  /** Absent when the sandbox is good, or none is needed any more. */
  readonly createSandbox?: { readonly attempt: number };
  readonly kill: readonly KillContainer[];
  /** Containers that go on with other resources. */
  readonly resize: readonly Resize[];
  /** In this order. */
  readonly start: readonly StartContainer[];
  /** Containers that may not start yet, by name. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** When to plan again without any event. */
  readonly wakeAtMs: number | undefined;
}

type Unfitness = Pick<KillContainer, "message" | "reason" | "gracePeriodSeconds">;

function resized({ name }: Container): Unfitness {
  return { message: `Container ${name} resize requires restart`, reason: "Resized", gracePeriodSeconds: undefined };
}

class Plan {
  killPod = false;
  readonly kill: KillContainer[] = [];
  readonly resize: Resize[] = [];
  readonly start: StartContainer[] = [];
  readonly waiting = new Map<string, Waiting>();
  wakeAtMs: number | undefined;
  private readonly input: PlanInput;

  constructor(input: PlanInput) {
    this.input = input;
  }

  /** Starts the container, or has it wait for the end of its pause. */
  startOrWait(role: StartContainer["role"], container: Container, ended: ObservedContainer | undefined): void {
    const { pod, pauses, nowMs, endedAtMs } = this.input;
    const pause = pauses.get(container.name);
    const due = ended?.state === "CONTAINER_EXITED" ? dueAtMs(endedAtMs(ended), pause) : 0;
    if (pause && due > nowMs) {
      const message = crashLoopMessage(pod, container.name, pause.delayMs);
      this.waiting.set(container.name, { reason: "CrashLoopBackOff", message });
      this.wakeAtMs = Math.min(this.wakeAtMs ?? due, due);
      return;
    }
    this.start.push({ role, container, attempt: ended ? ended.metadata.attempt + 1 : 0, ended });
  }

  /**
   * Kills a running container whose probe failed or whose specification changed; resizes one that is fit.
   *
   * @returns Whether it goes.
   */
  killIfUnfit(container: Container, state: ObservedContainer): boolean {
    const resize = resizeOf(this.input.pod, container, state);
    const unfit = this.unfitness(container, state) ?? (resize?.restart ? resized(container) : undefined);
    if (unfit) this.kill.push({ container, state, ...unfit });
    else if (resize) this.resize.push(resize);
    return unfit !== undefined;
  }

  done(createSandbox?: { readonly attempt: number }): PodActions {
    const { killPod, kill, resize, start, waiting, wakeAtMs } = this;
    return { killPod, kill, resize, start, waiting, wakeAtMs, ...(createSandbox && { createSandbox }) };
  }

  private unfitness(container: Container, state: ObservedContainer): Unfitness | undefined {
    const name = container.name;
    const hash = state.annotations[annotation.hash];
    if (hash !== undefined && hash !== hashOf(container))
      return {
        message: `Container ${name} definition changed`,
        reason: "Changed",
        gracePeriodSeconds: undefined,
      };
    for (const kind of ["liveness", "startup"] as const) {
      if (this.input.probes(state.id, kind) !== "failure") continue;
      const probe = kind === "liveness" ? container.livenessProbe : container.startupProbe;
      return {
        message: `Container ${name} failed ${kind} probe`,
        reason: kind === "liveness" ? "FailedLivenessProbe" : "FailedStartupProbe",
        gracePeriodSeconds: probe?.terminationGracePeriodSeconds,
      };
    }
    return undefined;
  }
}

export function planPod(input: PlanInput): PodActions {
  const { pod, observed } = input;
  const plan = new Plan(input);
  const attempt = sandboxAttempt(pod, observed);
  if (attempt !== undefined) return planNewSandbox(plan, input, attempt);
  for (const container of pod.spec.ephemeralContainers ?? [])
    if (!newestContainer(observed, container.name))
      plan.start.push({ role: "ephemeral", container, attempt: 0, ended: undefined });
  if (!planInit(plan, input)) return plan.done();
  planContainers(plan, input);
  return plan.done();
}

/** The number of the sandbox that has to be made; undefined when the newest is good. */
export function sandboxAttempt(pod: Pod, observed: ObservedPod): number | undefined {
  const [newest] = observed.sandboxes;
  if (!newest) return 0;
  const ready = observed.sandboxes.filter((sandbox) => sandbox.state === "SANDBOX_READY").length;
  const hasNetwork = pod.spec.hostNetwork === true || (newest.network?.ip ?? "") !== "";
  return ready === 1 && newest.state === "SANDBOX_READY" && hasNetwork ? undefined : newest.metadata.attempt + 1;
}

function planNewSandbox(plan: Plan, input: PlanInput, attempt: number): PodActions {
  const { pod, observed } = input;
  plan.killPod = observed.sandboxes.length > 0;
  const restarts = pod.spec.restartPolicy !== "Never";
  if (!restarts && attempt !== 0 && observed.containers.length > 0) return plan.done();
  const unfinished = pod.spec.containers.filter((container) => {
    const state = newestContainer(observed, container.name);
    return !(state?.state === "CONTAINER_EXITED" && !wantsRestart(pod, container, state.exitCode));
  });
  if (unfinished.length === 0 && pod.spec.containers.length > 0) return plan.done();
  const [firstInit] = pod.spec.initContainers ?? [];
  if (firstInit) plan.startOrWait("init", firstInit, newestContainer(observed, firstInit.name));
  else
    for (const container of unfinished)
      plan.startOrWait("container", container, newestContainer(observed, container.name));
  return plan.done({ attempt });
}

/** Plans init containers and sidecars. @returns Whether the containers may run. */
function planInit(plan: Plan, input: PlanInput): boolean {
  const { pod, observed, probes } = input;
  const initialized = isInitialized(pod, observed);
  for (const container of pod.spec.initContainers ?? []) {
    const current = currentContainer(observed, container.name);
    const ended = newestContainer(observed, container.name);
    if (isSidecar(container)) {
      const lives = current && isRunning(current);
      if (!lives || plan.killIfUnfit(container, current)) {
        // One that is being killed starts again when its end is observed.
        if (!lives && (!initialized || !isPodFinished(input))) plan.startOrWait("init", container, ended);
        if (!initialized) return false;
      } else if (!initialized && !hasPassedStartup(container, current, probes)) return false;
      continue;
    }
    if (initialized) continue;
    if (current?.state === "CONTAINER_EXITED") {
      if (current.exitCode === 0) continue;
      if (retriesInit(pod, container, current.exitCode)) plan.startOrWait("init", container, current);
      else plan.killPod = true;
      return false;
    }
    if (!isRunning(current)) plan.startOrWait("init", container, ended);
    return false;
  }
  return true;
}

/** True when every container has ended for good: sidecars then are not started again. */
export function isPodFinished({ pod, observed }: Pick<PlanInput, "pod" | "observed">): boolean {
  return pod.spec.containers.every((container) => {
    const state = newestContainer(observed, container.name);
    return state?.state === "CONTAINER_EXITED" && !wantsRestart(pod, container, state.exitCode);
  });
}

function planContainers(plan: Plan, input: PlanInput): void {
  const { pod, observed } = input;
  let alive = 0;
  for (const container of pod.spec.containers) {
    const state = newestContainer(observed, container.name);
    if (state && isRunning(state)) {
      if (!plan.killIfUnfit(container, state) || wantsRestart(pod, container, 137)) alive += 1;
    } else if (state?.state !== "CONTAINER_EXITED" || wantsRestart(pod, container, state.exitCode)) {
      alive += 1;
      plan.startOrWait("container", container, state);
    }
  }
  if (alive === 0) plan.killPod = true;
}
