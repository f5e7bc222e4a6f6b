/**
 * Takes back what a pod says of its own end when it did not come: an eviction that was granted and then not carried out.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
 */
import { rfc3339 } from "#base/clock.ts";
import { keyOf } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { pods } from "#resources/core/pod.ts";
import { conditionOf } from "./conditions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { isActive } from "./pod-state.ts";
import { watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface StaleDisruptionObservation {
  readonly pod: PodSeen;
  readonly nowMs: number;
}

const staleMs = 120_000;
const target = "DisruptionTarget";

export const staleDisruptionController: Controller<StaleDisruptionObservation> = {
  name: "stale-disruption-controller",
  watches: [
    watching(podView, {
      keysOf: ({ type, object }) => (type !== "deleted" && isTarget(object) ? [keyOf(object)] : []),
    }),
  ],
  observe: (key, caches) => {
    const pod = caches.get(podView, key);
    return pod && isTarget(pod) ? { pod, nowMs: caches.nowMs } : undefined;
  },
  plan: planStaleDisruption,
};

function isTarget(pod: PodSeen): boolean {
  return isActive(pod) && conditionOf(pod.status.conditions, target)?.status === "True";
}

/** Pure. */
export function planStaleDisruption({ pod, nowMs }: StaleDisruptionObservation): Plan {
  const condition = conditionOf(pod.status.conditions, target);
  if (!condition) return nothing;
  const leftMs = (Date.parse(condition.lastTransitionTime ?? "") || 0) + staleMs - nowMs;
  if (leftMs > 0) return { actions: [], againAfterMs: leftMs };
  const { uid } = pod.metadata;
  const now = { type: target, status: "False", reason: "", message: "", lastTransitionTime: rfc3339(nowMs) };
  const body = { metadata: { uid }, status: { conditions: [now] } };
  const patch = { type: "strategic", body } as const;
  return { actions: [{ kind: "patch", resource: untyped(pods), key: keyOf(pod), patch, subresource: "status" }] };
}
