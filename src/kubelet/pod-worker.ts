/**
 * One pod: observe, plan, act, again after every event that concerns it, until the pod is gone. What it does to the
 * pod's containers happens nowhere else, one step after the other.
 */
import { messageOf } from "#base/assert.ts";
import type { Timer } from "#base/clock.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodStatus } from "#resources/core/pod-status.ts";
import { lastWords } from "./act/last-words.ts";
import { observePod } from "./act/observe.ts";
import type { PodParts } from "./act/parts.ts";
import { guarded } from "./guard.ts";
import { GrantedResources } from "./granted-resources.ts";
import { PodStarter } from "./pod-starter.ts";
import { PodTimes } from "./pod-times.ts";
import { stopPod } from "./act/stop-containers.ts";
import { PodCleaner } from "./pod-cleaner.ts";
import { podText } from "./plan/identity.ts";
import { containersOf, isRunning, newestContainer, nothingObserved, type ObservedPod } from "./plan/observation.ts";
import { planPod, type PodActions, type Waiting } from "./plan/pod-actions.ts";
import type { Refusal } from "./plan/admission.ts";
import { ownConditions, podStatus } from "./plan/pod-status.ts";
import { graceSeconds } from "./plan/termination.ts";
import { Prober } from "./probes/prober.ts";
import { VolumeError } from "./volumes/pod-volumes.ts";
import { StatusWriter } from "./status-writer.ts";

/** Why a pod ends before its containers do. */
export interface Ending {
  /** Shown in the pod's status, which then is Failed; absent for a deletion or completion. */
  readonly failure?: { readonly reason: string; readonly message: string };
  readonly disruption?: { readonly reason: string; readonly message: string };
  /** Overrides the pod's own. */
  readonly graceSeconds?: number;
}

const retryFirstMs = 500;
const retryMaxMs = 60_000;
// What a volume waits for, such as a claim being bound, usually comes within seconds.
const volumeRetryMaxMs = 5_000;

type Phase = "living" | "ending" | "ended";

export class PodWorker {
  readonly uid: string;
  /** As it was when it was last observed. */
  observed: ObservedPod = nothingObserved;
  /** Decides whether a change of resources fits on the node. */
  fits: (pod: Pod) => Refusal | undefined = () => undefined;
  private readonly granted: GrantedResources;
  private readonly parts: PodParts;
  private readonly status: StatusWriter;
  private readonly prober: Prober;
  private readonly starter: PodStarter;
  private readonly cleaner: PodCleaner;
  private readonly times: PodTimes;
  private phase: Phase = "living";
  private ending: Ending = {};
  private endingSinceMs: number | undefined;
  private readonly messages = new Map<string, string>();
  private readonly waiting = new Map<string, Waiting>();
  private readonly told = new Set<string>();
  private removedFromApi = false;
  private dirty = true;
  private wakeUp: (() => void) | undefined;
  private retryMs = 0;
  private complaint = "";
  /** Stops what is being done, because something else has to be done now. */
  private acting = new AbortController();
  private readonly life: AbortSignal;
  // Hundreds of containers may become ready at once: the status is of all of them.
  private readonly tell: () => void;
  private readonly looked = Promise.withResolvers<void>();

  constructor(parts: PodParts, pod: Pod, life: AbortSignal) {
    this.parts = parts;
    this.granted = new GrantedResources(pod);
    this.life = life;
    this.uid = pod.metadata.uid ?? "";
    this.status = new StatusWriter(parts, pod);
    this.prober = new Prober(
      { ...parts, network: parts.machine.network, counts: parts.probeCounts },
      { changed: () => this.probed(), record: (event) => this.record(event) },
    );
    this.starter = new PodStarter(parts);
    this.cleaner = new PodCleaner(parts);
    this.times = new PodTimes(parts.clock);
    this.tell = parts.turns.gathered(
      guarded(parts.log, "result of a probe", () => {
        if (this.phase !== "ended" && !this.life.aborted) this.publish();
      }),
    );
    if (pod.metadata.deletionTimestamp !== undefined || isOver(pod)) this.end({});
  }

