/**
 * Every change of an object that is there: PUT, PATCH and the actions of subresources. The new object is made from the
 * current one, checked, and written if nothing changed in between; else it is made anew.
 */
import { deepEqual } from "#machinery/equal.ts";
import { deepFreeze } from "#machinery/freeze.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { conflict, forbidden, invalid, isReason, modified, notFound } from "#machinery/status.ts";
import * as fieldError from "#machinery/field-error.ts";
import { absent, type Revision, type WriteOptions } from "#storage/store.ts";
import type { AdmissionRequest } from "../access.ts";
import { isLarge, metaText, targetOf, type Core, type Draft, type WriteCall, type Written } from "../call.ts";
import { shown, type Served } from "../registry.ts";
import { StoredObject, type StoredKind } from "../stored-object.ts";
import { createPrepared } from "./create.ts";
import { keepTimes } from "./managed-fields.ts";
import { asDraft } from "./decode.ts";
import { optimistic, type Try } from "./optimistic.ts";
import { checkStored } from "./stored-size.ts";
import { asObject, checkUpdate, fitName, fitNamespace, stampUpdate, wipeSystemMeta } from "./prepare.ts";

export interface Change {
  /**
   * Makes the new object in the served version, defaults filled in and managed fields tracked; it owns what it returns.
   * Called again when the object changed meanwhile.
   *
   * @param current Frozen; undefined when there is none and `creates` allows it.
   * @param call The call, which is a large one too when the stored object is large.
   */
  readonly make: (current: KubeObject | undefined, call: WriteCall) => Draft | Promise<Draft>;
  /** The object is created when it is not there. */
  readonly creates: boolean;
}

/** @throws StatusError 404, 409 when the draft has another resourceVersion or uid, 422, what admission throws. */
export function update(core: Core, call: WriteCall, change: Change): Promise<Written> {
  return optimistic(core, call, (current) =>
    current ? tryUpdate(core, weighed(call, current), { change, current }) : tryCreate(core, call, change),
  );
}

/** The call, as a large one when the stored object is. */
function weighed(call: WriteCall, current: StoredObject): WriteCall {
  if (call.isLarge || !isLarge(current.jsonBytes)) return call;
  // Not spread: that would ask for the signal.
  return Object.create(call, { isLarge: { value: true } }) as WriteCall;
}

async function tryCreate(core: Core, call: WriteCall, change: Change): Promise<Try<Written>> {
  try {
    return { kind: "done", result: await createMissing(core, call, change) };
  } catch (error) {
    // Somebody else made it meanwhile: there is something to change now.
    if (isReason(error, "AlreadyExists")) return { kind: "lost", to: absent };
    throw error;
  }
}

