/**
 * What changed between two objects of a shape, as field sets. An added or removed object or list counts with itself
 * and all it holds; what the shape calls atomic counts as one field.
 */
import { atOnce } from "#base/turns.ts";
import { deepEqual } from "../equal.ts";
import { isList, isObject, member } from "../json-object.ts";
import { fieldsOf, resolved, type JsonObject, type JsonValue, type ListShape, type Shape } from "../shape.ts";
import { finishing, isEmpty, leaf, startedSet, uniting, type FieldSet, type FieldSetDraft } from "./field-set.ts";
import { fieldElement, storedElement } from "./path-element.ts";

export interface Difference {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

type Change = keyof Difference;
/** What changed at and below one value; absent parts did not happen, `leaf` is the value itself. */
type Below = { readonly [C in Change]?: FieldSet };
type Draft = { [C in Change]?: FieldSetDraft };

const changes: readonly Change[] = ["added", "modified", "removed"];
const modifiedHere: Below = { modified: leaf };

/** How a value is walked: member by member, item by item, or as one. */
export type Walk = { readonly kind: "leaf" } | MapWalk | ListWalk;

export interface MapWalk {
  readonly kind: "map";
  readonly of: (name: string) => Shape | undefined;
  /** False for keys of maps, and in free JSON. */
  readonly isField: (name: string) => boolean;
}

export interface ListWalk {
  readonly kind: "list";
  readonly shape: ListShape;
}

const asLeaf: Walk = { kind: "leaf" };
const freeMap: MapWalk = { kind: "map", of: () => undefined, isField: () => false };
const walks = new WeakMap<Shape, Walk | "free">();

/** `value` decides where the shape leaves it open: free JSON has granular objects and atomic lists. */
export function walkOf(shape: Shape | undefined, value: JsonValue | undefined): Walk {
  const walk = shape ? shapeWalk(shape) : "free";
  if (walk !== "free") return walk;
  return isObject(value) ? freeMap : asLeaf;
}

function shapeWalk(shape: Shape): Walk | "free" {
  const known = walks.get(shape);
  if (known) return known;
  const made = makeWalk(shape);
  walks.set(shape, made);
  return made;
}

function makeWalk(shape: Shape): Walk | "free" {
  const at = resolved(shape);
  switch (at.kind) {
    case "scalar":
      return at.type === "any" || at.type === "rawExtension" || at.type === "fieldsV1" ? "free" : asLeaf;
    case "list":
      return at.listType === "atomic" ? asLeaf : { kind: "list", shape: at };
    case "map":
      return at.atomic ? asLeaf : { kind: "map", of: () => at.value, isField: () => false };
    case "object": {
      if (at.atomic) return asLeaf;
      const fields = fieldsOf(at);
      return { kind: "map", of: (name) => fields.get(name)?.shape, isField: (name) => fields.has(name) };
    }
  }
}

const nothing: JsonObject = Object.freeze({});
const noItems: readonly JsonValue[] = Object.freeze([]);

// Comparing so many members takes a few milliseconds.
const membersAtOnce = 1_000;

/** Undefined when nothing changed that anyone could own. */
export function compareObjects(before: JsonObject, after: JsonObject, shape: Shape): Difference | undefined {
  return atOnce(comparingObjects(before, after, shape));
}

/** What `compareObjects` does, as work that may rest where it yields. */
export function* comparingObjects(
  before: JsonObject,
  after: JsonObject,
  shape: Shape,
): Generator<undefined, Difference | undefined> {
  const found = yield* comparing(before, after, shape);
  return found && { added: found.added ?? leaf, modified: found.modified ?? leaf, removed: found.removed ?? leaf };
}

/** Two values that stand in the same place. Most are leaves, which need no work of their own. */
function compare(before: JsonValue, after: JsonValue, shape: Shape | undefined): Comparing | Below | undefined {
  if (before === after) return undefined;
  const isLeaf = (typeof before !== "object" || before === null) && (typeof after !== "object" || after === null);
  if (!isLeaf || walkOf(shape, before).kind !== "leaf") return comparing(before, after, shape);
  return deepEqual(before, after) ? undefined : modifiedHere;
}

type Comparing = Generator<undefined, Below | undefined>;

function isWork(found: Comparing | Below | undefined): found is Comparing {
  return found !== undefined && Symbol.iterator in found;
}

function* comparing(before: JsonValue, after: JsonValue, shape: Shape | undefined): Comparing {
  if (before === after) return undefined;
  const walk = walkOf(shape, before);
  // Free JSON may have become another kind of value, whether or not its shape says that it is free.
  const isFixed = shape !== undefined && shapeWalk(shape) !== "free";
  const other = isFixed && walk.kind !== "leaf" ? walk : walkOf(shape, after);
  if (walk.kind !== other.kind) return yield* kindChanged(before, after);
  if (walk.kind === "map") {
    const [old, now] = [isObject(before) ? before : nothing, isObject(after) ? after : nothing];
    if (!hasMembers(old) && !hasMembers(now)) return deepEqual(before, after) ? undefined : modifiedHere;
    return yield* compareMembers(old, now, walk);
  }
  if (walk.kind === "list") {
    const [old, now] = [isList(before) ? before : noItems, isList(after) ? after : noItems];
    if (old.length === 0 && now.length === 0) return deepEqual(before, after) ? undefined : modifiedHere;
    return yield* compareItems(old, now, walk.shape);
  }
  return deepEqual(before, after) ? undefined : modifiedHere;
}

/** In free JSON, an object became something else, or the other way round. */
function* kindChanged(before: JsonValue, after: JsonValue): Generator<undefined, Below> {
  const removed = isObject(before) ? yield* membersSet(before, freeMap) : leaf;
  const added = isObject(after) ? yield* membersSet(after, freeMap) : leaf;
  return { modified: leaf, ...(isEmpty(removed) ? {} : { removed }), ...(isEmpty(added) ? {} : { added }) };
}

function* compareMembers(before: JsonObject, after: JsonObject, walk: MapWalk): Comparing {
  const draft: Draft = {};
  let looked = 0;
  for (const name in before) {
    if (++looked % membersAtOnce === 0) yield;
    const old = before[name];
    if (old === undefined) continue;
    const now = member(after, name);
    if (old === now) continue;
    const shape = walk.of(name);
    const found = now === undefined ? { removed: yield* wholeSet(old, shape) } : compare(old, now, shape);
    note(draft, fieldElement(name), isWork(found) ? yield* found : found);
  }
  for (const name in after) {
    if (++looked % membersAtOnce === 0) yield;
    const now = after[name];
    if (now !== undefined && member(before, name) === undefined)
      note(draft, fieldElement(name), { added: yield* wholeSet(now, walk.of(name)) });
  }
  return yield* done(draft);
}

function* compareItems(before: readonly JsonValue[], after: readonly JsonValue[], shape: ListShape): Comparing {
  const draft: Draft = {};
  const old = yield* itemsAmong(before, shape);
  const now = yield* itemsAmong(after, shape);
  let looked = 0;
  for (const [element, was] of old) {
    if (++looked % membersAtOnce === 0) yield;
    const is = now.get(element);
    const found = is === undefined ? { removed: yield* itemSet(was, shape) } : compareItem(was, is, shape);
    note(draft, element, isWork(found) ? yield* found : found);
  }
  for (const [element, is] of now) {
    if (++looked % membersAtOnce === 0) yield;
    if (!old.has(element)) note(draft, element, { added: yield* itemSet(is, shape) });
  }
  return yield* done(draft);
}

/** Items that share a step. More than one is a mistake that stored objects may hold: they count as one field. */
type Same = JsonValue | Duplicates;

class Duplicates {
  readonly items: JsonValue[];

