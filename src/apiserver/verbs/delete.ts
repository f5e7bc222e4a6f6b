/**
 * DELETE: at once, or by degrees: a grace period for pods, finalizers for everything.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
import { invalid as invalidField, notSupported } from "#machinery/field-error.ts";
import type { FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { deepFreeze } from "#machinery/freeze.ts";
import type { DeleteOptions, KubeObject } from "#machinery/meta.ts";
import { conflict, invalid, modified, notFound } from "#machinery/status.ts";
import { absent, type Revision } from "#storage/store.ts";
import { cacheOf, questionOf, targetOf, type Core, type Draft, type WriteCall } from "../call.ts";
import type { AdmissionRequest } from "../access.ts";
import { refusal } from "../identify.ts";
import { shown } from "../registry.ts";
import { StoredObject } from "../stored-object.ts";
import { encoded, put, type Replacement } from "./commit.ts";
import { deletionOf } from "./deletion.ts";
import { optimistic, type Try } from "./optimistic.ts";
import { asObject } from "./prepare.ts";

export interface Deleted {
  /** As it was deleted, or as it waits. */
  readonly object: StoredObject | KubeObject;
  /** False when it waits for its grace period or finalizers. */
  readonly gone: boolean;
}

/** @throws StatusError 404, 409 when a precondition does not hold, 422, what admission throws. */
export async function remove(core: Core, call: WriteCall, options: DeleteOptions): Promise<Deleted> {
  checkDeleteOptions(options);
  if (options.ignoreStoreReadErrorWithClusterBreakingPotential === true) return removeDamaged(core, call);
  return optimistic(core, call, async (current) => {
    if (!current) throw notFound(targetOf(call));
    return tryRemove(core, call, { options, current });
  });
}

/** Deletes what cannot be read: no finalizer, dependent or admission of it is known. @throws StatusError 403, 404, 422 */
async function removeDamaged(core: Core, call: WriteCall): Promise<Deleted> {
  const question = questionOf(call, "unsafe-delete-ignore-read-errors");
  const decision = core.authorizer.authorize(question);
  if (decision.kind !== "allowed") throw refusal(question, decision.reason);
  const cache = await cacheOf(call.served);
  const storeKey = cache.kind.storeKey(call.key);
  const damaged = cache.damagedAt(storeKey);
  if (!damaged) {
    if (!cache.get(storeKey)) throw notFound(targetOf(call));
    const why = "is exclusively used to delete corrupt object(s), try again by removing this option";
    throw invalid(targetOf(call), [invalidField(unsafeOption, true, why)]);
  }
  const outcome = await core.store.commit([{ key: storeKey, expected: damaged.revision }]);
  if (outcome.kind === "conflict")
    throw outcome.revision === absent ? notFound(targetOf(call)) : modified(targetOf(call));
  core.log.warn("a damaged object was deleted", { key: storeKey, user: call.user.name });
  return { object: cache.kind.stub(storeKey, outcome.revisions[0] ?? absent), gone: true };
}

const unsafeOption = "ignoreStoreReadErrorWithClusterBreakingPotential";

/** @throws StatusError 422 */
export function checkDeleteOptions(options: DeleteOptions): void {
  const { orphanDependents, propagationPolicy, dryRun = [] } = options;
  const errors: FieldError[] = [];
  if (orphanDependents !== undefined && propagationPolicy !== undefined)
    errors.push(
      invalidField(
        "propagationPolicy",
        propagationPolicy,
        "orphanDependents and deletionPropagation cannot be both set",
      ),
    );
  if (propagationPolicy !== undefined && !["Foreground", "Background", "Orphan"].includes(propagationPolicy))
    errors.push(notSupported("propagationPolicy", propagationPolicy, ["Foreground", "Background", "Orphan", "nil"]));
  if (dryRun.some((value) => value !== "All")) errors.push(notSupported("dryRun", dryRun, ["All"]));
  if (options.ignoreStoreReadErrorWithClusterBreakingPotential === true)
    for (const other of [
      "dryRun",
      "propagationPolicy",
      "orphanDependents",
      "gracePeriodSeconds",
      "preconditions",
    ] as const)
      if (options[other] !== undefined && !(other === "dryRun" && dryRun.length === 0))
        errors.push(invalidField(unsafeOption, true, `cannot be set together with .${other}`));
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", resource: "DeleteOptions", name: "" }, errors);
}

async function tryRemove(
  core: Core,
  call: WriteCall,
  { options, current }: { options: DeleteOptions; current: StoredObject },
): Promise<Try<Deleted>> {
  const old = shown(call.served, current);
  checkPreconditions(call, old, options);
  const { served, key, user, dryRun, warn } = call;
  const resource = served.definition;
  const request = {
    user,
    operation: "delete" as const,
    resource,
    key,
    subresource: "",
    dryRun,
    object: undefined,
    old,
    warn,
    get signal() {
      return call.signal;
    },
  };
  await core.admission.validate(request);
  // What a deletion changes is replaced in it, never changed in place.
  const draft: Draft = { ...old, metadata: { ...old.metadata } };
  const plan = deletionOf(draft, { options, rules: served.rules, nowMs: core.clock.nowMs() });
  if (plan === "wait") return done({ object: current, gone: false });
  return plan === "remove" ? takeAway(core, call, { request, current }) : mark(core, call, { draft, current });
}

function checkPreconditions(call: WriteCall, old: KubeObject, { preconditions }: DeleteOptions): void {
  const { uid, resourceVersion } = preconditions ?? {};
  if (uid !== undefined && uid !== old.metadata.uid)
    throw conflict(
      targetOf(call),
      `the UID in the precondition (${uid}) does not match the UID in record (${old.metadata.uid}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion)
    throw conflict(
      targetOf(call),
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${old.metadata.resourceVersion}). The object might have been modified`,
    );
}

async function takeAway(
  core: Core,
  call: WriteCall,
  { request, current }: { readonly request: AdmissionRequest; readonly current: StoredObject },
): Promise<Try<Deleted>> {
  const { storeKey: key, revision: expected } = current;
  const outcome = await put(core, { request, write: { key, expected }, held: expected });
  if (outcome === "lost") return { kind: "lost", to: expected };
  if (outcome.kind === "conflict") return lost(call, outcome.revision);
  return done({ object: call.dryRun ? current : current.at(outcome.revisions[0] ?? absent), gone: true });
}

async function mark(
  core: Core,
  call: WriteCall,
  { draft, current }: Pick<Replacement, "draft" | "current">,
): Promise<Try<Deleted>> {
  const { kind, storeKey: key, revision: expected } = current;
  const object = asObject(draft);
  if (call.dryRun) return done({ object: deepFreeze(object), gone: false });
  const value = encoded(call, kind, object);
  // Who deletes again what waits already changes nothing.
  if (value.length === current.entry.value.length && deepEqual(object, shown(call.served, current)))
    return done({ object: current, gone: false });
  // A plugin that is asked about a deletion is not asked again about its marks.
  const outcome = await core.store.commit([{ key, value, expected }]);
  if (outcome.kind === "conflict") return lost(call, outcome.revision);
  const [revision = absent] = outcome.revisions;
  const entry = { key, value, createRevision: current.entry.createRevision, modRevision: revision };
  return done({ object: new StoredObject(kind, entry, revision), gone: false });
}

/** @throws StatusError 404 when somebody else deleted it */
function lost(call: WriteCall, to: Revision): Try<Deleted> {
  if (to === absent) throw notFound(targetOf(call));
  return { kind: "lost", to };
}

function done(result: Deleted): Try<Deleted> {
  return { kind: "done", result };
}
