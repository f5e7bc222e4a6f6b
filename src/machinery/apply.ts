/**
 * Who manages which field: server-side apply, and the record that every other write leaves in metadata.managedFields.
 *
 * Differs from upstream: managers of other versions of a kind are compared by the paths of the version at hand, because
 * versions here share their paths; and an applied object that does not fit is refused with 400, not 500.
 *
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import { atOnce } from "#base/turns.ts";
import { collecting } from "./apply/applied-set.ts";
import { findingProblems } from "./apply/check.ts";
import { changesIn, comparingObjects, type Difference } from "./apply/compare.ts";
import { conflictError, type Conflict } from "./apply/conflict.ts";
import { intersecting, isEmpty, leaf, uniting, unitingAll, without, type FieldSet } from "./apply/field-set.ts";
import { interned } from "./apply/intern.ts";
import { allowingByLastApplied, withLastApplied } from "./apply/last-applied.ts";
import {
  cappingUpdaters,
  idOf,
  managed,
  ManagersError,
  parsingManagers,
  readManagers,
  releasing,
  timeText,
  writeManagers,
  type Manager,
  type Managers,
  type Operation,
} from "./apply/managers.ts";
import { merging } from "./apply/merge.ts";
import { PathError } from "./apply/path-element.ts";
import { pruningReleased } from "./apply/remove.ts";
import { zeroOf } from "./decode.ts";
import { resetFields, type Written } from "./apply/reset-fields.ts";
import { deepEqual } from "./equal.ts";
import { deepFreeze } from "./freeze.ts";
import { isList, isObject } from "./json-object.ts";
import type { JsonObject, JsonValue, ObjectShape } from "./shape.ts";
import { badRequest } from "./status.ts";

export { sameButTimes } from "./apply/managers.ts";

/** What is written to, by whom. */
export interface FieldWrite {
  readonly kind: Written & { readonly shape: ObjectShape };
  /** The object as stored; undefined on create. */
  readonly live: JsonObject | undefined;
  /** The fieldManager of the request, else the first part of its user agent. */
  readonly manager: string;
  /** "" for the object itself. */
  readonly subresource: string;
  readonly nowMs: number;
}

/** `reset` is true when the request asks to forget all managers, see asksReset. */
export type FieldUpdate = FieldWrite & { readonly reset?: boolean };
export type FieldApply = FieldWrite & { readonly force: boolean };

/**
 * Records a create, an update or a patch: `updated` with the managedFields it leaves. Neither object is changed.
 */
export function trackUpdate(write: FieldUpdate, updated: JsonObject): JsonObject {
  return atOnce(tracking(write, updated));
}

/** What `trackUpdate` does, as work that may rest where it yields. */
export function* tracking(write: FieldUpdate, updated: JsonObject): Generator<undefined, JsonObject> {
  const before = write.live ?? zeroObject(write.kind.shape);
  const stored = managedFieldsOf(write.live);
  const { managers, entries } = yield* managersOf(write, updated);
  yield;
  if (managers.size === 0 && write.live) return withManagedFields(updated, undefined);
  const found = yield* comparedFor(write, before, withManagedFields(updated, managedFieldsOf(before)));
  if (!found) return withManagedFields(updated, entries ?? stored);
  yield;
  const changed = yield* changesIn(found);
  yield;
  yield* releasing(managers, changed, undefined);
  yield;
  yield* releasing(managers, found.removed, undefined);
  yield;
  yield* claiming(managers, write, managed(changed));
  yield;
  yield* cappingUpdaters(managers);
  yield;
  return withManagedFields(updated, written(managers));
}

/** True when an object of a request asks to forget all managers: managedFields is there and empty. */
export function asksReset(object: JsonObject): boolean {
  const entries = managedFieldsOf(object);
  if (!isList(entries)) return false;
  const [first] = entries;
  return entries.length === 0 || (entries.length === 1 && isObject(first) && Object.keys(first).length === 0);
}

