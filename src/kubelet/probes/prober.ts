/**
 * Probes of the running containers of a pod, each in its own rhythm.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes
 */
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Probe } from "#resources/core/probe.ts";
import { isRunning, type ObservedContainer, type ProbeKind, type ProbeResult } from "../plan/observation.ts";
import { previousStatus } from "../plan/container-status.ts";
import { ask, type Answer, type AskParts } from "./ask.ts";
import { counted, initialTally, type Tally } from "./tally.ts";

export interface ProberParts extends AskParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counts: ProbeCounts;
}

/** How often each probe had which result; `/metrics/probes`. */
export interface ProbeCounts {
  add(pod: Pod, probe: { readonly container: string; readonly kind: ProbeKind; readonly result: string }): void;
}

export interface ProbeListener {
  /** A result changed. */
  changed(): void;
  record(event: ObjectEvent): void;
}

const kinds = ["startup", "liveness", "readiness"] as const;
const secondsDefault = { period: 10, timeout: 1 };

interface Running {
  readonly stop: AbortController;
  readonly tallies: Map<ProbeKind, Tally>;
  /** Resolves once the startup probe succeeded. */
  readonly started: Promise<void>;
  readonly start: () => void;
}

export interface Probed {
  readonly pod: Pod;
  readonly container: Container;
  readonly state: ObservedContainer;
  readonly podIp: string;
}

/** The probes of one pod. */
export class Prober {
  private readonly parts: ProberParts;
  private readonly listener: ProbeListener;
  /** By container id. */
  private readonly running = new Map<string, Running>();

  constructor(parts: ProberParts, listener: ProbeListener) {
    this.parts = parts;
    this.listener = listener;
  }

  result(containerId: string, kind: ProbeKind): ProbeResult {
    return this.running.get(containerId)?.tallies.get(kind)?.result ?? "unknown";
  }

  /** Probes exactly these containers, as far as they run and have probes. */
  watch(containers: readonly Probed[]): void {
    const wanted = new Map(containers.filter(({ state }) => isRunning(state)).map((one) => [one.state.id, one]));
    for (const [id, { stop }] of this.running) {
      if (wanted.has(id)) continue;
      stop.abort();
      this.running.delete(id);
    }
    for (const [id, probed] of wanted) if (!this.running.has(id)) this.begin(probed);
  }

  /** Once a pod ends, only its readiness still matters. */
  stopRestarts(): void {
    for (const { tallies } of this.running.values()) {
      tallies.delete("liveness");
      tallies.delete("startup");
    }
  }

  close(): void {
    for (const { stop } of this.running.values()) stop.abort();
    this.running.clear();
  }

  private begin(probed: Probed): void {
    const { container, pod, state } = probed;
    let start = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const running: Running = { stop: new AbortController(), tallies: new Map(), started, start };
    this.running.set(state.id, running);
    // A container that was known before kedge started anew keeps what was known of it.
    const before = previousStatus(pod, container.name);
    const known = before?.containerID?.endsWith(`//${state.id}`) === true ? before : undefined;
    for (const kind of kinds) {
      const probe = container[`${kind}Probe`];
      if (!probe) continue;
      const was = { startup: known?.started, readiness: known?.ready, liveness: false }[kind];
      running.tallies.set(kind, was ? { result: "success", last: "success", run: 1 } : initialTally(kind));
    }
    if (!container.startupProbe || known?.started) start();
    for (const kind of running.tallies.keys())
      // The loop ends without an error when the signal is aborted.
      void this.loop(probed, kind, running).catch((error: unknown) => {
        if (!running.stop.signal.aborted) this.parts.log.error("probe loop ended", { kind, error: String(error) });
      });
  }

  private async loop(probed: Probed, kind: ProbeKind, running: Running): Promise<void> {
    const { clock } = this.parts;
    const { signal } = running.stop;
    const probe = probed.container[`${kind}Probe`];
    if (!probe) return;
    if (kind !== "startup") await running.started;
    const dueMs = probed.state.startedAt / 1e6 + (probe.initialDelaySeconds ?? 0) * 1000;
    await clock.sleep(Math.max(dueMs - clock.nowMs(), 0), signal);
    const periodMs = (probe.periodSeconds ?? secondsDefault.period) * 1000;
    while (!signal.aborted) {
      const tally = running.tallies.get(kind);
      // The startup probe's work is done; a container that failed is about to be killed.
      if (
        !tally ||
        (kind === "startup" && tally.result !== "unknown") ||
        (kind === "liveness" && tally.result === "failure")
      )
        return;
      const beganMs = clock.monotonicMs();
      await this.probeOnce(probed, { kind, probe, running });
      await clock.sleep(Math.max(periodMs - (clock.monotonicMs() - beganMs), 0), signal);
    }
  }

  private async probeOnce(
    probed: Probed,
    { kind, probe, running }: { readonly kind: ProbeKind; readonly probe: Probe; readonly running: Running },
  ): Promise<void> {
    const { pod, container, state, podIp } = probed;
    const answer = await ask(this.parts, probe, {
      container,
      containerId: state.id,
      podIp,
      timeoutSeconds: probe.timeoutSeconds ?? secondsDefault.timeout,
      signal: running.stop.signal,
    });
    const result = { success: "successful", failure: "failed", unknown: "unknown" }[answer.result];
    this.parts.counts.add(pod, { container: container.name, kind, result });
    if (answer.result !== "success" || answer.warns) this.tell(container, kind, answer);
    const before = running.tallies.get(kind);
    // An answer that is none changes nothing.
    if (!before || answer.result === "unknown") return;
    const after = counted(before, answer.result, probe);
    running.tallies.set(kind, after);
    if (after.result === before.result) return;
    if (kind === "startup" && after.result === "success") running.start();
    this.listener.changed();
  }

  private tell(container: Container, kind: ProbeKind, answer: Answer): void {
    const fieldPath = `spec.containers{${container.name}}`;
    const title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} probe`;
    const verb = { failure: "failed", unknown: "errored", success: "warning" }[answer.result];
    const reason = answer.result === "success" ? "ProbeWarning" : "Unhealthy";
    this.listener.record({ type: "Warning", reason, message: `${title} ${verb}: ${answer.output}`, fieldPath });
  }
}

/** Counts in the process' metrics, under upstream's name. */
export function probeCounts(metrics: Metrics): ProbeCounts {
  const counter = metrics.counter(
    "prober_probe_total",
    "Results of liveness, readiness and startup probes of containers.",
  );
  const title = { startup: "Startup", liveness: "Liveness", readiness: "Readiness" } as const;
  return {
    add: (pod, { container, kind, result }) =>
      counter.add({
        probe_type: title[kind],
        result,
        container,
        pod: pod.metadata.name ?? "",
        namespace: pod.metadata.namespace ?? "",
        pod_uid: pod.metadata.uid ?? "",
      }),
  };
}
