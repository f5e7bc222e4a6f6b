/** What holds for a pod through its life. */
import { controllerOf, type KubeObject } from "#machinery/meta.ts";
import { nodes } from "#resources/core/node.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { Job } from "#resources/batch/job.ts";
import type { Change, History } from "../history.ts";
import type { Invariant } from "./invariant.ts";

// How long a scheduler may not have heard that a node is gone: what is late, cut and begun anew together.
const unheardMsMax = 60_000;

function podsOf({ resource, before, after }: Change): readonly [before: Pod | undefined, after: Pod | undefined] {
  if (resource !== "pods") return [undefined, undefined];
  // Holds because the resource is pods.
  const pod = (one: KubeObject | undefined): Pod | undefined => one as Pod | undefined;
  return [pod(before), pod(after)];
}

function boundOnce(change: Change, history: History): string | undefined {
  const [before, after] = podsOf(change);
  const [was, is] = [before?.spec.nodeName ?? "", after?.spec.nodeName ?? ""];
  if (!after || was === is) return undefined;
  if (was !== "") return `bound to ${is || "no node"} after ${was}`;
  if (history.get(nodes, { namespace: "", name: is })) return undefined;
  const gone = history.changes.findLast(({ resource, key }) => resource === "nodes" && key.name === is);
  if (gone && change.atMs - gone.atMs < unheardMsMax) return undefined;
  return `bound to ${is}, which is not there`;
}

function isOver(pod: Pod): boolean {
  return pod.status.phase === "Succeeded" || pod.status.phase === "Failed";
}

function endsOnce(change: Change): string | undefined {
  const [before, after] = podsOf(change);
  if (!before || !after || !isOver(before) || after.status.phase === before.status.phase) return undefined;
  return `it was ${before.status.phase} and is ${after.status.phase}`;
}

function isJobFinished({ status }: Job): boolean {
  return (
    status.conditions?.some((one) => (one.type === "Complete" || one.type === "Failed") && one.status === "True") ===
    true
  );
}

function jobsCount({ resource, before, after }: Change): string | undefined {
  if (resource !== "jobs.batch" || !before || !after) return undefined;
  // Both hold because the resource is jobs.
  const [was, is] = [before as Job, after as Job];
  const [counted, counts] = [was.status.succeeded ?? 0, is.status.succeeded ?? 0];
  if (counts < counted && is.spec.completionMode !== "Indexed") return `succeeded fell from ${counted} to ${counts}`;
  if (counts > (is.spec.completions ?? Number.MAX_SAFE_INTEGER)) return `succeeded ${counts} of ${is.spec.completions}`;
  if ((is.status.failed ?? 0) < (was.status.failed ?? 0))
    return `failed fell from ${was.status.failed} to ${is.status.failed}`;
  return isJobFinished(was) && !isJobFinished(is) ? "it was finished, and is not any more" : undefined;
}

/** Uids of pods that ended well, by the uid of their owner. */
function countsWhatEnded(): Invariant["check"] {
  const runs = new WeakMap<History, Map<string, Set<string>>>();
  return (change, history) => {
    const ended = runs.get(history) ?? new Map<string, Set<string>>();
    runs.set(history, ended);
    const [, pod] = podsOf(change);
    const owner = pod && controllerOf(pod)?.uid;
    if (owner !== undefined && pod?.status.phase === "Succeeded")
      ended.set(owner, (ended.get(owner) ?? new Set()).add(pod.metadata.uid ?? ""));
    if (change.resource !== "jobs.batch" || !change.after) return undefined;
    // Holds because the resource is jobs.
    const { status, metadata } = change.after as Job;
    const [counted, there] = [status.succeeded ?? 0, ended.get(metadata.uid ?? "")?.size ?? 0];
    return counted > there ? `succeeded=${counted}, and ${there} pods did` : undefined;
  };
}

export const podInvariants: readonly Invariant[] = [
  { name: "a pod is bound once, to a node that exists", check: boundOnce },
  { name: "a pod ends once", check: endsOnce },
  { name: "a Job counts its pods once", check: jobsCount },
  { name: "a Job counts what ended", check: countsWhatEnded() },
];