/**
 * Applies `applied`: the live object with the applied fields merged in, those released taken out, and managedFields.
 * It is not decoded and has no defaults yet. No input is changed.
 *
 * @throws StatusError 400 when the applied object does not fit, 409 when it would change fields of others.
 */
export function applyPatch(write: FieldApply, applied: JsonObject): JsonObject {
  return atOnce(applying(write, applied));
}

/** What `applyPatch` does, as work that may rest where it yields. */
export function* applying(write: FieldApply, applied: JsonObject): Generator<undefined, JsonObject> {
  yield* checkingApplied(write, applied);
  yield;
  const live = write.live ?? zeroObject(write.kind.shape);
  const managers = yield* managersBeforeApply(write, live);
  yield;
  const mine = managerOf(write, "Apply");
  const id = idOf(mine);
  const last = managers.get(id);
  const { shape } = write.kind;
  const set = without(yield* collecting(applied, shape), resetFields(write.kind, write.subresource));
  managers.set(id, { ...mine, time: last?.time, set });
  yield;
  const held = yield* unitingAll([...managers.values()].map(({ set }) => set));
  yield;
  const together = yield* merging(live, applied, shape);
  yield;
  const merged = yield* pruningReleased({ merged: together, shape, last: last?.set ?? leaf, held });
  yield;
  const found = yield* comparedFor(write, live, merged);
  yield;
  if (found) {
    const conflicts = yield* findingConflicts(managers, yield* changesIn(found), id);
    yield;
    const fields = yield* unitingAll(conflicts.map((conflict) => conflict.fields));
    yield;
    if (conflicts.length > 0 && !write.force && !(yield* allowingByLastApplied(write, live, fields)))
      throw conflictError(conflicts);
    yield* releasing(managers, yield* uniting(fields, found.removed), id);
  }
  yield;
  settle(managers, id, deepEqual(live, merged) ? undefined : timeText(write.nowMs));
  return withManagedFields(withLastApplied(write, merged, applied), written(managers));
}

const zeros = new WeakMap<ObjectShape, JsonObject>();

/** The object that a kind is before anyone wrote to it. */
function zeroObject(shape: ObjectShape): JsonObject {
  const known = zeros.get(shape);
  if (known) return known;
  // Holds because the zero of an object shape is an object of JSON.
  const zero = deepFreeze(zeroOf(shape)) as JsonObject;
  zeros.set(shape, zero);
  return zero;
}

/**
 * The managers to go on from: those the request sends, when it may and they can be read; else the stored ones.
 * `entries` are the request's, when they differ from the stored ones.
 */
function* managersOf(
  write: FieldUpdate,
  updated: JsonObject,
): Generator<undefined, { readonly managers: Managers; readonly entries?: JsonValue | undefined }> {
  if (write.reset === true && write.subresource === "") return { managers: new Map() };
  const stored = managedFieldsOf(write.live);
  const sent = write.subresource === "" ? managedFieldsOf(updated) : undefined;
  if (sent === undefined || sent === stored || deepEqual(sent, stored)) return { managers: readManagers(stored) };
  try {
    const managers = yield* parsingManagers(sent);
    if (managers.size > 0) return { managers, entries: written(managers) };
  } catch (error) {
    if (!(error instanceof ManagersError || error instanceof PathError)) throw error;
  }
  return { managers: readManagers(stored) };
}

function* comparedFor(
  write: FieldWrite,
  before: JsonObject,
  after: JsonObject,
): Generator<undefined, Difference | undefined> {
  const found = yield* comparingObjects(before, after, write.kind.shape);
  const reset = resetFields(write.kind, write.subresource);
  if (!found || isEmpty(reset)) return found;
  return {
    added: without(found.added, reset),
    modified: without(found.modified, reset),
    removed: without(found.removed, reset),
  };
}

function managerOf(write: FieldWrite, operation: Operation): Omit<Manager, "set" | "time"> {
  const { apiVersion } = write.kind;
  return {
    manager: write.manager === "" ? "unknown" : write.manager,
    operation,
    apiVersion,
    subresource: write.subresource,
  };
}

