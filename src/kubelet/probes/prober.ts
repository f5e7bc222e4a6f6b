/**
 * Probes of the running containers of a pod, each in its own rhythm.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes
 */
import { messageOf } from "#base/assert.ts";
import { abortReason, type Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Labels, Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { ContainerStatus } from "#resources/core/pod-status.ts";
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
  /** Forgets the pod. */
  forget(pod: Pod): void;
}

export interface ProbeListener {
  /** A result changed. */
  changed(): void;
  record(event: ObjectEvent): void;
}

const kinds = ["startup", "liveness", "readiness"] as const;
const secondsDefault = { period: 10, timeout: 1 };
/** Longer than periods are, so that what is spread over it is spread over each of them. */
const spreadMs = 3_600_000;

interface Running {
  readonly stop: AbortController;
  readonly tallies: Map<ProbeKind, Tally>;
  /** Resolves once the startup probe succeeded. */
  readonly started: Promise<void>;
  readonly start: () => void;
  /** True when it ran before kedge did. */
  readonly ranBefore: boolean;
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
  /** What the beats of all probes of the pod are counted from, on the clock that only goes forward. */
  private beatsFromMs: number | undefined;
  private counted: Pod | undefined;

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
    this.beatsFromMs ??= this.firstBeatMs(containers);
    for (const [id, probed] of wanted) if (!this.running.has(id)) this.begin(probed);
  }

  /**
   * As upstream, probes beat from the moment on at which the pod came here, not from the start of a container: the first
   * one comes a part of a period after it. Containers that ran before kedge did are spread over the period, so that a
   * start of kedge does not ask all of them at once.
   */
  private firstBeatMs(containers: readonly Probed[]): number {
    const { clock, random } = this.parts;
    const ranBefore = containers.some(({ pod, container, state }) => knownBefore(pod, container, state));
    return clock.monotonicMs() - (ranBefore ? random.fraction() * spreadMs : 0);
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
    if (this.counted) this.parts.counts.forget(this.counted);
  }

  private begin(probed: Probed): void {
    const { container, pod, state } = probed;
    let start = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    // A container that was known before kedge started anew keeps what was known of it.
    const known = knownBefore(pod, container, state);
    const ranBefore = known !== undefined;
    const running: Running = { stop: new AbortController(), tallies: new Map(), started, start, ranBefore };
    this.running.set(state.id, running);
    for (const kind of kinds) {
      const probe = container[`${kind}Probe`];
      if (!probe) continue;
      const was = { startup: known?.started, readiness: known?.ready, liveness: false }[kind];
      running.tallies.set(kind, was ? { result: "success", last: "success", run: 1 } : initialTally(kind));
    }
    if (!container.startupProbe || known?.started) start();
    for (const kind of running.tallies.keys())
      // Every wait in it ends with an error when the signal is aborted, and only then.
      void this.loop(probed, kind, running).catch(() => undefined);
  }

  private async loop(probed: Probed, kind: ProbeKind, running: Running): Promise<void> {
    const { clock } = this.parts;
    const { signal } = running.stop;
    const probe = probed.container[`${kind}Probe`];
    if (!probe) return;
    const periodMs = (probe.periodSeconds ?? secondsDefault.period) * 1000;
    const delayMs = (probe.initialDelaySeconds ?? 0) * 1000;
    // How long it has run by the wall clock, which may have been set since: never before now, nor after the delay.
    const ranMs = Math.min(Math.max(clock.nowMs() - probed.state.startedAt / 1e6, 0), delayMs);
    const dueMs = clock.monotonicMs() - ranMs + delayMs;
    if (kind !== "startup") await Promise.race([running.started, whenAborted(signal)]);
    await clock.sleep(Math.max(dueMs - clock.monotonicMs(), 0), signal);
    // Whoever waits for a pod waits for its readiness: that is asked at once.
    if (kind !== "readiness" || running.ranBefore) await this.beat(periodMs, signal);
    while (!signal.aborted) {
      const tally = running.tallies.get(kind);
      // The startup probe's work is done; a container that failed is about to be killed.
      if (
        !tally ||
        (kind === "startup" && tally.result !== "unknown") ||
        (kind === "liveness" && tally.result === "failure")
      )
        return;
      try {
        await this.probeOnce(probed, { kind, probe, running });
      } catch (error) {
        if (signal.aborted) return;
        this.parts.log.error("probe failed by itself", { kind, error: messageOf(error) });
      }
      await this.beat(periodMs, signal);
    }
  }

  /** Resolves with the next beat; beats that passed while a probe took its time are left out. */
  private async beat(periodMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.parts;
    const sinceMs = clock.monotonicMs() - (this.beatsFromMs ?? 0);
    await clock.sleep(periodMs - (sinceMs % periodMs), signal);
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
    // An answer that comes after the end would be counted for good.
    if (running.stop.signal.aborted) return;
    const result = { success: "successful", failure: "failed", unknown: "unknown" }[answer.result];
    this.parts.counts.add(pod, { container: container.name, kind, result });
    this.counted = pod;
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
  /** What was counted, by pod uid, then by what tells the series apart. */
  const series = new Map<string, Map<string, Labels>>();
  return {
    add: (pod, { container, kind, result }) => {
      const { name = "", namespace = "", uid = "" } = pod.metadata;
      const ofPod = series.get(uid) ?? new Map<string, Labels>();
      series.set(uid, ofPod);
      const key = `${kind} ${result} ${container}`;
      const labels = ofPod.get(key) ?? {
        probe_type: title[kind],
        result,
        container,
        pod: name,
        namespace,
        pod_uid: uid,
      };
      ofPod.set(key, labels);
      counter.add(labels);
    },
    forget: (pod) => {
      const uid = pod.metadata.uid ?? "";
      for (const labels of series.get(uid)?.values() ?? []) counter.forget(labels);
      series.delete(uid);
    },
  };
}

/** What was known of this very container before kedge started anew. */
function knownBefore(pod: Pod, container: Container, state: ObservedContainer): ContainerStatus | undefined {
  const before = previousStatus(pod, container.name);
  return before?.containerID?.endsWith(`//${state.id}`) === true ? before : undefined;
}

function whenAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(abortReason(signal));
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return promise;
}