async function createMissing(core: Core, call: WriteCall, change: Change): Promise<Written> {
  if (!change.creates || call.subresource !== "") throw notFound(targetOf(call));
  const draft = await change.make(undefined, call);
  const uid = metaText(draft, "uid");
  if (uid !== "")
    throw conflict(
      targetOf(call),
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  fitNamespace(call, draft);
  fitName(call, draft);
  const { group, version, plural } = call.served.definition;
  const decision = core.authorizer.authorize({
    kind: "resource",
    user: call.user,
    verb: "create",
    group,
    version,
    resource: plural,
    subresource: "",
    ...call.key,
    fieldSelector: "",
    labelSelector: "",
  });
  if (decision.kind !== "allowed")
    throw forbidden(targetOf(call), `User ${JSON.stringify(call.user.name)} cannot create it, which this update would`);
  delete draft.metadata["resourceVersion"];
  wipeSystemMeta(draft);
  return createPrepared(core, call, draft);
}

async function tryUpdate(
  core: Core,
  call: WriteCall,
  { change, current }: { change: Change; current: StoredObject },
): Promise<Try<Written>> {
  const { served } = call;
  if (call.isLarge) await core.turns.next();
  const old = shown(served, current);
  if (call.isLarge) await core.turns.next();
  const draft = await change.make(old, call);
  fitNamespace(call, draft);
  fitName(call, draft);
  checkVersion(call, draft, old);
  const admission = core.admission.attempt(call);
  try {
    await admission.mutate(admissionOf(call, draft, old), draft);
    if (call.isLarge) await core.turns.next();
    stampUpdate(call, draft, { frozen: old, copy: () => copyOf(served, current) });
    if (call.isLarge) await core.turns.next();
    checkUpdate(call, draft, old);
    keepTimes(draft, old);
    if (call.isLarge) await core.turns.next();
    await admission.validate(admissionOf(call, draft, old));
    const stored = await store(core, call, { draft, current, old });
    // Who named the resourceVersion is refused on the next try, which reads another one.
    if (stored.kind === "lost") return stored;
    const { result: object } = stored;
    if (object instanceof StoredObject) admission.written(String(object.revision));
    return { kind: "done", result: { created: false, object } };
  } finally {
    const ending = admission.end();
    if (ending) await ending;
  }
}

/** The caller's own copy of a stored object, in the served version. */
export function copyOf(served: Served, current: StoredObject): Draft {
  const draft = current.draft();
  const { storedAs } = served.definition;
  // Holds: both are fresh JSON objects with metadata; conversion makes new ones around its parts.
  return asDraft((storedAs ? structuredClone(storedAs.fromStored(draft)) : draft) as unknown as Draft);
}

/** @throws StatusError 409, or 422 when it must be named. */
function checkVersion(call: WriteCall, draft: Draft, old: KubeObject): void {
  const uid = metaText(draft, "uid");
  const resourceVersion = metaText(draft, "resourceVersion");
  if (uid !== "" && uid !== old.metadata.uid)
    throw conflict(
      targetOf(call),
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  if (resourceVersion === "" || resourceVersion === "0") {
    if (call.served.rules.versionRequired)
      throw invalid(targetOf(call), [
        fieldError.invalid("metadata.resourceVersion", 0, "must be specified for an update"),
      ]);
    draft.metadata["resourceVersion"] = old.metadata.resourceVersion;
    return;
  }
  if (resourceVersion !== old.metadata.resourceVersion) throw modified(targetOf(call));
}

function admissionOf(call: WriteCall, draft: Draft, old: KubeObject): AdmissionRequest {
  const { served, key, subresource, user, dryRun, warn } = call;
  const resource = served.definition;
  return { user, operation: "update", resource, key, subresource, dryRun, object: asObject(draft), old, warn };
}

interface Writing {
  readonly draft: Draft;
  readonly current: StoredObject;
  readonly old: KubeObject;
}

async function store(
  core: Core,
  call: WriteCall,
  { draft, current, old }: Writing,
): Promise<Try<StoredObject | KubeObject>> {
  const object = asObject(draft);
  const { storedAs } = call.served.definition;
  const { kind } = current;
  if (call.isLarge) await core.turns.next();
  const value = kind.encode(storedAs ? storedAs.toStored(object) : object);
  if (call.isLarge) await core.turns.next();
  if (value.length > current.entry.value.length) checkStored(call, object, value);
  // Members may stand in another order, so equal length is only the quick test.
  if (value.length === current.entry.value.length && deepEqual(object, old)) return done(current);
  if (call.dryRun) return done(deepFreeze(object));
  if (endsDeletion(object, old)) {
    const outcome = await core.store.commit([{ key: current.storeKey, expected: current.revision }]);
    // The writer expects the object as it wrote it.
    if (outcome.kind === "conflict" && outcome.revision !== absent) return lost(outcome.revision);
    return done(written(kind, { key: current.storeKey, value, revision: current.revision }));
  }
  const { storeKey: key, revision: expected } = current;
  const options: WriteOptions = isRenewal(object, old) ? { durability: "lazy" } : {};
  const outcome = await core.store.commit([{ key, value, expected }], options);
  if (outcome.kind === "conflict") return lost(outcome.revision);
  const [revision = absent] = outcome.revisions;
  const held = call.served.cache?.get(key);
  return done(held?.revision === revision ? held : written(kind, { key, value, revision }));
}

function done<T>(result: T): Try<T> {
  return { kind: "done", result };
}

function lost(to: Revision): Try<never> {
  return { kind: "lost", to };
}

function written(kind: StoredKind, { key, value, revision }: { key: string; value: Uint8Array; revision: number }) {
  return new StoredObject(kind, { key, value, createRevision: revision, modRevision: revision }, revision);
}

/** True when the last finalizer of an object that waits to be deleted is gone. */
function endsDeletion(object: KubeObject, old: KubeObject): boolean {
  if ((object.metadata.finalizers ?? []).length > 0) return false;
  if (old.metadata.deletionTimestamp === undefined) return false;
  if ((old.metadata.deletionGracePeriodSeconds ?? 0) !== 0) return false;
  return namespaceFinalizers(object).length === 0;
}

/** The finalizers that namespaces alone have in their spec. */
export function namespaceFinalizers(object: KubeObject): readonly string[] {
  if (object.kind !== "Namespace" || object.apiVersion !== "v1") return [];
  // Holds because it is a namespace.
  return (object as KubeObject & { spec?: { finalizers?: readonly string[] } }).spec?.finalizers ?? [];
}

/** True when a lease only says that its holder is still there: that may be lost in a crash. */
function isRenewal(object: KubeObject, old: KubeObject): boolean {
  if (object.kind !== "Lease" || object.apiVersion !== "coordination.k8s.io/v1") return false;
  return deepEqual(withoutRenewal(object), withoutRenewal(old));
}

function withoutRenewal(lease: KubeObject): unknown {
  // Holds because it is a lease.
  const { metadata, spec, ...rest } = lease as KubeObject & { spec?: Readonly<Record<string, unknown>> };
  const { managedFields: _, resourceVersion: __, ...keptMeta } = metadata;
  const { renewTime: ___, ...keptSpec } = spec ?? {};
  return { ...rest, metadata: keptMeta, spec: keptSpec };
}
