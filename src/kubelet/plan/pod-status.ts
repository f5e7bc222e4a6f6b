/**
 * A pod's status: phase, conditions and containers, as upstream's kubelet computes them.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
 */
import { rfc3339 } from "#base/clock.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodCondition, PodStatus } from "#resources/core/pod-status.ts";
import { byName } from "./by-name.ts";
import { containerStatuses, concluded, type ContainerStatuses, type StatusInput } from "./container-status.ts";
import { isSidecar, newestContainer } from "./observation.ts";
import { sandboxAttempt } from "./pod-actions.ts";
import { qosClassOf } from "./qos.ts";
import { resizeOf } from "./resize.ts";

export interface PodStatusInput extends StatusInput {
  /** Of the node; the first is the primary one. */
  readonly hostIps: readonly string[];
  readonly nowMs: number;
  /** Why the pod as a whole ends, e.g. Evicted or DeadlineExceeded. */
  readonly failure?: { readonly reason: string; readonly message: string };
  /** Set when the node ends a pod against its will: DisruptionTarget. */
  readonly disruption?: { readonly reason: string; readonly message: string };
  /** Why other resources that the pod asks for are not granted. */
  readonly resizePending?: { readonly reason: string; readonly message: string };
}

type Phase = "Pending" | "Running" | "Succeeded" | "Failed";

/** The conditions that the kubelet owns; others belong to who set them, and DisruptionTarget to whoever came first. */
export const ownConditions: readonly string[] = [
  "PodReadyToStartContainers",
  "Initialized",
  "Ready",
  "ContainersReady",
  "PodScheduled",
  "PodResizePending",
  "PodResizeInProgress",
];

