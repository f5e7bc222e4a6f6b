/** The columns of pods: one line that says how a pod with all its containers fares. */
import type { Ages } from "#machinery/ages.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import type { Column } from "#machinery/resource.ts";
import { orNone } from "../column-texts.ts";
import type { Pod } from "./pod.ts";
import type { ContainerState, ContainerStatus } from "./pod-status.ts";

interface Summary {
  readonly ready: number;
  readonly containers: number;
  readonly status: string;
  readonly restarts: number;
  /** When the last restart was; "" when it is not known. */
  readonly restartedAt: string;
}

/** What containers of one sort add up to. */
class Tally {
  ready = 0;
  restarts = 0;
  restartedAt = "";

  add(container: ContainerStatus): void {
    this.restarts += container.restartCount;
    const finishedAt = container.lastState?.terminated?.finishedAt ?? "";
    if (finishedAt > this.restartedAt) this.restartedAt = finishedAt;
  }
}

function endText(ended: NonNullable<ContainerState["terminated"]>): string {
  if (ended.reason) return ended.reason;
  return ended.signal ? `Signal:${ended.signal}` : `ExitCode:${ended.exitCode}`;
}

interface Start {
  /** Of init containers that never finish and of all others. */
  readonly sidecars: Tally;
  readonly all: Tally;
  /** Why the pod is not past its init containers; absent when it is. */
  readonly waiting: string | undefined;
}

function startOf(pod: Pod): Start {
  const declared = pod.spec.initContainers ?? [];
  const sidecarNames = new Set(declared.filter((one) => one.restartPolicy === "Always").map((one) => one.name));
  const sidecars = new Tally();
  const all = new Tally();
  for (const [index, container] of (pod.status.initContainerStatuses ?? []).entries()) {
    const sidecar = sidecarNames.has(container.name);
    all.add(container);
    if (sidecar) sidecars.add(container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecar && container.started === true) {
      if (container.ready) sidecars.ready++;
      continue;
    }
    if (terminated) return { sidecars, all, waiting: `Init:${endText(terminated)}` };
    const why = waiting?.reason ?? "";
    const shown = why === "" || why === "PodInitializing" ? `${index}/${declared.length}` : why;
    return { sidecars, all, waiting: `Init:${shown}` };
  }
  return { sidecars, all, waiting: undefined };
}

const isTrue = (pod: Pod, type: string): boolean =>
  pod.status.conditions?.some((one) => one.type === type && one.status === "True") ?? false;

/** The last container in the list that has something to say decides. */
function runText(pod: Pod, before: string, tally: Tally): string {
  let status = before;
  let running = false;
  for (const container of (pod.status.containerStatuses ?? []).toReversed()) {
    tally.add(container);
    const { waiting, terminated, running: runs } = container.state ?? {};
    if (waiting?.reason) status = waiting.reason;
    else if (terminated) status = endText(terminated);
    else if (container.ready && runs) {
      running = true;
      tally.ready++;
    }
  }
  if (status !== "Completed" || !running) return status;
  return isTrue(pod, "Ready") ? "Running" : "NotReady";
}

function summarize(pod: Pod): Summary {
  const { phase = "", reason = "", conditions = [] } = pod.status;
  const sidecarCount = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === "Always").length;
  const gated = conditions.some((one) => one.type === "PodScheduled" && one.reason === "SchedulingGated");
  const start = startOf(pod);
  let tally = start.all;
  let status = start.waiting ?? (gated ? "SchedulingGated" : reason || phase);
  const readySidecars = start.sidecars.ready;
  if (start.waiting === undefined || isTrue(pod, "Initialized")) {
    tally = start.sidecars;
    status = runText(pod, status, tally);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (reason === "NodeLost") status = "Unknown";
    else if (phase !== "Failed" && phase !== "Succeeded") status = "Terminating";
  }
  return {
    ready: tally === start.sidecars ? tally.ready : readySidecars,
    containers: pod.spec.containers.length + sidecarCount,
    status,
    restarts: tally.restarts,
    restartedAt: tally.restartedAt,
  };
}

// The columns of one row ask about the same pod in turn.
let last: { readonly pod: Pod; readonly summary: Summary } | undefined;

function summaryOf(pod: Pod): Summary {
  if (last?.pod !== pod) last = { pod, summary: summarize(pod) };
  return last.summary;
}

function restartsText(pod: Pod, ages: Ages): string {
  const { restarts, restartedAt } = summaryOf(pod);
  return restarts === 0 || restartedAt === "" ? String(restarts) : `${restarts} (${ages.since(restartedAt)} ago)`;
}

function gatesText(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  return `${gates.filter((gate) => isTrue(pod, gate.conditionType)).length}/${gates.length}`;
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  text("Ready", (pod) => `${summaryOf(pod).ready}/${summaryOf(pod).containers}`),
  text("Status", (pod) => summaryOf(pod).status),
  text("Restarts", restartsText),
  ageColumn,
  text("IP", (pod) => orNone(pod.status.podIPs?.[0]?.ip), 1),
  text("Node", (pod) => orNone(pod.spec.nodeName), 1),
  text("Nominated Node", (pod) => orNone(pod.status.nominatedNodeName), 1),
  text("Readiness Gates", gatesText, 1),
];

/** Marks the rows of pods that ended. */
export function podCompleted(pod: Pod): { readonly reason: string; readonly message: string } | undefined {
  if (pod.status.phase === "Succeeded") return { reason: "Succeeded", message: "The pod has completed successfully." };
  return pod.status.phase === "Failed" ? { reason: "Failed", message: "The pod failed." } : undefined;
}