function* claiming(managers: Managers, write: FieldWrite, changed: FieldSet): Generator<undefined, void> {
  const set = without(changed, resetFields(write.kind, write.subresource));
  if (isEmpty(set)) return;
  const mine = managerOf(write, "Update");
  const id = idOf(mine);
  const known = managers.get(id);
  managers.set(id, { ...mine, time: timeText(write.nowMs), set: known ? yield* uniting(known.set, set) : set });
}

/** An object without managers, from before apply was known, belongs to "before-first-apply" as it stands. */
function* managersBeforeApply(write: FieldWrite, live: JsonObject): Generator<undefined, Managers> {
  const managers = readManagers(managedFieldsOf(write.live));
  if (managers.size > 0) return managers;
  const found = yield* comparedFor(write, zeroObject(write.kind.shape), live);
  if (!found) return managers;
  yield* claiming(managers, { ...write, manager: "before-first-apply" }, managed(yield* changesIn(found)));
  return managers;
}

function* findingConflicts(
  managers: Managers,
  changed: FieldSet,
  mine: string,
): Generator<undefined, readonly Conflict[]> {
  const others = [...managers].filter(([id]) => id !== mine).sort(([a], [b]) => (a < b ? -1 : 1));
  const conflicts: Conflict[] = [];
  for (const [, manager] of others) {
    const fields = yield* intersecting(manager.set, changed);
    if (!isEmpty(fields)) conflicts.push({ manager, fields });
  }
  return conflicts;
}

/** Leaves the applier what it manages, with a new time when the object changed. */
function settle(managers: Managers, id: string, time: string | undefined): void {
  const manager = managers.get(id);
  if (!manager) return;
  const set = managed(manager.set);
  if (isEmpty(set)) managers.delete(id);
  else managers.set(id, { ...manager, set, time: time ?? manager.time });
}

function* checkingApplied(write: FieldWrite, applied: JsonObject): Generator<undefined, void> {
  const { apiVersion, kind, shape } = write.kind;
  if (applied["apiVersion"] !== apiVersion || applied["kind"] !== kind)
    throw badRequest(`invalid object type: ${kindText(text(applied["apiVersion"]), text(applied["kind"]))}`);
  const sent = managedFieldsOf(applied);
  if (sent !== undefined && sent !== null) throw badRequest("metadata.managedFields must be nil");
  const problems = yield* findingProblems(applied, shape);
  if (problems.length === 0) return;
  const metadata = isObject(applied["metadata"]) ? applied["metadata"] : {};
  const which = `${text(metadata["namespace"])}/${text(metadata["name"])}; ${kindText(apiVersion, kind)}`;
  const why =
    problems.length === 1 ? problems[0] : ["errors:", ...problems.map((problem) => `  ${problem}`)].join("\n");
  throw badRequest(`failed to create typed patch object (${which}): ${why}`);
}

/** Go's form of a kind: `apps/v1, Kind=Deployment`, `/v1, Kind=Pod`. */
function kindText(apiVersion: string, kind: string): string {
  return `${apiVersion.includes("/") ? "" : "/"}${apiVersion}, Kind=${kind}`;
}

function text(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function managedFieldsOf(object: JsonObject | undefined): JsonValue | undefined {
  const metadata = object?.["metadata"];
  return isObject(metadata) ? metadata["managedFields"] : undefined;
}

/** The object with these entries; the same object when it has them already. */
function withManagedFields(object: JsonObject, entries: JsonValue | undefined): JsonObject {
  if (managedFieldsOf(object) === entries) return object;
  const { managedFields: _, ...metadata } = isObject(object["metadata"]) ? object["metadata"] : {};
  return { ...object, metadata: entries === undefined ? metadata : { ...metadata, managedFields: entries } };
}

function written(managers: Managers): JsonValue | undefined {
  for (const [id, manager] of managers) managers.set(id, { ...manager, set: interned(manager.set) });
  return writeManagers(managers);
}
