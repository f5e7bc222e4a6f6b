/** Evicts pods while the node is short of memory or disk, one at a time, and those that exceed their own disk limits. */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Recorder } from "#client/recorder.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { DiskMeter, Layers } from "./disk-usage.ts";
import {
  evictionMessage,
  exceededLimit,
  limitsStorage,
  mayBeEvicted,
  victimOf,
  type EvictionCandidate,
} from "./plan/eviction.ts";
import { podCgroup, podRequest } from "./plan/qos.ts";
import type { PodCgroups } from "./machine.ts";
import type { Pressures } from "./node-conditions.ts";
import type { Pods } from "./pods.ts";
import type { PodWorker } from "./pod-worker.ts";

export interface EvictionParts {
  readonly cgroups: PodCgroups;
  readonly disk: DiskMeter;
  readonly clock: Clock;
  readonly log: Log;
  readonly recorder: Recorder;
  readonly cgroupRoot: string;
  /** Frees disk space without touching a pod. */
  readonly collectImages: (signal: AbortSignal) => Promise<void>;
  /** What the node is short of now. */
  readonly pressures: () => Promise<Pressures>;
}

// After an eviction the node gets this long to recover before the next pod goes.
const recoverMs = 30_000;
// From the end of one look at what pods have on disk to the next.
const limitLookMs = 60_000;

export class Evictor {
  private readonly parts: EvictionParts;
  private readonly pods: Pods;
  /** When a pod was last evicted, or none had to be. */
  private lastMs = Number.NEGATIVE_INFINITY;
  private relieving = false;

  constructor(parts: EvictionParts, pods: Pods) {
    this.parts = parts;
    this.pods = pods;
  }

  /** Acts on what the node is short of. Never throws. */
  async relieve(pressures: Pressures, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts;
    if (!pressures.memory && !pressures.disk) return;
    if (this.relieving || clock.monotonicMs() - this.lastMs < recoverMs) return;
    this.relieving = true;
    try {
      if (pressures.disk) await this.freeImages(signal);
      await this.evictOne(signal);
    } catch (error) {
      log.warn("could not relieve the node", { error: messageOf(error) });
    } finally {
      this.relieving = false;
      this.lastMs = clock.monotonicMs();
    }
  }

  private async freeImages(signal: AbortSignal): Promise<void> {
    try {
      await this.parts.collectImages(signal);
    } catch (error) {
      if (!signal.aborted) this.parts.log.warn("images not collected", { error: messageOf(error) });
    }
  }

  /** What is short is looked at again before each step that takes time: images, or pods that went, may have been enough. */
  private async evictOne(signal: AbortSignal): Promise<void> {
    const before = await this.parts.pressures();
    if (!before.memory && !before.disk) return;
    const resource = before.memory ? "memory" : "ephemeral-storage";
    const layers: Layers = before.memory ? new Map<string, number>() : await this.parts.disk.layers(signal);
    const candidates: EvictionCandidate[] = [];
    for (const worker of this.living()) candidates.push(...(await this.measured(worker, { resource, layers, signal })));
    const now = await this.parts.pressures();
    const victim = now[before.memory ? "memory" : "disk"] ? victimOf(candidates) : undefined;
    if (victim) this.evict(victim.pod, evictionMessage(resource, victim));
  }

  /** Watches the limits that pods have on what they keep on disk. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, disk } = this.parts;
    while (!signal.aborted) {
      await clock.sleep(limitLookMs, signal).catch(() => undefined);
      const limited = this.living().filter(({ current }) => this.isLimited(current));
      if (limited.length === 0 || signal.aborted) continue;
      const layers = await disk.layers(signal).catch((error: unknown): Layers => {
        log.warn("containers not measured", { error: messageOf(error) });
        return new Map<string, number>();
      });
      for (const { current } of limited) {
        if (signal.aborted) return;
        await this.checkLimits(current, layers, signal).catch((error: unknown) => {
          if (!signal.aborted) log.warn("pod not measured", { pod: current.metadata.name, error: messageOf(error) });
        });
      }
    }
  }

  /** A pod that cannot be read keeps no other from being watched. */
  private isLimited(pod: Pod): boolean {
    try {
      return mayBeEvicted(pod) && limitsStorage(pod);
    } catch (error) {
      this.parts.log.warn("pod not measured", { pod: pod.metadata.name, error: messageOf(error) });
      return false;
    }
  }

  private living(): readonly PodWorker[] {
    return this.pods.all().filter((worker) => !worker.isEnding);
  }

  /** Nothing for a pod that cannot be measured: others can be, and the node needs room. */
  private async measured(
    { current }: PodWorker,
    { resource, layers, signal }: { readonly resource: string; readonly layers: Layers; readonly signal: AbortSignal },
  ): Promise<readonly EvictionCandidate[]> {
    const { cgroups, cgroupRoot, disk, log } = this.parts;
    try {
      const usedBytes =
        resource === "memory"
          ? ((await cgroups.usage(podCgroup(cgroupRoot, current)))?.workingSetBytes ?? 0)
          : (await disk.measure(current, layers, { pace: "urgent", signal })).bytes;
      return [{ pod: current, usedBytes, requestedBytes: podRequest(current, resource) }];
    } catch (error) {
      signal.throwIfAborted();
      log.warn("pod not measured", { pod: current.metadata.name, error: messageOf(error) });
      return [];
    }
  }

  private async checkLimits(pod: Pod, layers: Layers, signal: AbortSignal): Promise<void> {
    const message = exceededLimit(pod, await this.parts.disk.measure(pod, layers, { pace: "gentle", signal }));
    if (message !== undefined) this.evict(pod, message);
  }

  private evict(pod: Pod, message: string): void {
    this.parts.recorder.record(pod, { type: "Warning", reason: "Evicted", message });
    this.pods.byUid(pod.metadata.uid ?? "")?.end({
      failure: { reason: "Evicted", message },
      disruption: { reason: "TerminationByKubelet", message },
      graceSeconds: 0,
    });
  }
}
