/**
 * Deletes Jobs a while after they have finished, if they say so.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/
 */
import { keyOf } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { jobs, type Job } from "#resources/batch/job.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { ownKind } from "./watches.ts";

export interface TtlObservation {
  readonly job: Job;
  readonly nowMs: number;
}

export const ttlAfterFinishedController: Controller<TtlObservation> = {
  name: "ttl-after-finished-controller",
  watches: [ownKind(jobs)],
  observe: (key, caches) => {
    const job = caches.get(jobs, key);
    return job && { job, nowMs: caches.nowMs };
  },
  plan: planTtl,
};

/** Pure. */
export function planTtl({ job, nowMs }: TtlObservation): Plan {
  const { ttlSecondsAfterFinished } = job.spec;
  const finished = job.status.conditions?.find(
    ({ type, status }) => (type === "Complete" || type === "Failed") && status === "True",
  );
  if (ttlSecondsAfterFinished === undefined || !finished || job.metadata.deletionTimestamp !== undefined)
    return nothing;
  const leftMs = Date.parse(finished.lastTransitionTime ?? "") + ttlSecondsAfterFinished * 1000 - nowMs;
  if (leftMs > 0) return { actions: [], againAfterMs: leftMs };
  const { uid, resourceVersion } = job.metadata;
  // Exactly what was judged: a Job whose time was made longer meanwhile is judged anew.
  const request = {
    propagationPolicy: "Foreground" as const,
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return { actions: [{ kind: "delete", resource: untyped(jobs), key: keyOf(job), request }] };
}
