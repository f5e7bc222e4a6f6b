/** Taking down what a pod leaves on this node once its containers have ended. */
import { isReason } from "#machinery/status.ts";
import { keyOf } from "#machinery/meta.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import type { PodParts } from "./act/parts.ts";
import { annotation, podLogFolder } from "./plan/identity.ts";
import type { ObservedPod } from "./plan/observation.ts";
import { podCgroup } from "./plan/qos.ts";

export class PodCleaner {
  private readonly parts: PodParts;

  constructor(parts: PodParts) {
    this.parts = parts;
  }

  /** Gives back what an ended pod no longer needs; its containers stay for their logs. */
  async tidy(pod: Pod, observed: ObservedPod, signal: AbortSignal): Promise<void> {
    const { runtime, volumes, machine, config, images } = this.parts;
    // Sandboxes but the newest are of no use; with them go their containers.
    for (const { id } of observed.sandboxes.slice(1)) await runtime.removePodSandbox(id, signal);
    await volumes.remove(pod.metadata.uid ?? "");
    await machine.cgroups.remove(podCgroup(config.cgroupRoot, pod));
    images.forget(pod.metadata.uid ?? "");
  }

  /** Removes every trace. */
  async erase(
    pod: Pod,
    observed: ObservedPod,
    how: { readonly inApi: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const { runtime, machine, config } = this.parts;
    // The object goes first: whoever waits for it need not wait for the rest.
    if (how.inApi && pod.metadata.annotations?.[annotation.configSource] !== "file") await this.deleteFromApi(pod);
    for (const { id } of observed.sandboxes) await runtime.removePodSandbox(id, how.signal);
    using logs = await machine.files.folder(config.podLogsFolder);
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
