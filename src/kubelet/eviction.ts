/** Evicts pods while the node is short of memory or disk, one at a time, and those that exceed their own disk limits. */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Recorder } from "#client/recorder.ts";
import type { Files } from "#host/files.ts";
import type { Pod } from "#resources/core/pod.ts";
import { wholeOf } from "./plan/amounts.ts";
import { evictionMessage, mayBeEvicted, victimOf, type EvictionCandidate } from "./plan/eviction.ts";
import { podCgroup, podRequest } from "./plan/qos.ts";
import type { PodCgroups } from "./machine.ts";
import type { Pressures } from "./node-conditions.ts";
import type { Pods } from "./pods.ts";
import type { PodWorker } from "./pod-worker.ts";

export interface EvictionParts {
  readonly cgroups: PodCgroups;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  readonly recorder: Recorder;
  readonly cgroupRoot: string;
  readonly podFolder: (pod: Pod) => string;
  /** Frees disk space without touching a pod. */
  readonly collectImages: (signal: AbortSignal) => Promise<void>;
}

// After an eviction the node gets this long to recover before the next pod goes.
const recoverMs = 30_000;
const limitLookMs = 10_000;
/** Folders of an emptyDir volume deeper than this are not measured: a limit on the work, not a promise. */
const depthMax = 64;

export class Evictor {
  private readonly parts: EvictionParts;
  private readonly pods: Pods;
  private lastMs = Number.NEGATIVE_INFINITY;

  constructor(parts: EvictionParts, pods: Pods) {
    this.parts = parts;
    this.pods = pods;
  }

  /** Acts on what the node is short of. Never throws. */
  async relieve(pressures: Pressures, signal: AbortSignal): Promise<void> {
    const { clock, log, collectImages } = this.parts;
    if (!pressures.memory && !pressures.disk) return;
    if (clock.monotonicMs() - this.lastMs < recoverMs) return;
    this.lastMs = clock.monotonicMs();
    try {
      if (pressures.disk) await collectImages(signal);
      const resource = pressures.memory ? "memory" : "ephemeral-storage";
      const candidates = await Promise.all(this.living().map((worker) => this.measured(worker, resource)));
      const victim = victimOf(candidates);
      if (victim) this.evict(victim, evictionMessage(resource, victim));
    } catch (error) {
      log.warn("could not relieve the node", { error: messageOf(error) });
    }
  }

  /** Watches the limits that pods have on their emptyDir volumes. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts;
    while (!signal.aborted) {
      await clock.sleep(limitLookMs, signal).catch(() => undefined);
      for (const worker of this.living()) {
        if (signal.aborted) return;
        await this.checkLimits(worker.current).catch((error: unknown) => {
          log.warn("volumes not measured", { pod: worker.current.metadata.name, error: messageOf(error) });
        });
      }
    }
  }

  private living(): readonly PodWorker[] {
    return this.pods.all().filter((worker) => !worker.isEnding);
  }

  private async measured({ current }: PodWorker, resource: string): Promise<EvictionCandidate> {
    const { cgroups, cgroupRoot, podFolder } = this.parts;
    const usedBytes =
      resource === "memory"
        ? ((await cgroups.usage(podCgroup(cgroupRoot, current)))?.workingSetBytes ?? 0)
        : await this.usedBelow(podFolder(current), 0);
    return { pod: current, usedBytes, requestedBytes: podRequest(current, resource) };
  }

  private async checkLimits(pod: Pod): Promise<void> {
    if (!mayBeEvicted(pod)) return;
    for (const { name, emptyDir } of pod.spec.volumes ?? []) {
      // The size of a volume in memory is bounded by its mount.
      if (emptyDir?.sizeLimit === undefined || emptyDir.medium === "Memory") continue;
      const limit = wholeOf(emptyDir.sizeLimit);
      const used = await this.usedBelow(`${this.parts.podFolder(pod)}/volumes/kubernetes.io~empty-dir/${name}`, 0);
      if (limit > 0 && used > limit) {
        const message = `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir.sizeLimit}". `;
        this.evict({ pod, usedBytes: used, requestedBytes: limit }, message);
        return;
      }
    }
  }

  private async usedBelow(path: string, depth: number): Promise<number> {
    const facts = await this.parts.files.linkFacts(path);
    if (!facts) return 0;
    if (facts.kind !== "directory" || depth > depthMax) return facts.usedBytes;
    let sum = facts.usedBytes;
    for (const name of await this.parts.files.list(path)) sum += await this.usedBelow(`${path}/${name}`, depth + 1);
    return sum;
  }

  private evict({ pod }: EvictionCandidate, message: string): void {
    this.parts.recorder.record(pod, { type: "Warning", reason: "Evicted", message });
    this.pods.byUid(pod.metadata.uid ?? "")?.end({
      failure: { reason: "Evicted", message },
      disruption: { reason: "TerminationByKubelet", message },
      graceSeconds: 0,
    });
  }
}
