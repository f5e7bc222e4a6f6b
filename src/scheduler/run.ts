/** One run of the scheduler: the loop over the queue, and what follows from each decision. */
import { messageOf } from "#base/assert.ts";
import type { Timer } from "#base/clock.ts";
import { atOnce, turnsOf, type Turns } from "#base/turns.ts";
import { parseKey } from "#machinery/meta.ts";
import { nodes } from "#resources/core/node.ts";
import { isReason } from "#machinery/status.ts";
import { bind, clearNomination, evict, report, type Failure } from "./bind.ts";
import { attemptMetrics, type AttemptMetrics, type Result } from "./attempt-metrics.ts";
import type { NodeInfo } from "./node-info.ts";
import { observe } from "./observe.ts";
import type { Cluster, PluginName } from "./plugin.ts";
import { hints } from "./plugins.ts";
import { factsOf, isTerminating, type PodFacts } from "./pod-facts.ts";
import { preempt, type Preemption } from "./preempt.ts";
import { SchedulingQueue, type QueuedPod } from "./queue.ts";
import { RelatedObjects } from "./related-objects.ts";
import { schedule, sentenceOf, type Diagnosis } from "./schedule.ts";
import type { SchedulerParts } from "./scheduler.ts";
import { Snapshot } from "./snapshot.ts";
import { chooseVolumes, whenBound } from "./volume-binder.ts";
import { claimKey, claimsOf, planVolumes, type VolumePlan } from "./volumes.ts";
import { podView, type PodSeen } from "./pod-view.ts";

// Pods whose outcome is being written at one time: enough to keep the log busy, and a bound on what a restart repeats.
const writesMax = 64;
// A pod that was bound and is not seen on its node for so long is not there.
const assumedMsMax = 30_000;

interface Binding {
  readonly nodeName: string;
  readonly volumes: VolumePlan | undefined;
  readonly startMs: number;
}

export class SchedulerRun {
  private readonly parts: SchedulerParts;
  private readonly signal: AbortSignal;
  private readonly snapshot = new Snapshot();
  private readonly queue: SchedulingQueue;
  private readonly turns: Turns;
  private readonly related: RelatedObjects;
  private readonly cluster: Cluster;
  private readonly metrics: AttemptMetrics | undefined;
  private start = 0;
  private writes = 0;
  private wakeWriter: (() => void) | undefined;
  // When pods were bound that have not been seen on their node, by uid; the oldest first.
  private readonly unseen = new Map<string, { readonly key: string; readonly boundMs: number }>();
  private unseenTimer: Timer | undefined;

  constructor(parts: SchedulerParts, signal: AbortSignal) {
    this.parts = parts;
    this.signal = signal;
    this.turns = turnsOf(parts.clock);
    this.queue = new SchedulingQueue(parts.clock, hints);
    this.related = new RelatedObjects(parts.informers);
    this.cluster = { snapshot: this.snapshot, related: this.related };
    this.metrics = parts.metrics ? attemptMetrics(parts.metrics, () => this.queue.counts()) : undefined;
  }

  async run(): Promise<void> {
    const { informers, log } = this.parts;
    const end = new AbortController();
    const signal = AbortSignal.any([this.signal, end.signal]);
    try {
      await Promise.all([
        informers.informer(nodes).whenSynced(signal),
        informers.informer(podView).whenSynced(signal),
        this.related.whenSynced(signal),
      ]);
      await observe({ snapshot: this.snapshot, queue: this.queue }, { informers, turns: this.turns, log }, signal);
      this.related.onEvent((event) => this.queue.event(event), signal);
      for (;;) {
        await this.queue.whenReady(signal);
        await this.whenWriterFree(signal);
        const rest = this.turns.rest();
        if (rest) await rest;
        signal.throwIfAborted();
        const next = this.queue.pop();
        if (next) await this.cycle(next);
      }
    } finally {
      end.abort();
      this.queue.close();
      this.unseenTimer?.cancel();
    }
  }

