/** The last step of a write: a checked object into the store, in one commit with whatever changes together with it. */
import { deepEqual } from "#machinery/equal.ts";
import { tooLong } from "#machinery/field-error.ts";
import { deepFreeze } from "#machinery/freeze.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { alreadyExists, invalid, StatusError, type Target } from "#machinery/status.ts";
import {
  absent,
  type CommitOutcome,
  type Entry,
  keyLengthMax,
  type Revision,
  type Write,
  type WriteOptions,
} from "#storage/store.ts";
import type { AdmissionRequest } from "../access.ts";
import { cacheOf, kindTargetOf, targetOf, type Core, type Draft, type WriteCall, type Written } from "../call.ts";
import { checkDefinition } from "../custom/definition-state.ts";
import { StoredObject, type StoredKind } from "../stored-object.ts";
import type { WatchCache } from "../watch-cache.ts";
import type { Try } from "./optimistic.ts";
import { asObject, generatedName } from "./prepare.ts";
import { checkStored } from "./stored-size.ts";

// A generated name that is taken is tried anew this often.
const generatedTriesMax = 8;

/** The write as admission sees it. */
export function admissionOf(call: WriteCall, draft: Draft, old: KubeObject | undefined): AdmissionRequest {
  const { served, key, subresource, user, dryRun, warn } = call;
  const object = asObject(draft);
  const name = key.name === "" ? (object.metadata.name ?? "") : key.name;
  const operation = old ? "update" : "create";
  return {
    user,
    operation,
    resource: served.definition,
    key: { ...key, name },
    subresource,
    dryRun,
    object,
    old,
    warn,
    get signal() {
      return call.signal;
    },
  };
}

export interface NewObject {
  readonly draft: Draft;
  /** Its writer chose the name. */
  readonly isNamed: boolean;
  /** Whether an object of that name is an error; else the try is lost, since there is something to change now. */
  readonly mustBeNew: boolean;
}

/** @throws StatusError 409 when the name is taken, 413, of what changes together with it. */
export async function storeNew(core: Core, call: WriteCall, made: NewObject): Promise<Try<Written>> {
  const { draft, isNamed, mustBeNew } = made;
  const cache = await cacheOf(call.served);
  for (let tries = 1; ; tries += 1) {
    const object = asObject(draft);
    const { name = "", namespace = "" } = object.metadata;
    const key = cache.kind.storeKey({ namespace, name });
    // Some kinds have names without a limit of their own.
    if (key.length > keyLengthMax)
      throw invalid(kindTargetOf(call, name), [tooLong("metadata.name", keyLengthMax - (key.length - name.length))]);
    const value = encoded(call, cache.kind, object);
    if (call.isLarge) await core.turns.next();
    checkStored(call, object, value);
    if (call.isLarge) await core.turns.next();
    checkDefinition(core, call.served);
    const change: StoreChange = {
      request: admissionOf(call, draft, undefined),
      write: { key, value, expected: absent },
      held: cache.get(key)?.revision ?? absent,
    };
    const outcome = await put(core, change);
    if (outcome === "lost") return { kind: "lost", to: absent };
    if (outcome.kind === "committed") return done(true, call.dryRun ? deepFreeze(object) : at(cache, change, outcome));
    if (!mustBeNew) return { kind: "lost", to: outcome.revision };
    if (isNamed || tries >= generatedTriesMax) throw taken({ ...targetOf(call), name }, !isNamed);
    draft.metadata["name"] = generatedName(core, draft);
  }
}

export interface Replacement {
  readonly draft: Draft;
  readonly current: StoredObject;
  /** The current object in the served version. */
  readonly old: KubeObject;
}

/** @throws StatusError 413, of what changes together with it. */
export async function replaceObject(core: Core, call: WriteCall, replacement: Replacement): Promise<Try<Written>> {
  const { draft, current, old } = replacement;
  const cache = await cacheOf(call.served);
  const object = asObject(draft);
  const value = encoded(call, cache.kind, object);
  if (call.isLarge) await core.turns.next();
  const before = current.entry.value;
  if (value.length > before.length) checkStored(call, object, value);
  // Members may stand in another order, so equal length is only the quick test.
  if (value.length === before.length && deepEqual(object, old)) return done(false, current);
  const request = admissionOf(call, draft, old);
  const { storeKey: key, revision: expected } = current;
  const goes = endsDeletion(object, old);
  const outcome = await put(core, {
    request: goes ? { ...request, operation: "delete", object: undefined } : request,
    write: { key, value: goes ? undefined : value, expected },
    held: expected,
    options: isRenewal(object, old) ? { durability: "lazy" } : {},
  });
  if (outcome === "lost") return { kind: "lost", to: expected };
  const isGone = goes && outcome.kind === "conflict" && outcome.revision === absent;
  if (outcome.kind === "conflict" && !isGone) return { kind: "lost", to: outcome.revision };
  if (call.dryRun) return done(false, deepFreeze(object));
  const write = { key, value, expected };
  // The writer expects an object that goes as it wrote it.
  if (goes) return done(false, new StoredObject(cache.kind, entryOf(write, expected), expected));
  return done(false, at(cache, { write }, outcome));
}

/** A change of the store that was admitted. */
export interface StoreChange {
  readonly request: AdmissionRequest;
  readonly write: Write;
  /** Where its key is, for a dry run. */
  readonly held: Revision;
  readonly options?: WriteOptions;
}

/**
 * Commits a change with all that changes together with it; a dry run only says what would become of it.
 *
 * @returns "lost" when it has to be made anew.
 * @throws StatusError of what changes together with it
 */
export async function put(core: Core, change: StoreChange): Promise<CommitOutcome | "lost"> {
  const { request, write, held, options } = change;
  const companions = await core.admission.companions(request);
  if (request.dryRun) {
    if (held !== write.expected) return { kind: "conflict", key: write.key, revision: held };
    await core.commits.check(companions);
    return { kind: "committed", revisions: [held] };
  }
  const outcome = await (companions.length === 0
    ? core.store.commit([write], options)
    : core.commits.commit(request.key.namespace, write, companions));
  if (outcome !== "lost" && outcome.kind === "committed") core.admission.stored(request);
  return outcome;
}

/** What was committed: the cache has it already, unless it was replaced meanwhile. */
function at(cache: WatchCache, { write }: Pick<StoreChange, "write">, outcome: CommitOutcome): StoredObject {
  const revision = outcome.kind === "committed" ? (outcome.revisions[0] ?? absent) : outcome.revision;
  const held = cache.get(write.key);
  return held?.revision === revision ? held : new StoredObject(cache.kind, entryOf(write, revision), revision);
}

function entryOf({ key, value }: Write, revision: Revision): Entry {
  return { key, value: value ?? new Uint8Array(), createRevision: revision, modRevision: revision };
}

/** The bytes to store. */
export function encoded(call: WriteCall, kind: StoredKind, object: KubeObject): Uint8Array {
  const { storedAs } = call.served.definition;
  return kind.encode(storedAs ? storedAs.toStored(object) : object);
}

function done(created: boolean, object: Written["object"]): Try<Written> {
  return { kind: "done", result: { created, object } };
}

function taken(target: Target, isGenerated: boolean): StatusError {
  const refusal = alreadyExists(target);
  if (!isGenerated) return refusal;
  return new StatusError({
    code: 409,
    reason: "AlreadyExists",
    message: `${refusal.message}, the server was not able to generate a unique name for the object`,
    details: { ...refusal.details, retryAfterSeconds: 1 },
    headers: { "retry-after": "1" },
  });
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