export function podStatus(input: PodStatusInput): PodStatus {
  const { pod, hostIps, failure } = input;
  const statuses = concluded(input, containerStatuses(input));
  const phase = finalPhase(input, statuses);
  const ips = podIps(input);
  const ephemeral = statuses.ephemeralContainerStatuses.length > 0;
  return {
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: conditions(input, statuses, phase),
    ...(failure ?? keptFailure(pod)),
    ...(hostIps[0] !== undefined && { hostIP: hostIps[0], hostIPs: hostIps.map((ip) => ({ ip })) }),
    ...(ips[0] !== undefined && { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: pod.status?.startTime ?? rfc3339(input.nowMs),
    ...(statuses.initContainerStatuses.length > 0 && { initContainerStatuses: statuses.initContainerStatuses }),
    containerStatuses: statuses.containerStatuses,
    ...(ephemeral && { ephemeralContainerStatuses: statuses.ephemeralContainerStatuses }),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
  };
}

function keptFailure(pod: Pod): { readonly reason?: string; readonly message?: string } {
  const { phase, reason, message } = pod.status ?? {};
  if (phase !== "Failed" && phase !== "Succeeded") return {};
  return { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) };
}

/** The pod's addresses: its sandbox' own, or the node's in the host's network. */
function podIps(input: PodStatusInput): readonly string[] {
  const { pod, observed, hostIps } = input;
  if (pod.spec.hostNetwork) return observed.sandboxes.length > 0 ? hostIps : [];
  const network = observed.sandboxes[0]?.network;
  if (!network || network.ip === "") return (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  return [network.ip, ...network.additionalIps.map(({ ip }) => ip)];
}

function finalPhase(input: PodStatusInput, statuses: ContainerStatuses): Phase {
  const before = input.pod.status?.phase;
  // A pod that ended stays ended.
  if (before === "Failed" || before === "Succeeded") return before;
  if (input.failure) return "Failed";
  const phase = phaseOf(input.pod, statuses, input.terminal);
  return input.terminal && phase !== "Succeeded" ? "Failed" : phase;
}

/** The phase that the containers' states add up to. */
export function phaseOf(pod: Pod, statuses: ContainerStatuses, terminal: boolean): Phase {
  const init = initTally(pod, statuses);
  const never = pod.spec.restartPolicy === "Never";
  if (init.failed > 0 && never) return "Failed";
  const started = statuses.containerStatuses.some((status) => status.state?.running ?? status.state?.terminated);
  if (init.pending > 0 && !started) return "Pending";
  const all = statuses.containerStatuses;
  const waiting = all.filter((one) => one.state?.waiting && !one.lastState?.terminated).length;
  const running = all.filter((one) => one.state?.running).length + init.running;
  const stopped = all.filter(
    (one) => one.state?.terminated ?? (one.state?.waiting && one.lastState?.terminated),
  ).length;
  const succeeded = all.filter((one) => one.state?.terminated?.exitCode === 0).length;
  if (waiting > 0) return "Pending";
  if (running > 0) return "Running";
  if (stopped === 0) return "Pending";
  if (terminal) return stopped === succeeded ? "Succeeded" : "Failed";
  if (pod.spec.restartPolicy === "Always" || pod.spec.restartPolicy === undefined) return "Running";
  if (stopped === succeeded) return "Succeeded";
  return never ? "Failed" : "Running";
}

function initTally(
  pod: Pod,
  statuses: ContainerStatuses,
): { readonly pending: number; readonly failed: number; readonly running: number } {
  let [pending, failed, running] = [0, 0, 0];
  for (const container of pod.spec.initContainers ?? []) {
    const status = byName(statuses.initContainerStatuses, container.name);
    const ended = status?.state?.terminated ?? (status?.state?.waiting ? status.lastState?.terminated : undefined);
    if (isSidecar(container)) {
      if (status?.state?.running) running += 1;
      if (!status?.started && !status?.state?.terminated) pending += 1;
    } else if (ended && ended.exitCode !== 0) failed += 1;
    else if (!status?.state?.terminated) pending += 1;
    if (!isSidecar(container) && ended && ended.exitCode !== 0 && pod.spec.restartPolicy !== "Never") pending += 1;
  }
  return { pending, failed, running };
}

type Verdict = Pick<PodCondition, "status" | "reason" | "message">;

function conditions(input: PodStatusInput, statuses: ContainerStatuses, phase: Phase): PodCondition[] {
  const { pod, observed, disruption } = input;
  const containersReady = containersReadiness(pod, statuses, phase);
  const sandboxGood = !input.terminal && sandboxAttempt(pod, observed) === undefined;
  const verdicts: Record<string, Verdict> = {
    ...(disruption && { DisruptionTarget: { status: "True", ...disruption } }),
    PodReadyToStartContainers: { status: sandboxGood ? "True" : "False" },
    Initialized: initialization(pod, statuses, phase),
    Ready: readiness(pod, containersReady),
    ContainersReady: containersReady,
    PodScheduled: { status: "True" },
    ...(input.resizePending && { PodResizePending: { status: "True", ...input.resizePending } }),
    ...(!input.terminal && isResizing(input) && { PodResizeInProgress: { status: "True" } }),
  };
  return Object.entries(verdicts).map(([type, verdict]) => dated(input, type, verdict));
}

function isResizing({ pod, observed }: PodStatusInput): boolean {
  return pod.spec.containers.some((container) => {
    const state = newestContainer(observed, container.name);
    return state !== undefined && resizeOf(pod, container, state) !== undefined;
  });
}

/** A condition keeps the time of its last change of status. */
function dated(input: PodStatusInput, type: string, verdict: Verdict): PodCondition {
  const before = input.pod.status?.conditions?.find((condition) => condition.type === type);
  const { generation } = input.pod.metadata;
  return {
    type,
    ...(generation !== undefined && { observedGeneration: generation }),
    ...verdict,
    lastTransitionTime:
      before?.status === verdict.status && before.lastTransitionTime !== undefined
        ? before.lastTransitionTime
        : rfc3339(input.nowMs),
  };
}

const listed = (names: readonly string[]): string => `[${names.join(" ")}]`;

function containersReadiness(pod: Pod, statuses: ContainerStatuses, phase: Phase): Verdict {
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  const { initContainerStatuses, containerStatuses: others } = statuses;
  const unready = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers]
    .map((container) => container.name)
    .filter((name) => !(byName(initContainerStatuses, name) ?? byName(others, name))?.ready);
  if (unready.length === 0) return { status: "True" };
  return {
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: ${listed(unready)}`,
  };
}

function readiness(pod: Pod, containersReady: Verdict): Verdict {
  if (containersReady.status !== "True") return containersReady;
  const problems = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = pod.status?.conditions?.find((condition) => condition.type === conditionType);
    if (!found) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (found.status === "True") return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`];
  });
  if (problems.length === 0) return { status: "True" };
  return { status: "False", reason: "ReadinessGatesNotReady", message: problems.join(", ") };
}

function initialization(pod: Pod, statuses: ContainerStatuses, phase: Phase): Verdict {
  if (phase === "Succeeded") return { status: "True", reason: "PodCompleted" };
  const started = statuses.containerStatuses.some(
    (status) => status.state?.running ?? status.state?.terminated ?? status.lastState?.terminated,
  );
  if (started) return { status: "True" };
  const incomplete = (pod.spec.initContainers ?? [])
    .filter((container) => {
      const status = byName(statuses.initContainerStatuses, container.name);
      return isSidecar(container) ? !status?.started : !status?.ready;
    })
    .map((container) => container.name);
  if (incomplete.length === 0) return { status: "True" };
  return {
    status: "False",
    reason: "ContainersNotInitialized",
    message: `containers with incomplete status: ${listed(incomplete)}`,
  };
}
