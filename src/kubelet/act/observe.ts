/** Asking the runtime what there is of a pod. */
import type { Container } from "#host/cri.ts";
import type { Pod } from "#resources/core/pod.ts";
import { label } from "../plan/identity.ts";
import { containerById, newestFirst, type ObservedContainer, type ObservedPod } from "../plan/observation.ts";
import type { PodParts } from "./parts.ts";

// Each call waits for the same signal, and a signal looks at all who wait for it.
const askedAtOnceMax = 64;

export interface Looking {
  readonly pod: Pod;
  /** What was seen of it before. */
  readonly observed: ObservedPod;
  readonly signal: AbortSignal;
}

export async function observePod(
  { runtime, turns }: Pick<PodParts, "runtime" | "turns">,
  { pod, observed: before, signal }: Looking,
): Promise<ObservedPod> {
  const labelSelector = { [label.podUid]: pod.metadata.uid ?? "" };
  const [sandboxes, containers] = await Promise.all([
    runtime.listPodSandboxes({ labelSelector }, signal),
    runtime.listContainers({ labelSelector }, signal),
  ]);
  const statusOf = async (listed: Container): Promise<ObservedContainer | undefined> => {
    const known = containerById(before, listed.id);
    // A container that has ended changes no more: a pod may have thousands of them, and is looked at after each.
    if (known?.state === "CONTAINER_EXITED" && listed.state === known.state) return known;
    const status = await runtime.containerStatus(listed.id, signal);
    return status && { ...status, podSandboxId: listed.podSandboxId };
  };
  const answers = await Promise.all(sandboxes.map(({ id }) => runtime.podSandboxStatus(id, signal)));
  const statuses: (ObservedContainer | undefined)[] = [];
  for (let asked = 0; asked < containers.length; asked += askedAtOnceMax) {
    statuses.push(...(await Promise.all(containers.slice(asked, asked + askedAtOnceMax).map(statusOf))));
    await turns.rest();
  }
  // What vanished between the two questions is left out.
  return {
    sandboxes: answers.flatMap((answer) => (answer ? [answer.status] : [])).sort(newestFirst),
    containers: statuses.filter((status): status is ObservedContainer => status !== undefined).sort(newestFirst),
  };
}
