/**
 * The life of a pod on a fake node, as a pure function of what the API says of it: what happens next, and when. A pod
 * runs a moment after it was bound; one that is to end, ends; one that is deleted goes.
 */
import { rfc3339 } from "#base/clock.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { FakePod } from "../fake-pod-view.ts";

type PodStatus = Pod["status"];
type ContainerStatus = NonNullable<PodStatus["containerStatuses"]>[number];

/** Of a pod, in milliseconds but for the exit code: whole numbers. */
export const podAnnotations = {
  startMs: "fake.kedge.io/start-ms",
  runMs: "fake.kedge.io/run-ms",
  stopMs: "fake.kedge.io/stop-ms",
  exitCode: "fake.kedge.io/exit-code",
} as const;

/** How long things take on a fake node when the pod does not say. */
export interface PodTimes {
  readonly startMs: number;
  readonly stopMs: number;
}

interface Life extends PodTimes {
  /** Undefined when its containers run until they are stopped. */
  readonly runMs: number | undefined;
  readonly exitCode: number;
}

export interface Step {
  readonly kind: "start" | "end" | "stop" | "remove";
  readonly afterMs: number;
}

const annotationMax = 86_400_000;
const exitCodeMax = 255;
// Of a pod that is not meant to go on for ever and does not say how long it works.
const workMs = 1_000;
// Of a container that ends again and again, as upstream's.
const backoffFirstMs = 10_000;
const backoffMaxMs = 300_000;
const killed = 137;

/** What happens to the pod next; undefined when nothing does until it changes. */
export function nextStep(pod: FakePod, times: PodTimes): Step | undefined {
  const { phase } = pod.status;
  const isOver = phase === "Succeeded" || phase === "Failed";
  const life = lifeOf(pod, times);
  if (pod.metadata.deletionTimestamp !== undefined) {
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1_000;
    // What is left of a pod that was removed waits for its finalizers.
    if (graceMs === 0 && isOver) return undefined;
    const afterMs = Math.min(life.stopMs, graceMs);
    // Who counts pods that ended looks at their phase before the finalizers let them go.
    const isCounted = (pod.metadata.finalizers ?? []).length > 0 && !isOver;
    return isCounted ? { kind: "stop", afterMs } : { kind: "remove", afterMs: isOver ? 0 : afterMs };
  }
  if (isOver) return undefined;
  if (phase !== "Running") return { kind: "start", afterMs: life.startMs };
  if (life.runMs === undefined) return undefined;
  const restarts = Math.max(0, ...(pod.status.containerStatuses ?? []).map(({ restartCount }) => restartCount));
  const backoffMs = restarts === 0 ? 0 : Math.min(backoffFirstMs * 2 ** (restarts - 1), backoffMaxMs);
  return { kind: "end", afterMs: life.runMs + backoffMs };
}

function lifeOf(pod: FakePod, times: PodTimes): Life {
  const whole = (name: keyof typeof podAnnotations, max: number): number | undefined => {
    const value = wholeOf(pod.metadata.annotations?.[podAnnotations[name]]);
    return value !== undefined && value <= max ? value : undefined;
  };
  const ends = pod.spec.restartPolicy === "Never" || pod.spec.restartPolicy === "OnFailure";
  return {
    startMs: whole("startMs", annotationMax) ?? times.startMs,
    stopMs: whole("stopMs", annotationMax) ?? times.stopMs,
    runMs: whole("runMs", annotationMax) ?? (ends ? workMs : undefined),
    exitCode: whole("exitCode", exitCodeMax) ?? 0,
  };
}

function wholeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** What is wrong with the pod's annotations, in a sentence; undefined when nothing is. */
export function annotationProblem({ metadata }: FakePod): string | undefined {
  for (const [name, key] of Object.entries(podAnnotations)) {
    const text = metadata.annotations?.[key];
    const max = name === "exitCode" ? exitCodeMax : annotationMax;
    const value = wholeOf(text);
    if (text !== undefined && (value === undefined || value > max))
      return `expected a whole number from 0 to ${max} for the annotation ${key}, found "${text}"; the default is used`;
  }
  return undefined;
}

