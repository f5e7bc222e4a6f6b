/** Merging an applied object into the live one: the applied value wins wherever there is one. */
import { isList, isObject, member, setMember, type JsonDraft } from "../json-object.ts";
import type { JsonObject, JsonValue, Shape } from "../shape.ts";
import { walkOf, type ListWalk, type MapWalk } from "./compare.ts";
import { Pace } from "./field-set.ts";
import { storedElement } from "./path-element.ts";

type Merging<T> = Generator<undefined, T>;

/**
 * The merged object, as work that may rest where it yields. It shares what did not change with both; it is `live` itself
 * when nothing did.
 */
export function* merging(live: JsonObject, applied: JsonObject, shape: Shape): Merging<JsonObject> {
  const merged = yield* merge(live, applied, { shape, pace: new Pace() });
  return isObject(merged) ? merged : live;
}

interface Place {
  readonly shape: Shape | undefined;
  readonly pace: Pace;
}

function* merge(live: JsonValue, applied: JsonValue, { shape, pace }: Place): Merging<JsonValue> {
  if (live === applied) return live;
  const walk = walkOf(shape, applied);
  if (walk.kind === "map") {
    if (isObject(live) && isObject(applied)) return yield* mergeMembers(live, applied, { walk, pace });
    return applied === null && isObject(live) && Object.keys(live).length > 0 ? live : applied;
  }
  if (walk.kind === "list") {
    if (isList(live) && isList(applied)) return yield* mergeItems(live, applied, { walk, pace });
    return applied === null && isList(live) && live.length > 0 ? live : applied;
  }
  return applied;
}

function* mergeMembers(
  live: JsonObject,
  applied: JsonObject,
  { walk, pace }: { readonly walk: MapWalk; readonly pace: Pace },
): Merging<JsonObject> {
  let draft: JsonDraft | undefined;
  for (const name in applied) {
    const theirs = applied[name];
    if (theirs === undefined) continue;
    if (pace.isOver()) yield;
    const ours = member(live, name);
    const merged = ours === undefined ? theirs : yield* merge(ours, theirs, { shape: walk.of(name), pace });
    if (merged === ours) continue;
    draft ??= { ...live };
    setMember(draft, name, merged);
  }
  return draft ?? live;
}

interface Listed {
  readonly walk: ListWalk;
  readonly pace: Pace;
}

interface Indexed {
  readonly elements: readonly string[];
  /** Items by step; null for several live items of one step, which are replaced and not merged. */
  readonly items: ReadonlyMap<string, JsonValue>;
}

function* indexed(list: readonly JsonValue[], { walk, pace }: Listed): Merging<Indexed> {
  const elements: string[] = [];
  const items = new Map<string, JsonValue>();
  for (const [index, item] of list.entries()) {
    if (pace.isOver()) yield;
    // An item without a step keeps its place under one that nothing else has.
    const element = storedElement(walk.shape, item) ?? `i:${index}`;
    items.set(element, items.has(element) ? null : item);
    elements.push(element);
  }
  return { elements, items };
}

/**
 * Live items stay in their order, applied ones in theirs; the order of the applied list wins where the two differ.
 * The walk takes from both lists at once: a live item that is not applied at its turn, a shared one when it is the
 * next of the applied order, and applied ones in between.
 */
function* mergeItems(
  live: readonly JsonValue[],
  applied: readonly JsonValue[],
  listed: Listed,
): Merging<readonly JsonValue[]> {
  const [ours, theirs] = [yield* indexed(live, listed), yield* indexed(applied, listed)];
  const place = { shape: listed.walk.shape.item, pace: listed.pace };
  const shared = theirs.elements.filter((element) => ours.items.has(element));
  const merged = new Set<string>();
  const result: JsonValue[] = [];
  let nextShared = 0;
  const take = function* (element: string): Merging<void> {
    const item = theirs.items.get(element) ?? null;
    const old = ours.items.get(element);
    result.push(old === undefined || old === null ? item : yield* merge(old, item, place));
    merged.add(element);
    if (shared[nextShared] === element) nextShared += 1;
  };
  let right = 0;
  for (let left = 0; left < live.length || right < applied.length;) {
    if (listed.pace.isOver()) yield;
    const ourElement = ours.elements[left];
    const theirElement = theirs.elements[right];
    if (ourElement !== undefined && ourElement === theirElement) {
      yield* take(ourElement);
      left += 1;
      right += 1;
    } else if (ourElement !== undefined && !theirs.items.has(ourElement)) {
      result.push(live[left] ?? null);
      left += 1;
    } else if (ourElement !== undefined && theirElement !== undefined && isLater(ourElement, shared[nextShared])) {
      left += 1;
    } else {
      if (ourElement !== undefined && merged.has(ourElement)) left += 1;
      if (theirElement === undefined) continue;
      yield* take(theirElement);
      right += 1;
    }
  }
  return isSame(result, live) ? live : result;
}

/** A shared item whose turn in the applied order has not come. */
function isLater(element: string, next: string | undefined): boolean {
  return next !== undefined && next !== element;
}

function isSame(result: readonly JsonValue[], live: readonly JsonValue[]): boolean {
  return result.length === live.length && result.every((item, index) => item === live[index]);
}
