/**
 * The control groups above those of pods: all pods together get no more than the node can give, and each class its
 * share of the processors.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
 */
import { messageOf } from "#base/assert.ts";
import type { Log } from "#base/log.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodCgroups } from "./machine.ts";
import { millisOf, sharesOf, wholeOf } from "./plan/amounts.ts";
import { podRequestMillis, qosClassOf } from "./plan/qos.ts";

export interface QosGroupParts {
  readonly cgroups: PodCgroups;
  readonly log: Log;
  readonly cgroupRoot: string;
  /** What all pods together may use. Quantities. */
  readonly limits: Readonly<Record<string, string>>;
}

export class QosGroups {
  private readonly parts: QosGroupParts;
  private burstableShares = 0;
  private made: Promise<void> | undefined;

  constructor(parts: QosGroupParts) {
    this.parts = parts;
  }

  /** Makes the groups, once. */
  make(): Promise<void> {
    this.made ??= this.makeAll();
    return this.made;
  }

  /** Gives the Burstable class what its pods ask for together. Never throws. */
  async follow(pods: readonly Pod[]): Promise<void> {
    const { cgroups, cgroupRoot, log } = this.parts;
    const burstable = pods.filter((pod) => qosClassOf(pod) === "Burstable");
    const cpuShares = sharesOf(burstable.reduce((sum, pod) => sum + podRequestMillis(pod), 0));
    if (cpuShares === this.burstableShares) return;
    this.burstableShares = cpuShares;
    try {
      await this.make();
      await cgroups.ensure(`${cgroupRoot}/kubepods/burstable`, { cpuShares });
    } catch (error) {
      log.warn("share of Burstable pods not set", { error: messageOf(error) });
    }
  }

  private async makeAll(): Promise<void> {
    const { cgroups, cgroupRoot, limits } = this.parts;
    const all = { cpuShares: sharesOf(millisOf(limits["cpu"])), memoryBytesMax: wholeOf(limits["memory"]) };
    await cgroups.ensure(`${cgroupRoot}/kubepods`, all);
    await cgroups.ensure(`${cgroupRoot}/kubepods/besteffort`, { cpuShares: sharesOf(0) });
    await cgroups.ensure(`${cgroupRoot}/kubepods/burstable`, { cpuShares: sharesOf(0) });
  }
}
