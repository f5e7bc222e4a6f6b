/** Taking down what a pod leaves on this node once its containers have ended. */
import { messageOf } from "#base/assert.ts";
import { isReason } from "#machinery/status.ts";
import { keyOf } from "#machinery/meta.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import type { PodParts } from "./act/parts.ts";
import { podLogFolder } from "./plan/identity.ts";
import type { ObservedPod } from "./plan/observation.ts";
import { podCgroup } from "./plan/qos.ts";

// The pod's worker tries again with growing pauses.
const removalsMax = 5;

export class PodCleaner {
  private readonly parts: PodParts;
  private removalsFailed = 0;

  constructor(parts: PodParts) {
    this.parts = parts;
  }

  /** Gives back what an ended pod no longer needs; its containers stay for their logs. */
  async tidy(pod: Pod, observed: ObservedPod, signal: AbortSignal): Promise<void> {
    const { runtime, machine, config, images } = this.parts;
    // Sandboxes but the newest are of no use; with them go their containers.
    for (const { id } of observed.sandboxes.slice(1)) await runtime.removePodSandbox(id, signal);
    await this.removeVolumes(pod.metadata.uid ?? "");
    await machine.cgroups.remove(podCgroup(config.cgroupRoot, pod));
    images.forget(pod.metadata.uid ?? "");
  }

  /** A folder that cannot be removed, such as one with an immutable file, does not keep the pod for ever. */
  private async removeVolumes(uid: string): Promise<void> {
    try {
      await this.parts.volumes.remove(uid);
      this.removalsFailed = 0;
    } catch (error) {
      this.removalsFailed += 1;
      if (this.removalsFailed < removalsMax) throw error;
      this.parts.log.warn("the folder of a pod stays until kedge starts again", { uid, error: messageOf(error) });
    }
  }

  /** Removes every trace. */
  async erase(
    pod: Pod,
    observed: ObservedPod,
    how: { readonly inApi: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const { runtime, machine, config } = this.parts;
    // The object goes first: whoever waits for it need not wait for the rest.
    if (how.inApi) await this.deleteFromApi(pod);
    for (const { id } of observed.sandboxes) await runtime.removePodSandbox(id, how.signal);
    const { files } = machine;
    using logs = await files.folder((await files.resolve(config.podLogsFolder)) ?? config.podLogsFolder);
    await logs?.remove(podLogFolder("", pod).slice(1), "unmount");
  }

  private async deleteFromApi(pod: Pod): Promise<void> {
    try {
      await this.parts.client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, uid: pod.metadata.uid ?? "" });
    } catch (error) {
      if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) throw error;
    }
  }
}
