/** Asking the runtime what there is of a pod. */
import type { ContainerRuntime } from "#host/cri.ts";
import { label } from "../plan/identity.ts";
import { newestFirst, type ObservedContainer, type ObservedPod } from "../plan/observation.ts";

export async function observePod(runtime: ContainerRuntime, uid: string, signal: AbortSignal): Promise<ObservedPod> {
  const labelSelector = { [label.podUid]: uid };
  const [sandboxes, containers] = await Promise.all([
    runtime.listPodSandboxes({ labelSelector }, signal),
    runtime.listContainers({ labelSelector }, signal),
  ]);
  const [sandboxAnswers, statuses] = await Promise.all([
    Promise.all(sandboxes.map(({ id }) => runtime.podSandboxStatus(id, signal))),
    Promise.all(
      containers.map(async ({ id, podSandboxId }) => {
        const status = await runtime.containerStatus(id, signal);
        return status && { ...status, podSandboxId };
      }),
    ),
  ]);
  // What vanished between the two questions is left out.
  return {
    sandboxes: sandboxAnswers.flatMap((answer) => (answer ? [answer.status] : [])).sort(newestFirst),
    containers: statuses.filter((status): status is ObservedContainer => status !== undefined).sort(newestFirst),
  };
}