  get waitsForRoom(): boolean {
    return this.granted.pending !== undefined;
  }

  /** With the resources that were granted, which may be others than it asks for. */
  get current(): Pod {
    return this.granted.pod;
  }

  get shownStatus(): PodStatus | undefined {
    return this.status.latest;
  }

  /** True from the moment on that nothing of the pod is started any more. */
  get isEnding(): boolean {
    return this.phase !== "living";
  }

  /** True once its containers have stopped for good. */
  get hasEnded(): boolean {
    return this.phase === "ended";
  }

  /** Resolves once the runtime told what there is of the pod. */
  get whenLooked(): Promise<void> {
    return this.looked.promise;
  }

  /** The pod as the API has it now. */
  update(pod: Pod): void {
    const before = this.granted.wanted;
    this.granted.ask(pod);
    this.granted.decide(this.fits);
    this.status.follow(pod);
    const deleted = pod.metadata.deletionTimestamp !== undefined;
    if (deleted || isOver(pod)) this.end({});
    const graceChanged = before.metadata.deletionGracePeriodSeconds !== pod.metadata.deletionGracePeriodSeconds;
    if (this.phase === "ending" && graceChanged) this.interrupt();
    if (changesWork(before, pod)) {
      // Labels and annotations may be shown in a volume.
      if (before.metadata !== pod.metadata) this.starter.volumesStale = true;
      this.wake();
    }
  }

  /** For static pods: the API's mirror of it changed. */
  mirror(mirror: Pod): void {
    this.status.follow(mirror);
    this.wake();
  }

  /** The API no longer has the pod. */
  removed(): void {
    this.removedFromApi = true;
    this.end({});
    this.interrupt();
    this.wake();
  }

  /** Has the pod end; the first reason stands. */
  end(ending: Ending): void {
    if (this.phase !== "living") return;
    this.phase = "ending";
    this.ending = ending;
    this.interrupt();
    this.wake();
  }

  /** Something of it changed: look again. */
  wake(): void {
    this.dirty = true;
    this.wakeUp?.();
  }

  /** An object that its volumes show changed. */
  referencesChanged(): void {
    this.starter.volumesStale = true;
    this.wake();
  }

  /** Works until nothing of the pod is left on this node, or kedge ends. Whoever called it may call it again. */
  async run(): Promise<void> {
    const over = new AbortController();
    const leave = (): void => {
      over.abort(new Error("the pod's work is over"));
      this.interrupt();
      this.wakeUp?.();
    };
    // Taken away at the end: the node outlives its pods, and would otherwise keep all of them.
    this.life.addEventListener("abort", leave, { once: true });
    if (this.life.aborted) leave();
    const writing = this.status.run(over.signal);
    this.parts.references.watch(this.current);
    try {
      while (!this.life.aborted) {
        this.dirty = false;
        const wakeAtMs = await this.turn();
        if (wakeAtMs === "gone") return;
        await this.sleepUntil(wakeAtMs);
      }
    } finally {
      this.life.removeEventListener("abort", leave);
      leave();
      this.prober.close();
      this.parts.references.release(this.uid);
      await writing;
    }
  }

  /** @returns When the next turn is due without an event, on the clock that only goes forward. */
  private async turn(): Promise<number | undefined | "gone"> {
    this.acting = new AbortController();
    const { signal } = this.acting;
    if (this.life.aborted) this.interrupt();
    try {
      await this.look(signal);
      const next = this.phase === "living" ? await this.live(signal) : await this.finish(signal);
      this.retryMs = 0;
      return next;
    } catch (error) {
      if (signal.aborted) return 0;
      const maxMs = error instanceof VolumeError ? volumeRetryMaxMs : retryMaxMs;
      this.retryMs = Math.min(this.retryMs === 0 ? retryFirstMs : this.retryMs * 2, maxMs);
      this.complain(messageOf(error));
      return this.parts.clock.monotonicMs() + this.retryMs;
    }
  }