/** What the status becomes when the pod starts. */
export function startedStatus(
  pod: FakePod,
  where: { readonly podIP: string; readonly hostIP: string },
  nowMs: number,
): PodStatus {
  const now = rfc3339(nowMs);
  const { containers, initContainers = [] } = pod.spec;
  const running = { running: { startedAt: now } };
  const done = { terminated: { exitCode: 0, reason: "Completed", startedAt: now, finishedAt: now } };
  return {
    phase: "Running",
    hostIP: where.hostIP,
    hostIPs: [{ ip: where.hostIP }],
    podIP: where.podIP,
    podIPs: [{ ip: where.podIP }],
    startTime: now,
    conditions: conditionsOf(true, now),
    containerStatuses: containers.map((one) => containerStatus(pod, one, running)),
    ...(initContainers.length > 0 && {
      initContainerStatuses: initContainers.map((one) =>
        containerStatus(pod, one, one.restartPolicy === "Always" ? running : done),
      ),
    }),
  };
}

/** What it becomes when its containers end by themselves: they start again where the pod's policy says so. */
export function endedStatus(pod: FakePod, times: PodTimes, nowMs: number): PodStatus {
  const { exitCode } = lifeOf(pod, times);
  const { restartPolicy } = pod.spec;
  if (restartPolicy === "Never" || (restartPolicy === "OnFailure" && exitCode === 0))
    return overStatus(pod, exitCode, nowMs);
  const now = rfc3339(nowMs);
  return {
    containerStatuses: (pod.status.containerStatuses ?? []).map((one) => ({
      ...one,
      restartCount: one.restartCount + 1,
      lastState: terminated(one, exitCode, now),
      state: { running: { startedAt: now } },
    })),
  };
}

/** What it becomes when it was deleted and somebody still counts it. */
export function stoppedStatus(pod: FakePod, nowMs: number): PodStatus {
  return overStatus(pod, killed, nowMs);
}

function overStatus(pod: FakePod, exitCode: number, nowMs: number): PodStatus {
  const now = rfc3339(nowMs);
  const over = (one: ContainerStatus): ContainerStatus => ({
    ...one,
    ready: false,
    started: false,
    state: terminated(one, exitCode, now),
  });
  return {
    phase: exitCode === 0 ? "Succeeded" : "Failed",
    conditions: conditionsOf(false, now),
    containerStatuses: (pod.status.containerStatuses ?? []).map(over),
  };
}

function terminated({ state }: ContainerStatus, exitCode: number, now: string): NonNullable<ContainerStatus["state"]> {
  const startedAt = state?.running?.startedAt ?? now;
  return { terminated: { exitCode, reason: exitCode === 0 ? "Completed" : "Error", startedAt, finishedAt: now } };
}

function conditionsOf(ready: boolean, now: string): NonNullable<PodStatus["conditions"]> {
  const why = ready ? {} : { reason: "PodCompleted" };
  return [
    ...(ready ? [{ type: "PodReadyToStartContainers", status: "True", lastTransitionTime: now }] : []),
    ...(ready ? [{ type: "Initialized", status: "True", lastTransitionTime: now }] : []),
    { type: "ContainersReady", status: ready ? "True" : "False", lastTransitionTime: now, ...why },
    { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: now, ...why },
  ];
}

function containerStatus(
  { metadata }: FakePod,
  { name, image = "" }: { readonly name: string; readonly image?: string | undefined },
  state: NonNullable<ContainerStatus["state"]>,
): ContainerStatus {
  const containerID = `fake://${metadata.uid ?? ""}/${name}`;
  const isRunning = state.running !== undefined;
  const fixed = { name, image, imageID: image, containerID, restartCount: 0, lastState: {} };
  return { ...fixed, ready: true, started: isRunning, state };
}
