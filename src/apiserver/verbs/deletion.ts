/** What a deletion does to an object: pure, so that it can be tested with a table. */
import { rfc3339 } from "#base/clock.ts";
import type { DeleteOptions, ObjectMeta } from "#machinery/meta.ts";
import type { Draft } from "../call.ts";
import type { KindRules } from "../kind-rules.ts";

/** Delete the object, write it with its marks changed, or leave it: it is being deleted already. */
export type Deletion = "remove" | "mark" | "wait";

export interface DeletionContext {
  readonly options: DeleteOptions;
  readonly rules: KindRules;
  readonly nowMs: number;
}

const orphan = "orphan";
const foreground = "foregroundDeletion";

/** Decides, and changes the draft's metadata (and a namespace's phase) where it answers "mark". */
export function deletionOf(draft: Draft, context: DeletionContext): Deletion {
  if (draft["kind"] === "Namespace" && draft["apiVersion"] === "v1") {
    const planned = namespaceDeletion(draft, context);
    if (planned) return planned;
  }
  const grace = graceOf(draft, context);
  if (grace === "wait") return "wait";
  const finalizersChanged = setFinalizers(draft, context);
  if ((metaOf(draft).finalizers ?? []).length > 0) {
    if (grace === "none") markDeleting(draft, context.nowMs);
    return "mark";
  }
  if (grace === "none" || metaOf(draft).deletionGracePeriodSeconds === 0) return "remove";
  return finalizersChanged || grace === "set" ? "mark" : "remove";
}

function metaOf(draft: Draft): ObjectMeta {
  return draft.metadata;
}

/** Whether the object may go on for a while: only pods may. */
function graceOf(draft: Draft, { options, nowMs }: DeletionContext): "none" | "set" | "wait" {
  if (draft["kind"] !== "Pod" || draft["apiVersion"] !== "v1") return "none";
  const asked = options.gracePeriodSeconds === undefined ? undefined : Math.max(options.gracePeriodSeconds, -1);
  const seconds = asked === -1 ? 1 : asked;
  const { metadata } = draft;
  const { deletionTimestamp, deletionGracePeriodSeconds: pending } = metaOf(draft);
  if (deletionTimestamp !== undefined) {
    if (pending === undefined || pending === 0) return "none";
    if (seconds === undefined || seconds >= pending) return "wait";
    // Only shorter: the end moves back by the old period and forward by the new one, but not into the past.
    const endMs = Date.parse(deletionTimestamp) + (seconds - pending) * 1000;
    metadata["deletionTimestamp"] = rfc3339(Math.max(endMs, nowMs));
    metadata["deletionGracePeriodSeconds"] = endMs < nowMs && seconds !== 0 ? 1 : seconds;
    return "set";
  }
  const period = podGraceSeconds(draft, seconds);
  metadata["deletionTimestamp"] = rfc3339(nowMs + period * 1000);
  metadata["deletionGracePeriodSeconds"] = period;
  countGeneration(draft);
  return "set";
}

function podGraceSeconds(draft: Draft, asked: number | undefined): number {
  // Holds because the draft is a pod.
  const { spec, status } = draft as unknown as {
    readonly spec?: { readonly nodeName?: string; readonly terminationGracePeriodSeconds?: number };
    readonly status?: { readonly phase?: string };
  };
  if ((spec?.nodeName ?? "") === "" || status?.phase === "Failed" || status?.phase === "Succeeded") return 0;
  const period = asked ?? spec?.terminationGracePeriodSeconds ?? 0;
  return period < 0 ? 1 : period;
}

function countGeneration(draft: Draft): void {
  const { generation } = metaOf(draft);
  if (generation !== undefined && generation > 0) draft.metadata["generation"] = generation + 1;
}

/** Ends the grace of an object that only waits for its finalizers. */
function markDeleting(draft: Draft, nowMs: number): void {
  const { deletionTimestamp } = metaOf(draft);
  if (deletionTimestamp === undefined) countGeneration(draft);
  if (deletionTimestamp === undefined || Date.parse(deletionTimestamp) > nowMs)
    draft.metadata["deletionTimestamp"] = rfc3339(nowMs);
  draft.metadata["deletionGracePeriodSeconds"] = 0;
}

/** Sets the finalizers by which the garbage collector orphans or deletes dependents. True when that changed them. */
function setFinalizers(draft: Draft, { options, rules }: DeletionContext): boolean {
  const before = metaOf(draft).finalizers ?? [];
  const after = before.filter((name) => name !== orphan && name !== foreground);
  const { deletionFinalizer } = rules;
  if (deletionFinalizer !== undefined && draft.metadata["deletionTimestamp"] === undefined)
    if (!after.includes(deletionFinalizer)) after.push(deletionFinalizer);
  if (rules.dependents !== "none") {
    if (orphans(before, options, rules)) after.push(orphan);
    if (deletesFirst(before, options)) after.push(foreground);
  }
  const known = new Set(before);
  if (after.length === before.length && after.every((name) => known.has(name))) return false;
  if (after.length === 0) delete draft.metadata["finalizers"];
  else draft.metadata["finalizers"] = after;
  return true;
}

function orphans(finalizers: readonly string[], options: DeleteOptions, rules: KindRules): boolean {
  if (options.orphanDependents !== undefined) return options.orphanDependents;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Orphan";
  const set = finalizers.find((name) => name === orphan || name === foreground);
  return set === undefined ? rules.dependents === "orphan" : set === orphan;
}

function deletesFirst(finalizers: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return false;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Foreground";
  return finalizers.find((name) => name === orphan || name === foreground) === foreground;
}

/** A namespace first becomes Terminating, and is gone only when nothing is left in it. Undefined to go on as usual. */
function namespaceDeletion(draft: Draft, { options, nowMs }: DeletionContext): Deletion | undefined {
  // Holds because the draft is a namespace.
  const namespace = draft as unknown as {
    readonly spec?: { readonly finalizers?: readonly string[] };
    status?: Record<string, unknown>;
  };
  const { deletionTimestamp, finalizers = [] } = metaOf(draft);
  if (deletionTimestamp !== undefined) return (namespace.spec?.finalizers ?? []).length > 0 ? "wait" : undefined;
  draft.metadata["deletionTimestamp"] = rfc3339(nowMs);
  namespace.status = { ...namespace.status, phase: "Terminating" };
  const others = finalizers.filter((name) => name !== orphan && name !== foreground);
  const { orphanDependents, propagationPolicy } = options;
  const keeps = (name: string, policy: string, byFlag: boolean): string[] => {
    const set =
      orphanDependents !== undefined
        ? orphanDependents === byFlag
        : propagationPolicy !== undefined
          ? propagationPolicy === policy
          : finalizers.includes(name);
    return set ? [name] : [];
  };
  const kept = [...others, ...keeps(orphan, "Orphan", true), ...keeps(foreground, "Foreground", false)];
  if (kept.length > 0) draft.metadata["finalizers"] = kept;
  else delete draft.metadata["finalizers"];
  return "mark";
}