  /** Says what fails: in the log each time, and in an event when an ended pod cannot be taken down for it. */
  private complain(error: string): void {
    const { namespace, name } = this.current.metadata;
    this.parts.log.warn("pod not synced", { pod: `${namespace}/${name}`, error });
    if (this.phase !== "ended" || error === this.complaint) return;
    this.complaint = error;
    this.record({ type: "Warning", reason: "FailedKillPod", message: `error killing pod: ${error}` });
  }

  private async look(signal: AbortSignal): Promise<void> {
    this.observed = await observePod(this.parts, { pod: this.current, observed: this.observed, signal });
    this.times.look(this.observed);
    this.parts.logs.containersRun(this.observed.containers.filter(isRunning));
    await this.listen();
    this.looked.resolve();
    // What follows takes a stretch of its own.
    await this.parts.turns.rest();
  }

  /** One step of a living pod. @returns When the next is due without an event. */
  private async live(signal: AbortSignal): Promise<number | undefined> {
    const deadline = this.times.deadlineAtMs(this.withLasting());
    if (deadline !== undefined && deadline <= this.parts.clock.monotonicMs()) {
      const failure = {
        reason: "DeadlineExceeded",
        message: "Pod was active on the node longer than the specified deadline",
      };
      this.record({ type: "Normal", ...failure });
      this.end({ failure });
      return 0;
    }
    const actions = this.plan();
    for (const [name, waiting] of actions.waiting) this.wait(name, waiting);
    this.probe();
    const status = this.publish();
    const completed = actions.killPod && !actions.createSandbox && actions.start.length === 0;
    if (completed || status.phase === "Succeeded" || status.phase === "Failed") {
      this.end({});
      return 0;
    }
    const retryAtMs = await this.starter.act({
      pod: this.current,
      observed: this.observed,
      actions,
      told: this.told,
      waiting: this.waiting,
      endedAtMs: (container) => this.times.endedAtMs(container),
      record: (event) => this.record(event),
      publish: () => void this.publish(),
      signal,
    });
    const due = [retryAtMs, actions.wakeAtMs, deadline, this.starter.renewAtMs(this.current)];
    return earliest(due);
  }

  private wait(name: string, waiting: Waiting): void {
    if (this.waiting.get(name)?.message !== waiting.message) {
      const message = `Back-off restarting failed container ${name} in pod ${podText(this.current)}`;
      this.record({ type: "Warning", reason: "BackOff", message, fieldPath: `spec.containers{${name}}` });
    }
    this.waiting.set(name, waiting);
  }

  private plan(): PodActions {
    // Others may have gone since, and made room.
    this.granted.decide(this.fits);
    return planPod({
      pod: this.current,
      observed: this.observed,
      probes: (id, kind) => this.prober.result(id, kind),
      pauses: this.starter.pauses,
      endedAtMs: (container) => this.times.endedAtMs(container),
      nowMs: this.parts.clock.monotonicMs(),
    });
  }

  /** Ends the pod and takes it down. */
  private async finish(signal: AbortSignal): Promise<number | undefined | "gone"> {
    if (this.phase === "ending") {
      this.endingSinceMs ??= this.parts.clock.monotonicMs();
      this.prober.stopRestarts();
      this.probe();
      this.publish();
      const grace = graceSeconds(this.current, this.ending.graceSeconds);
      await stopPod(this.parts, {
        pod: this.current,
        observed: this.observed,
        deadlineMs: this.endingSinceMs + grace * 1000,
        podIp: this.podIps()[0] ?? "",
        told: this.told,
        record: (event) => this.record(event),
        signal,
      });
      await this.look(signal);
      this.phase = "ended";
    }
    this.prober.close();
    this.publish();
    await this.cleaner.tidy(this.current, this.observed, signal);
    await this.status.flush(signal);
    const deleted = this.current.metadata.deletionTimestamp !== undefined;
    if (!deleted && !this.removedFromApi) return undefined;
    await this.cleaner.erase(this.current, this.observed, { inApi: !this.removedFromApi, signal });
    return "gone";
  }