  /** @param inOneGo Whether room is looked for without a rest, so that nothing changes meanwhile. */
  private async cycle(queued: QueuedPod, inOneGo = false): Promise<void> {
    const { pod } = queued;
    if (isTerminating(pod.pod)) {
      const message = `skip schedule deleting pod: ${pod.key}`;
      this.parts.recorder.record(pod.pod, { type: "Warning", reason: "FailedScheduling", message });
      this.queue.remove(pod.uid);
      return;
    }
    const startMs = this.parts.clock.monotonicMs();
    const outcome = schedule(pod, this.cluster, { start: this.start, random: this.parts.random });
    if (outcome.kind === "placed") {
      this.start = outcome.nextStart;
      this.snapshot.assume(pod, outcome.node.name);
      const volumes = this.reserveVolumes(pod, outcome.node);
      this.write(() => this.bound(queued, { nodeName: outcome.node.name, volumes, startMs }));
    } else {
      const { shape } = this.snapshot;
      await this.unplaceable(queued, outcome.diagnosis, inOneGo);
      // Nodes came or went while room was looked for: what was found of them does not hold, and was not followed.
      if (this.snapshot.shape !== shape && this.isAtWork(queued)) return this.cycle(queued, true);
      this.observed(queued, "unschedulable", startMs);
    }
  }

  /** Keeps the volumes that were chosen with the node from other pods; undefined when there are none to bind. */
  private reserveVolumes(pod: PodFacts, { node }: NodeInfo): VolumePlan | undefined {
    if (pod.claims.length === 0) return undefined;
    const claims = claimsOf(pod, this.related);
    const plan = claims?.kind === "claims" ? planVolumes(claims, node, this.related) : undefined;
    if (plan?.kind !== "plan" || plan.bindings.length + plan.provisions.length === 0) return undefined;
    for (const { claim, volume } of plan.bindings) this.related.promise(volume.metadata.name ?? "", claimKey(claim));
    return plan;
  }

  private async bound(queued: QueuedPod, { nodeName, volumes, startMs }: Binding): Promise<void> {
    const { pod } = queued;
    let plugin = `PreBind plugin "VolumeBinding"`;
    try {
      if (volumes) await this.bindVolumes(volumes, nodeName);
      plugin = `Bind plugin "DefaultBinder"`;
      await bind(this.parts, this.waiting(pod) ?? pod.pod, nodeName);
    } catch (error) {
      this.observed(queued, "error", startMs);
      // The pod was deleted before it was bound: its cache does not say so yet, and there is nothing to tell.
      const gone = isReason(error, "NotFound") && error.details?.kind === "pods";
      if (gone) this.queue.remove(pod.uid);
      if (gone && this.snapshot.forget(pod.uid)) this.queue.event({ kind: "podGone", pod });
      if (gone) return;
      await this.unbound(pod, `running ${plugin}: ${messageOf(error)}`);
      return;
    }
    this.queue.remove(pod.uid);
    this.observed(queued, "scheduled", startMs);
    if (!this.snapshot.isAssumed(pod.uid)) return;
    this.unseen.set(pod.uid, { key: pod.key, boundMs: this.parts.clock.monotonicMs() });
    this.unseenTimer ??= this.parts.clock.after(assumedMsMax, () => this.forgetUnseen());
  }

  private async bindVolumes(plan: VolumePlan, nodeName: string): Promise<void> {
    try {
      const revision = await chooseVolumes(this.parts, plan, nodeName);
      // This may take minutes, and must not keep others from being written.
      this.endWrite();
      await whenBound(this.parts, { plan, revision }, this.signal).finally(() => void (this.writes += 1));
    } finally {
      for (const { volume } of plan.bindings) this.related.release(volume.metadata.name ?? "");
    }
  }

  private async unbound(pod: PodFacts, message: string): Promise<void> {
    if (this.signal.aborted) return;
    if (this.snapshot.forget(pod.uid)) this.queue.event({ kind: "podGone", pod });
    const current = this.waiting(pod);
    if (!current) {
      this.queue.remove(pod.uid);
      return;
    }
    this.queue.failedOnce(pod.uid);
    this.parts.log.warn("pod not bound", { pod: pod.key, error: message });
    await report(this.parts, current, { reason: "SchedulerError", message });
  }

  /** The pod as it is now, if it still waits for a node. */
  private waiting(pod: PodFacts): PodSeen | undefined {
    const current = this.parts.informers.informer(podView).get(parseKey(pod.key));
    return current?.metadata.uid === pod.uid && (current.spec.nodeName ?? "") === "" ? current : undefined;
  }

  /** True while nothing has been decided of the pod, and it still waits. */
  private isAtWork({ pod }: QueuedPod): boolean {
    return this.queue.get(pod.uid)?.state === "scheduling";
  }

