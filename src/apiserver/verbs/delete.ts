/**
 * DELETE: at once, or by degrees: a grace period for pods, finalizers for everything.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
import { forbidden as fieldForbidden, invalid as invalidField, notSupported } from "#machinery/field-error.ts";
import type { FieldError } from "#machinery/field-error.ts";
import { deepFreeze } from "#machinery/freeze.ts";
import type { DeleteOptions, KubeObject } from "#machinery/meta.ts";
import { conflict, invalid, notFound, timeout } from "#machinery/status.ts";
import { cacheOf, targetOf, type Core, type Draft, type WriteCall } from "../call.ts";
import { shown } from "../registry.ts";
import { StoredObject } from "../stored-object.ts";
import { deletionOf, type Deletion } from "./deletion.ts";
import { asObject } from "./prepare.ts";
import { copyOf } from "./update.ts";

export interface Deleted {
  /** As it was deleted, or as it waits. */
  readonly object: StoredObject | KubeObject;
  /** False when it waits for its grace period or finalizers. */
  readonly gone: boolean;
}

// Only writers of other servers can come in between.
const triesMax = 20;

/** @throws StatusError 404, 409 when a precondition does not hold, 422, what admission throws. */
export async function remove(core: Core, call: WriteCall, options: DeleteOptions): Promise<Deleted> {
  checkDeleteOptions(options);
  const cache = await cacheOf(call.served);
  const storeKey = cache.kind.storeKey(call.key);
  return core.locks.run(storeKey, async () => {
    let current = cache.get(storeKey);
    for (let tries = 1; tries <= triesMax; tries += 1) {
      if (!current) throw notFound(targetOf(call));
      const deleted = await tryRemove(core, call, { options, current });
      if (deleted) return deleted;
      const entry = await core.store.get(storeKey);
      current = entry && cache.kind.fromEntry(entry);
    }
    throw timeout(`the object was changed by others ${triesMax} times while it was deleted; try again`);
  });
}

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
    errors.push(
      fieldForbidden(
        "ignoreStoreReadErrorWithClusterBreakingPotential",
        "expected it to be absent: every stored object can be read here",
      ),
    );
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", resource: "DeleteOptions", name: "" }, errors);
}

/** Undefined when the object changed meanwhile. */
async function tryRemove(
  core: Core,
  call: WriteCall,
  { options, current }: { options: DeleteOptions; current: StoredObject },
): Promise<Deleted | undefined> {
  const old = shown(call.served, current);
  checkPreconditions(call, old, options);
  const { served, key, user, dryRun } = call;
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
  };
  const rollback = await core.admission.validate(request);
  try {
    const draft = copyOf(served, current);
    const plan = deletionOf(draft, { options, rules: served.rules, nowMs: core.clock.nowMs() });
    const done = await carryOut(core, call, { plan, draft, current });
    if (!done || dryRun) rollback();
    return done;
  } catch (error) {
    rollback();
    throw error;
  }
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

interface CarryingOut {
  readonly plan: Deletion;
  readonly draft: Draft;
  readonly current: StoredObject;
}

async function carryOut(
  core: Core,
  call: WriteCall,
  { plan, draft, current }: CarryingOut,
): Promise<Deleted | undefined> {
  const { kind, storeKey } = current;
  switch (plan) {
    case "wait":
      return { object: current, gone: false };
    case "remove": {
      if (call.dryRun) return { object: current, gone: true };
      const outcome = await core.store.delete(storeKey, current.revision);
      if (outcome.kind === "missing") throw notFound(targetOf(call));
      if (outcome.kind === "conflict") return undefined;
      return { object: new StoredObject(kind, current.entry, outcome.revision), gone: true };
    }
    case "mark": {
      const object = asObject(draft);
      if (call.dryRun) return { object: deepFreeze(object), gone: false };
      const { storedAs } = call.served.definition;
      const value = kind.encode(storedAs ? storedAs.toStored(object) : object);
      const outcome = await core.store.update({ key: storeKey, value, expected: current.revision });
      if (outcome.kind === "missing") throw notFound(targetOf(call));
      if (outcome.kind === "conflict") return undefined;
      const { revision } = outcome;
      const entry = { key: storeKey, value, createRevision: current.entry.createRevision, modRevision: revision };
      return { object: new StoredObject(kind, entry, revision), gone: false };
    }
  }
}