  /** A probe's result changed: shown at once, whatever is being done to the pod meanwhile. */
  private probed(): void {
    this.tell();
    this.wake();
  }

  /** Computes the status, and has it written. */
  private publish(): PodStatus {
    const { failure, disruption } = this.ending;
    const { pending } = this.granted;
    const status = podStatus({
      pod: this.withLasting(),
      observed: this.observed,
      probes: (id, kind) => this.prober.result(id, kind),
      waiting: this.waiting,
      messages: this.messages,
      runtimeName: this.parts.runtimeName,
      terminal: this.phase === "ended",
      hostIps: this.parts.config.nodeIps,
      nowMs: this.parts.clock.nowMs(),
      ...(failure && this.phase === "ended" && { failure }),
      ...(disruption && { disruption }),
      ...(pending && { resizePending: pending }),
    });
    this.status.want(status);
    return status;
  }

  /** The pod with what stays as it was once given, whatever the API shows. */
  private withLasting(): Pod {
    const { latest } = this.status;
    const pod = this.current;
    if (!latest) return pod;
    const others = (pod.status?.conditions ?? []).filter(
      (one) => !latest.conditions?.some((own) => own.type === one.type),
    );
    const { phase, reason, message } = pod.status ?? {};
    // Whoever says that the pod is over is believed; of everything else this node knows better.
    const over = isOver(pod) && { phase, reason, message };
    const conditions = [...(latest.conditions ?? []), ...others];
    return { ...pod, status: { ...pod.status, ...latest, ...over, conditions } };
  }

  private podIps(): readonly string[] {
    return (this.status.latest?.podIPs ?? this.current.status?.podIPs ?? []).map(({ ip }) => ip);
  }

  /** Probes what runs. */
  private probe(): void {
    const { hostNetwork } = this.current.spec;
    const podIp = (hostNetwork ? this.parts.config.nodeIps[0] : this.observed.sandboxes[0]?.network?.ip) ?? "";
    this.prober.watch(
      containersOf(this.current).flatMap((container) => {
        const state = newestContainer(this.observed, container.name);
        return state ? [{ pod: this.current, container, state, podIp }] : [];
      }),
    );
  }

  /** Reads the last words of containers that ended. */
  private async listen(): Promise<void> {
    const ended = this.observed.containers.filter((one) => one.state === "CONTAINER_EXITED");
    for (const container of ended)
      if (!this.messages.has(container.id)) this.messages.set(container.id, await lastWords(this.wordsAt, container));
    const ids = new Set(ended.map(({ id }) => id));
    for (const id of this.messages.keys()) if (!ids.has(id)) this.messages.delete(id);
    for (const one of this.observed.containers)
      if (one.state === "CONTAINER_RUNNING") this.waiting.delete(one.metadata.name);
  }

  private get wordsAt(): Parameters<typeof lastWords>[0] {
    return { files: this.parts.machine.files, podFolder: this.parts.volumes.podFolder(this.current) };
  }

  private record(event: ObjectEvent): void {
    this.parts.recorder.record(this.current, event);
  }

  private interrupt(): void {
    this.acting.abort(new Error("the pod changed"));
  }

  private async sleepUntil(wakeAtMs: number | undefined): Promise<void> {
    if (this.dirty || this.life.aborted || wakeAtMs === 0) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve;
      if (wakeAtMs !== undefined) timer = this.parts.clock.after(wakeAtMs - this.parts.clock.monotonicMs(), resolve);
    });
    this.wakeUp = undefined;
    timer?.cancel();
  }
}

const isOver = (pod: Pod): boolean => pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded";

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Whether there may be something to do: a status that this node wrote itself is none. */
function changesWork(before: Pod, after: Pod): boolean {
  const concern = ({ metadata, status }: Pod): unknown => [
    metadata.deletionTimestamp,
    metadata.deletionGracePeriodSeconds,
    metadata.labels,
    metadata.annotations,
    status?.conditions?.filter(({ type }) => !ownConditions.includes(type)),
  ];
  return !deepEqual(before.spec, after.spec) || !deepEqual(concern(before), concern(after));
}