  constructor(items: JsonValue[]) {
    this.items = items;
  }
}

function* itemsAmong(list: readonly JsonValue[], shape: ListShape): Generator<undefined, Map<string, Same>> {
  const items = new Map<string, Same>();
  let looked = 0;
  for (const item of list) {
    if (++looked % membersAtOnce === 0) yield;
    const element = storedElement(shape, item);
    if (element === undefined) continue;
    const same = items.get(element);
    if (same === undefined) items.set(element, item);
    else if (same instanceof Duplicates) same.items.push(item);
    else items.set(element, new Duplicates([same, item]));
  }
  return items;
}

type Growing = Generator<undefined, FieldSet>;

function* itemSet(item: Same, shape: ListShape): Growing {
  return item instanceof Duplicates ? leaf : yield* wholeSet(item, shape.item);
}

function compareItem(was: Same, is: Same, shape: ListShape): Comparing | Below | undefined {
  if (was instanceof Duplicates && is instanceof Duplicates)
    return deepEqual(was.items, is.items) ? undefined : modifiedHere;
  if (was instanceof Duplicates || is instanceof Duplicates) return becameOne(was, is, shape);
  return compare(was, is, shape.item);
}

/** Several items of one step became a single one, or the other way round. */
function* becameOne(was: Same, is: Same, shape: ListShape): Comparing {
  if (was instanceof Duplicates) return { removed: leaf, added: yield* itemSet(is, shape) };
  return { added: leaf, removed: yield* itemSet(was, shape) };
}

/** The set of a value that was not there before: itself and all it holds, to stand behind its step. */
function* wholeSet(value: JsonValue, shape: Shape | undefined): Growing {
  const walk = walkOf(shape, value);
  if (walk.kind === "map" && isObject(value))
    return hasMembers(value) ? yield* membersSet(value, walk, startedSet()) : leaf;
  if (walk.kind !== "list" || !isList(value) || value.length === 0) return leaf;
  const draft = startedSet();
  let looked = 0;
  for (const [element, item] of yield* itemsAmong(value, walk.shape)) {
    if (++looked % membersAtOnce === 0) yield;
    draft[element] = yield* itemSet(item, walk.shape);
  }
  return yield* finishing(draft);
}

function* membersSet(value: JsonObject, walk: MapWalk, draft: FieldSetDraft = {}): Growing {
  let looked = 0;
  for (const name in value) {
    if (++looked % membersAtOnce === 0) yield;
    const inner = value[name];
    if (inner === undefined) continue;
    const shape = walk.of(name);
    // Most are leaves, which need no work of their own.
    draft[fieldElement(name)] = walkOf(shape, inner).kind === "leaf" ? leaf : yield* wholeSet(inner, shape);
  }
  return yield* finishing(draft);
}

function note(draft: Draft, element: string, found: Below | undefined): void {
  if (!found) return;
  for (const change of changes) {
    const set = found[change];
    if (set) (draft[change] ??= {})[element] = set;
  }
}

function* done(draft: Draft): Comparing {
  if (!draft.added && !draft.modified && !draft.removed) return undefined;
  return {
    ...(draft.added ? { added: yield* finishing(draft.added) } : {}),
    ...(draft.modified ? { modified: yield* finishing(draft.modified) } : {}),
    ...(draft.removed ? { removed: yield* finishing(draft.removed) } : {}),
  };
}

/** Everything that is new or other. */
export function changesIn(found: Difference): Generator<undefined, FieldSet> {
  return uniting(found.modified, found.added);
}

function hasMembers(object: JsonObject): boolean {
  for (const name in object) if (object[name] !== undefined) return true;
  return false;
}
