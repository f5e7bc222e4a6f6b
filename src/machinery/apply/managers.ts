/**
 * Who manages which fields of an object: metadata.managedFields read, changed and written back. Appliers are told
 * apart by name and subresource, updaters by the version they wrote as well.
 */
import { rfc3339 } from "#base/clock.ts";
import { deepEqual } from "../equal.ts";
import { isList, isObject } from "../json-object.ts";
import type { ManagedFieldsEntry } from "../meta.ts";
import type { JsonValue } from "../shape.ts";
import { difference, isEmpty, parsing, setOf, subtracting, uniting, type FieldSet } from "./field-set.ts";

export type Operation = "Apply" | "Update";

export interface Manager {
  readonly manager: string;
  readonly operation: Operation;
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly set: FieldSet;
}

export type Managers = Map<string, Manager>;

/** How many updaters an object remembers by name; the oldest become one. */
export const updatersMax = 10;
const oldUpdaters = "ancient-changes";

/** What every write sets and nobody manages. */
const unmanaged = setOf([
  ["apiVersion"],
  ["kind"],
  ["metadata"],
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((name) => ["metadata", name]),
]);

export function managed(set: FieldSet): FieldSet {
  return difference(set, unmanaged);
}

/** The identity of a manager, in the form by which upstream sorts managers in messages. */
export function idOf(manager: Omit<Manager, "set" | "time">): string {
  const { operation, apiVersion, subresource } = manager;
  return JSON.stringify({
    ...(manager.manager === "" ? {} : { manager: manager.manager }),
    operation,
    ...(operation === "Apply" ? {} : { apiVersion }),
    ...(subresource === "" ? {} : { subresource }),
  });
}

/** Entries that a client sent and that cannot be read. */
export class ManagersError extends Error {
  override readonly name = "ManagersError";
}

/** The managers in stored entries, which are in canonical form. */
export function readManagers(entries: JsonValue | undefined): Managers {
  const managers: Managers = new Map();
  for (const [index, entry] of (isList(entries) ? entries : []).entries()) {
    // Holds because only sets are ever stored there.
    const set = (isObject(entry) ? (entry["fieldsV1"] ?? {}) : {}) as FieldSet;
    const manager = readManager(entry, index, set);
    managers.set(idOf(manager), manager);
  }
  return managers;
}

/**
 * The managers in the entries of a client, in canonical form.
 *
 * @throws ManagersError or PathError when an entry is malformed.
 */
export function* parsingManagers(entries: JsonValue | undefined): Generator<undefined, Managers> {
  const managers: Managers = new Map();
  for (const [index, entry] of (isList(entries) ? entries : []).entries()) {
    const set = isObject(entry) ? yield* parsing(entry["fieldsV1"]) : {};
    const manager = readManager(entry, index, set);
    managers.set(idOf(manager), manager);
  }
  return managers;
}

function readManager(entry: JsonValue, index: number, set: FieldSet): Manager {
  if (!isObject(entry)) throw new ManagersError(`expected an object in managed fields entry ${index}`);
  const { operation, apiVersion, fieldsType } = entry;
  if (operation !== "Apply" && operation !== "Update") throw new ManagersError("operation must be `Apply` or `Update`");
  if (typeof apiVersion !== "string" || apiVersion === "") throw new ManagersError("apiVersion must not be empty");
  if (fieldsType !== "FieldsV1") {
    const which = `in managed fields entry ${index}`;
    throw new ManagersError(
      fieldsType === undefined || fieldsType === ""
        ? `missing fieldsType ${which}`
        : `invalid fieldsType ${JSON.stringify(fieldsType)} ${which}`,
    );
  }
  return {
    manager: text(entry["manager"]),
    operation,
    apiVersion,
    subresource: text(entry["subresource"]),
    time: typeof entry["time"] === "string" ? entry["time"] : undefined,
    set,
  };
}

function text(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The entries in upstream's order; undefined when there is no manager. */
export function writeManagers(managers: Managers): readonly ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  return [...managers.values()].sort(compareManagers).map((manager) => ({
    ...(manager.manager === "" ? {} : { manager: manager.manager }),
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time === undefined ? {} : { time: manager.time }),
    fieldsType: "FieldsV1",
    fieldsV1: manager.set,
    ...(manager.subresource === "" ? {} : { subresource: manager.subresource }),
  }));
}

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareText(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function secondsOf(manager: Manager): number {
  return manager.time === undefined ? 0 : Math.floor(Date.parse(manager.time) / 1000);
}

export function timeText(nowMs: number): string {
  return rfc3339(nowMs);
}

/** Takes the paths from every manager but `except`; a manager without any left is gone. May rest where it yields. */
export function* releasing(
  managers: Managers,
  paths: FieldSet,
  except: string | undefined,
): Generator<undefined, void> {
  if (isEmpty(paths)) return;
  for (const [id, manager] of managers) {
    if (id === except) continue;
    const set = yield* subtracting(manager.set, paths);
    if (set === manager.set) continue;
    if (isEmpty(set)) managers.delete(id);
    else managers.set(id, { ...manager, set });
  }
}

/** Merges the oldest updaters of each version into one, until there are no more than `updatersMax`. May rest where it yields. */
export function* cappingUpdaters(managers: Managers): Generator<undefined, void> {
  const updaters = [...managers].filter(([, manager]) => manager.operation === "Update");
  if (updaters.length <= updatersMax) return;
  updaters.sort(([a, one], [b, other]) => secondsOf(one) - secondsOf(other) || compareText(a, b));
  const firstOf = new Map<string, string>();
  let count = updaters.length;
  for (const [id, manager] of updaters) {
    if (count <= updatersMax) return;
    const { apiVersion } = manager;
    const first = firstOf.get(apiVersion);
    if (first === undefined) {
      firstOf.set(apiVersion, id);
      continue;
    }
    const bucketOf = { manager: oldUpdaters, operation: "Update", apiVersion, subresource: "" } as const;
    const bucket = idOf(bucketOf);
    const held = managers.get(bucket) ?? managers.get(first);
    if (!managers.has(bucket)) managers.delete(first);
    managers.delete(id);
    managers.set(bucket, { ...bucketOf, time: manager.time, set: yield* uniting(manager.set, held?.set ?? {}) });
    count -= 1;
  }
}

/** True when two lists of entries differ in nothing but times: then a write changed nothing. */
export function sameButTimes(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (!isList(a) || !isList(b) || a.length !== b.length) return false;
  return a.every((entry, index) => {
    const other = b[index];
    if (!isObject(entry) || !isObject(other)) return false;
    return deepEqual({ ...entry, time: null }, { ...other, time: null });
  });
}