  private async unplaceable({ pod }: QueuedPod, diagnosis: Diagnosis, inOneGo: boolean): Promise<void> {
    if (diagnosis.nodeCount === 0) {
      // Any node that comes is worth a try.
      this.turnedDown(pod, ["NodeName"], { reason: "Unschedulable", message: "no nodes available to schedule pods" });
      return;
    }
    const { random } = this.parts;
    const { shape } = this.snapshot;
    const work = preempt(pod, { cluster: this.cluster, diagnosis, random });
    const preemption = inOneGo ? atOnce(work) : await this.turns.through(work);
    // It was deleted, or somebody else gave it a node, while room was looked for.
    if (!this.waiting(pod)) return this.queue.remove(pod.uid);
    if (this.snapshot.shape !== shape) return;
    if (preemption.kind === "victims") {
      this.makeRoom(pod, preemption);
      const nominatedNodeName = preemption.node.name;
      this.turnedDown(pod, diagnosis.plugins, {
        reason: "Unschedulable",
        message: sentenceOf(diagnosis),
        nominatedNodeName,
      });
      return;
    }
    if (preemption.hopeless) this.snapshot.withdraw(pod.uid);
    // Upstream's dynamic resources have a word in it, too, even for pods without any.
    const message = sentenceOf(diagnosis, `no new claims to deallocate, preemption: ${preemption.why}`);
    const nomination = preemption.hopeless ? { nominatedNodeName: "" } : {};
    this.turnedDown(pod, diagnosis.plugins, { reason: "Unschedulable", message, ...nomination });
  }

  private turnedDown(pod: PodFacts, plugins: readonly PluginName[], failure: Failure): void {
    this.queue.rejected(pod.uid, plugins);
    const current = this.waiting(pod);
    if (current) this.write(() => report(this.parts, current, failure));
  }

  private makeRoom(pod: PodFacts, { node, victims }: Extract<Preemption, { kind: "victims" }>): void {
    const outranked = [...this.snapshot.nominatedTo(node.name)].filter(({ priority }) => priority < pod.priority);
    this.snapshot.nominate(pod, node.name);
    for (const other of outranked) {
      this.snapshot.withdraw(other.uid);
      this.queue.retry(other.uid);
      this.write(() => clearNomination(this.parts, other.pod));
    }
    for (const victim of victims) {
      if (isTerminating(victim.pod)) continue;
      this.write(async () => {
        try {
          await evict(this.parts, victim.pod, { preemptor: pod.pod, nodeName: node.name });
        } catch (error) {
          this.queue.retry(pod.uid);
          throw error;
        }
      });
    }
  }

  /** Bound pods that no informer has shown for long are gone, or were never there. */
  private forgetUnseen(): void {
    const { clock, informers, log } = this.parts;
    const dueMs = clock.monotonicMs() - assumedMsMax;
    for (const [uid, { key, boundMs }] of this.unseen) {
      const seen = !this.snapshot.isAssumed(uid);
      if (!seen && boundMs > dueMs) break;
      this.unseen.delete(uid);
      if (seen) continue;
      log.warn("a bound pod is not seen on its node", { pod: key, waitedMs: assumedMsMax });
      this.snapshot.forget(uid);
      const current = informers.informer(podView).get(parseKey(key));
      if (current?.metadata.uid === uid && (current.spec.nodeName ?? "") === "") this.queue.set(factsOf(current));
    }
    const again = this.unseen.size > 0;
    this.unseenTimer = again ? clock.after(assumedMsMax, () => this.forgetUnseen()) : undefined;
  }

  /** Does the work beside the loop, which waits when there is too much of it. */
  private write(work: () => Promise<void>): void {
    this.writes += 1;
    void work()
      .catch((error: unknown) => {
        // The pod is gone, or is another one of the same name: nobody waits for the write.
        if (isReason(error, "NotFound") || isReason(error, "Conflict")) return;
        if (!this.signal.aborted) this.parts.log.warn("write failed", { error: messageOf(error) });
      })
      .finally(() => this.endWrite());
  }

  private endWrite(): void {
    this.writes -= 1;
    this.wakeWriter?.();
  }

  private async whenWriterFree(signal: AbortSignal): Promise<void> {
    while (this.writes >= writesMax) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.wakeWriter = done;
        signal.addEventListener("abort", done, { once: true });
      });
    }
  }

  private observed(queued: QueuedPod, result: Result, startMs: number): void {
    const nowMs = this.parts.clock.monotonicMs();
    this.metrics?.attempted(result, { tookMs: nowMs - startMs, waitedMs: nowMs - queued.addedMs });
  }
}
