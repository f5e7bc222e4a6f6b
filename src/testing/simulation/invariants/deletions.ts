/** What may be deleted by whom: only by who asked for it, and only what nobody needs any more. */
import { selectorOf } from "#machinery/label-selector.ts";
import { keyText, type KubeObject, type OwnerReference } from "#machinery/meta.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { podDisruptionBudgets, type PodDisruptionBudget } from "#resources/policy/pod-disruption-budget.ts";
import type { Change, History } from "../history.ts";
import type { Invariant } from "./invariant.ts";

const collector = "system:serviceaccount:kube-system:generic-garbage-collector";

// How long a controller of budgets may not have heard of a pod that is lost: what is late, cut and begun anew together.
const unheardMsMax = 90_000;

/** The object whose deletion this is: it goes, or its end is set. */
function deleted({ before, after }: Change): KubeObject | undefined {
  const begins = before?.metadata.deletionTimestamp === undefined && after?.metadata.deletionTimestamp !== undefined;
  const ends = !after && before?.metadata.deletionTimestamp === undefined;
  return begins || ends ? before : undefined;
}

function liveOwner(object: KubeObject, history: History): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ uid }) => {
    const owner = history.byUid(uid);
    return owner !== undefined && owner.metadata.deletionTimestamp === undefined;
  });
}

function collectsGarbage(change: Change, history: History): string | undefined {
  const object = deleted(change);
  const asked = history.askedBy(`delete ${change.resource} ${keyText(change.key)}`);
  if (!object || !asked.includes(collector) || asked.some((one) => one !== collector)) return undefined;
  const owner = liveOwner(object, history);
  return owner && `collected, and its owner ${owner.kind} ${owner.name} is there`;
}

function isOver({ status }: Pod): boolean {
  return status.phase === "Succeeded" || status.phase === "Failed";
}

function isHealthy(pod: Pod | undefined): boolean {
  if (!pod || isOver(pod) || pod.metadata.deletionTimestamp !== undefined) return false;
  return pod.status.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true;
}

function isEvicted(change: Change, history: History): boolean {
  return history.askedBy(`eviction pods ${keyText(change.key)}`).length > 0;
}

/** The revisions of the deletions that evictions asked for are remembered: later they are told from what was lost. */
function evictsWithinBudget(): Invariant["check"] {
  const evictions = new WeakMap<History, Set<number>>();
  return (change, history) => {
    const pod = change.resource === "pods" ? deleted(change) : undefined;
    if (!pod || !isEvicted(change, history)) return undefined;
    const known = evictions.get(history) ?? new Set();
    evictions.set(history, known.add(change.revision));
    // Holds because the resource is pods.
    if (!isHealthy(pod as Pod)) return undefined;
    for (const budget of history.all(podDisruptionBudgets, change.key.namespace)) {
      if (!selectorOf(budget.spec.selector).matches(pod.metadata.labels ?? {})) continue;
      const name = pod.metadata.name ?? "";
      if (budget.status.disruptedPods?.[name] === undefined)
        return `evicted, and budget ${budget.metadata.name} was not asked`;
      const found = shortBy(budget, { change, history, evictions: known });
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** Says how many are missing, when it is not for pods that were lost in a way that nobody could have heard of yet. */
function shortBy(
  budget: PodDisruptionBudget,
  seen: { readonly change: Change; readonly history: History; readonly evictions: ReadonlySet<number> },
): string | undefined {
  const { change, history, evictions } = seen;
  const selector = selectorOf(budget.spec.selector);
  const isOfBudget = (object: KubeObject | undefined): boolean =>
    object?.metadata.namespace === change.key.namespace && selector.matches(object.metadata.labels ?? {});
  const healthy = history.all(pods, change.key.namespace).filter((one) => isOfBudget(one) && isHealthy(one)).length;
  let lost = 0;
  for (let at = history.changes.length - 1; at >= 0; at -= 1) {
    const past = history.changes[at];
    if (!past || past.atMs < change.atMs - unheardMsMax) break;
    if (past.resource !== "pods" || evictions.has(past.revision) || !isOfBudget(past.before)) continue;
    // Both hold because the resource is pods.
    const [was, is] = [past.before as Pod | undefined, past.after as Pod | undefined];
    if (isHealthy(was) && !(isHealthy(is) && isOfBudget(is))) lost += 1;
  }
  const { desiredHealthy } = budget.status;
  if (healthy + lost >= desiredHealthy) return undefined;
  return `evicted, and budget ${budget.metadata.name} wants ${desiredHealthy} healthy, of which ${healthy} are left and ${lost} were lost otherwise`;
}

/** A claim goes when no pod that could be running has it. */
function keepsClaims({ resource, key, after }: Change, history: History): string | undefined {
  if (resource !== persistentVolumeClaims.id || after) return undefined;
  const user = history
    .all(pods, key.namespace)
    .find(
      (pod) =>
        (pod.spec.nodeName ?? "") !== "" &&
        !isOver(pod) &&
        pod.spec.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === key.name),
    );
  return user && `gone, and pod ${user.metadata.name} on ${user.spec.nodeName} has it`;
}

export const deletionInvariants: readonly Invariant[] = [
  { name: "only what nobody owns is collected", check: collectsGarbage },
  { name: "no budget is broken by evictions", check: evictsWithinBudget() },
  { name: "a claim stays while a pod has it", check: keepsClaims },
];
