/** What a disruption budget says to the eviction of a pod. Pure. */
import type { DeleteOptions } from "#machinery/meta.ts";
import { forbidden, StatusError } from "#machinery/status.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodDisruptionBudget } from "#resources/policy/pod-disruption-budget.ts";

// Evictions the budget's controller has not seen yet: more means it is stuck.
const disruptedPodsMax = 2_000;

/** True for a pod that is over or on its way out. */
export function isDone({ status, metadata }: Pod): boolean {
  return status.phase === "Succeeded" || status.phase === "Failed" || metadata.deletionTimestamp !== undefined;
}

/** True for a pod that no budget counts. */
export function isPastBudgets(pod: Pod): boolean {
  return isDone(pod) || pod.status.phase === "Pending";
}

/** The same deletion, only of the pod as it is. */
export function pinned(options: DeleteOptions, pod: Pod): DeleteOptions {
  const resourceVersion = options.preconditions?.resourceVersion ?? pod.metadata.resourceVersion;
  return { ...options, preconditions: { ...options.preconditions, resourceVersion } };
}

/** True when a pod that is not ready may go although its budget is used up. */
export function mayEvictUnhealthy(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  const isReady = (pod.status.conditions ?? []).some((each) => each.type === "Ready" && each.status === "True");
  if (isReady) return false;
  if (spec.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  return status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0;
}

/** @throws StatusError 429 when the budget allows no disruption, 403 when it is broken. */
export function checkDisruption({ metadata, status }: PodDisruptionBudget): void {
  const name = metadata.name ?? "";
  const target = { group: "policy", resource: "poddisruptionbudget", name };
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) throw evictionRefused(name);
  if (status.disruptionsAllowed < 0) throw forbidden(target, "pdb disruptions allowed is negative");
  if (Object.keys(status.disruptedPods ?? {}).length > disruptedPodsMax)
    throw forbidden(target, "DisruptedPods map too big - too many evictions not confirmed by PDB controller");
  if (status.disruptionsAllowed === 0) throw evictionRefused(name, whyNone(name, status));
}

function whyNone(name: string, status: PodDisruptionBudget["status"]): string {
  const condition = (status.conditions ?? []).find(({ type }) => type === "DisruptionAllowed");
  const denied = condition?.status === "False" && condition.message !== "" ? condition : undefined;
  const head = `The disruption budget ${name}`;
  const { currentHealthy, desiredHealthy } = status;
  if (denied?.reason === "SyncFailed")
    return `${head} does not allow evicting pods currently because it failed sync: ${denied.message}`;
  if (currentHealthy <= desiredHealthy)
    return `${head} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  const why = denied ? ` (${denied.reason}): ${denied.message}` : "";
  return `${head} does not allow evicting pods currently${why}`;
}

/** @param why Absent when the budget's controller has not caught up, which is soon. */
export function evictionRefused(name: string, why?: string): StatusError {
  const message = why ?? `The disruption budget ${name} is still being processed by the server.`;
  const causes = [{ reason: "DisruptionBudget", message }];
  return new StatusError({
    code: 429,
    reason: "TooManyRequests",
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: why === undefined ? { retryAfterSeconds: 10, causes } : { causes },
    ...(why === undefined ? { headers: { "retry-after": "10" } } : {}),
  });
}
