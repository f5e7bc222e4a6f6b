/**
 * The field set of an applied object: what its applier claims. Objects and lists that are merged are not claimed
 * themselves, only what stands in them; items and members of maps are.
 */
import { isList, isObject } from "../json-object.ts";
import type { JsonObject, JsonValue, Shape } from "../shape.ts";
import { walkOf, type ListWalk, type MapWalk } from "./compare.ts";
import { finished, leaf, withSelf, type FieldSet, type FieldSetDraft } from "./field-set.ts";
import { fieldElement, storedElement } from "./path-element.ts";

export function appliedSet(object: JsonObject, shape: Shape): FieldSet {
  return setBelow(object, shape) ?? leaf;
}

/** `leaf` for the value itself, undefined for nothing. */
function setBelow(value: JsonValue, shape: Shape | undefined): FieldSet | undefined {
  const walk = walkOf(shape, value);
  if (walk.kind === "leaf") return leaf;
  if (walk.kind === "map") return isObject(value) ? membersSet(value, walk) : undefined;
  return isList(value) ? itemsSet(value, walk) : undefined;
}

function membersSet(value: JsonObject, walk: MapWalk): FieldSet | undefined {
  const draft: FieldSetDraft = {};
  let any = false;
  for (const name in value) {
    const inner = value[name];
    if (inner === undefined) continue;
    const set = setBelow(inner, walk.of(name));
    const claimed = inner === null || (isObject(inner) && Object.keys(inner).length === 0) || !walk.isField(name);
    if (!set && !claimed) continue;
    draft[fieldElement(name)] = claimed ? withSelf(set ?? leaf) : (set ?? leaf);
    any = true;
  }
  return any ? finished(draft) : undefined;
}

function itemsSet(list: readonly JsonValue[], walk: ListWalk): FieldSet | undefined {
  const draft: FieldSetDraft = {};
  let any = false;
  for (const item of list) {
    const element = storedElement(walk.shape, item);
    if (element === undefined) continue;
    // Items that share a step count as one field.
    draft[element] = Object.hasOwn(draft, element) ? leaf : withSelf(setBelow(item, walk.shape.item) ?? leaf);
    any = true;
  }
  return any ? finished(draft) : undefined;
}
