/** Taking fields out of an object: what an applier applied before, applies no more, and nobody else holds. */
import { isList, isObject, member, setMember, type JsonDraft } from "../json-object.ts";
import type { JsonObject, JsonValue, Shape } from "../shape.ts";
import { walkOf, type ListWalk, type MapWalk } from "./compare.ts";
import { appliedSet } from "./applied-set.ts";
import {
  below,
  finished,
  holds,
  intersecting,
  isEmpty,
  subtracting,
  uniting,
  withSelf,
  type FieldSet,
  type FieldSetDraft,
} from "./field-set.ts";
import { self, storedElement } from "./path-element.ts";

export interface Pruning {
  readonly merged: JsonObject;
  readonly shape: Shape;
  /** What the applier applied last time. */
  readonly last: FieldSet;
  /** What anyone holds now, the applier's new set included. */
  readonly held: FieldSet;
}

/**
 * The object without the fields of `last` that nobody holds. An item or object goes as a whole when all that is left
 * of it belongs to nobody; fields that were never in `last` stay. May rest where it yields.
 */
export function* pruningReleased({ merged, shape, last, held }: Pruning): Generator<undefined, JsonObject> {
  if (isEmpty(yield* subtracting(last, held))) return merged;
  yield;
  const named = function* (set: FieldSet): Generator<undefined, FieldSet> {
    const made = withNamed(set, shape);
    yield;
    return made;
  };
  const ofObject = function* (object: JsonObject): Generator<undefined, FieldSet> {
    const set = appliedSet(object, shape);
    yield;
    return yield* named(set);
  };
  const released = yield* named(last);
  const all = yield* ofObject(merged);
  // First everything of `last` goes, then what is held comes back, then what was never in `last`.
  const bare = removed(merged, released, shape);
  const kept = yield* uniting(yield* ofObject(bare), yield* named(held));
  yield;
  const lost = yield* subtracting(all, kept);
  yield;
  const withHeld = removed(merged, lost, shape);
  const gone = yield* subtracting(all, yield* ofObject(withHeld));
  yield;
  return removed(merged, yield* intersecting(gone, released), shape);
}

/** A set in which every declared field that leads to a path is a path itself. */
function withNamed(set: FieldSet, shape: Shape | undefined): FieldSet {
  const draft: FieldSetDraft = {};
  for (const element in set) {
    if (element === self) continue;
    const inner = below(set, element);
    const name = element.startsWith("f:") ? element.slice(2) : undefined;
    const walk = walkOf(shape, name === undefined ? [] : {});
    const next = name !== undefined && walk.kind === "map" ? walk.of(name) : undefined;
    const item = name === undefined && walk.kind === "list" ? walk.shape.item : undefined;
    const named = name !== undefined && walk.kind === "map" && walk.isField(name);
    const deeper = withNamed(inner, next ?? item);
    draft[element] = named || holds(set, element) ? withSelf(deeper) : deeper;
  }
  return finished(draft);
}

function removed(object: JsonObject, paths: FieldSet, shape: Shape): JsonObject {
  const rest = removeBelow(object, paths, shape);
  return isObject(rest) ? rest : {};
}

/** Undefined when nothing is left. */
function removeBelow(value: JsonValue, paths: FieldSet, shape: Shape | undefined): JsonValue | undefined {
  if (isEmpty(paths)) return value;
  const walk = walkOf(shape, value);
  if (walk.kind === "map" && isObject(value)) return removeMembers(value, paths, walk);
  if (walk.kind === "list" && isList(value)) return removeItems(value, paths, walk);
  return value;
}

function removeMembers(value: JsonObject, paths: FieldSet, walk: MapWalk): JsonObject | undefined {
  const draft: JsonDraft = { ...value };
  for (const element in paths) {
    const name = element.slice(2);
    const inner = element.startsWith("f:") ? member(value, name) : undefined;
    if (inner === undefined) continue;
    const rest = holds(paths, element) ? undefined : removeBelow(inner, below(paths, element), walk.of(name));
    if (rest === undefined) delete draft[name];
    else setMember(draft, name, rest);
  }
  return Object.keys(draft).length === 0 ? undefined : draft;
}

function removeItems(list: readonly JsonValue[], paths: FieldSet, walk: ListWalk): readonly JsonValue[] | undefined {
  const items: JsonValue[] = [];
  for (const item of list) {
    const element = storedElement(walk.shape, item);
    if (element !== undefined && holds(paths, element)) continue;
    const rest = element === undefined ? item : removeBelow(item, below(paths, element), walk.shape.item);
    items.push(rest ?? null);
  }
  return items.length === 0 ? undefined : items;
}
