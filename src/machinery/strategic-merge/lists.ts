/** Lists in strategic merge patches: merged by key or as sets, and put in the order of the patch. */
import { isObject, member } from "../json-object.ts";
import type { JsonObject, JsonValue } from "../shape.ts";
import { badRequest } from "../status.ts";

export interface ListMerge {
  /** False when a patch replaces the list. */
  readonly merges: boolean;
  /** The member that tells items apart; "" for lists of scalars. */
  readonly key: string;
  readonly mergeItems: (old: JsonObject, value: JsonObject) => JsonObject;
}

type Items = readonly JsonValue[];

const marker = "$patch";

/** The old list with the items of the patch merged in: the patch's order first, the rest where it was among them. */
export function mergeLists(old: Items, patch: Items, merge: ListMerge): Items {
  if (old.length === 0 && patch.length === 0) return old;
  if ([...old, ...patch].every((item) => !isObject(item)))
    return ordered([...new Set([...old, ...patch])], { order: patch, old, merge: { ...merge, key: "" } });
  if (merge.key === "") throw badRequest("cannot merge lists without merge key");
  const { kept, fresh, replaced } = obeyDirectives(old, patch, merge.key);
  if (replaced) return fresh;
  const items = [...kept];
  const places = placesOf(kept.map((item) => (isObject(item) ? (member(item, merge.key) ?? null) : null)));
  for (const item of fresh) {
    const at = places.get(keyOf(item, merge.key));
    const found = at === undefined ? undefined : items[at];
    if (at !== undefined && isObject(found)) items[at] = merge.mergeItems(found, asObject(item));
    else items.push(item);
  }
  return ordered(items, { order: fresh, old: kept, merge });
}

/** The list without every scalar that is in `unwanted`. */
export function deletedFrom(list: Items, unwanted: Items): Items {
  const set = new Set(unwanted);
  return list.filter((item) => !set.has(item));
}

interface Order {
  /** How the patch wants the items it names. */
  readonly order: Items;
  /** The list as it was. */
  readonly old: Items;
  readonly merge: ListMerge;
}

/**
 * Items that `order` names stand in its order, the others in their old one. Each of the others comes before the first
 * named item that it stood before.
 */
export function ordered(items: Items, { order, old, merge }: Order): Items {
  const identity = (item: JsonValue): JsonValue => (merge.key === "" ? item : keyOf(item, merge.key));
  const wanted = placesOf(order.map(identity));
  const was = placesOf(old.map(identity));
  const named: { readonly item: JsonValue; readonly key: JsonValue }[] = [];
  const others: typeof named = [];
  for (const item of items) {
    const key = identity(item);
    (wanted.has(key) ? named : others).push({ item, key });
  }
  const place = (places: ReadonlyMap<JsonValue, number>, key: JsonValue): number => places.get(key) ?? items.length;
  named.sort((a, b) => place(wanted, a.key) - place(wanted, b.key));
  others.sort((a, b) => place(was, a.key) - place(was, b.key));
  const result: JsonValue[] = [];
  let next = 0;
  for (const { item, key } of named) {
    const end = was.get(key) ?? -1;
    let other = others[next];
    while (other && place(was, other.key) < end) {
      result.push(other.item);
      next += 1;
      other = others[next];
    }
    result.push(item);
  }
  return [...result, ...others.slice(next).map(({ item }) => item)];
}

/** A patch must name its items in the order it asks for. @throws StatusError 400 */
export function checkOrder(patch: Items, order: Items, merge: ListMerge): void {
  if (order.length === 0) return;
  const identity = (item: JsonValue): JsonValue => (merge.key === "" ? item : keyOf(item, merge.key));
  const items = patch.filter((item) => !isObject(item) || member(item, marker) === undefined);
  let next = 0;
  for (const wanted of order) {
    const item = items[next];
    if (item !== undefined && identity(item) === identity(wanted)) next += 1;
  }
  if (next === items.length) return;
  const [given, asked] = [JSON.stringify(patch), JSON.stringify(order)];
  throw badRequest(`The order in patch list:\n${given}\n doesn't match $setElementOrder list:\n${asked}\n`);
}

interface Obeyed {
  readonly kept: Items;
  readonly fresh: Items;
  /** True when nothing of the old list stays. */
  readonly replaced: boolean;
}

function obeyDirectives(old: Items, patch: Items, mergeKey: string): Obeyed {
  const deleted = new Set<JsonValue>();
  let replaced = false;
  const fresh: JsonValue[] = [];
  for (const item of patch) {
    const directive = member(asObject(item), marker);
    if (directive === undefined) fresh.push(item);
    else if (directive === "replace") replaced = true;
    else if (directive === "delete") deleted.add(keyOf(item, mergeKey));
    else if (directive === "merge") throw badRequest("merging lists cannot yet be specified in the patch");
    else throw badRequest(`unknown patch type: ${JSON.stringify(directive)} in map: ${JSON.stringify(item)}`);
  }
  const stays = (item: JsonValue): boolean => !isObject(item) || !deleted.has(member(item, mergeKey) ?? null);
  return { kept: deleted.size === 0 ? old : old.filter(stays), fresh, replaced };
}

function asObject(item: JsonValue): JsonObject {
  if (isObject(item)) return item;
  throw badRequest(`list element types are not identical: expected an object, found ${JSON.stringify(item)}`);
}

function keyOf(item: JsonValue, mergeKey: string): JsonValue {
  const key = member(asObject(item), mergeKey);
  if (key === undefined)
    throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
  return key;
}

function placesOf(keys: Items): Map<JsonValue, number> {
  const places = new Map<JsonValue, number>();
  for (const [place, key] of keys.entries()) if (!places.has(key)) places.set(key, place);
  return places;
}
