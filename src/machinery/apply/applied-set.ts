/**
 * The field set of an applied object: what its applier claims. Objects and lists that are merged are not claimed
 * themselves, only what stands in them; items and members of maps are.
 */
import { atOnce } from "#base/turns.ts";
import { isList, isObject } from "../json-object.ts";
import type { JsonObject, JsonValue, Shape } from "../shape.ts";
import { walkOf, type ListWalk, type MapWalk } from "./compare.ts";
import { finishing, leaf, Pace, withSelf, type FieldSet, type FieldSetDraft } from "./field-set.ts";
import { fieldElement, storedElement } from "./path-element.ts";

export function appliedSet(object: JsonObject, shape: Shape): FieldSet {
  return atOnce(collecting(object, shape));
}

/** What `appliedSet` does, as work that may rest where it yields. */
export function* collecting(object: JsonObject, shape: Shape): Generator<undefined, FieldSet> {
  return (yield* setBelow(object, shape, new Pace())) ?? leaf;
}

type Collecting = Generator<undefined, FieldSet | undefined>;

/** `leaf` for the value itself, undefined for nothing. */
function* setBelow(value: JsonValue, shape: Shape | undefined, pace: Pace): Collecting {
  const walk = walkOf(shape, value);
  if (walk.kind === "leaf") return leaf;
  if (walk.kind === "map") return isObject(value) ? yield* membersSet(value, walk, pace) : undefined;
  return isList(value) ? yield* itemsSet(value, walk, pace) : undefined;
}

function* membersSet(value: JsonObject, walk: MapWalk, pace: Pace): Collecting {
  const draft: FieldSetDraft = {};
  let any = false;
  for (const name in value) {
    const inner = value[name];
    if (inner === undefined) continue;
    if (pace.isOver()) yield;
    const set = yield* setBelow(inner, walk.of(name), pace);
    const claimed = inner === null || (isObject(inner) && Object.keys(inner).length === 0) || !walk.isField(name);
    if (!set && !claimed) continue;
    draft[fieldElement(name)] = claimed ? withSelf(set ?? leaf) : (set ?? leaf);
    any = true;
  }
  return any ? yield* finishing(draft) : undefined;
}

function* itemsSet(list: readonly JsonValue[], walk: ListWalk, pace: Pace): Collecting {
  const draft: FieldSetDraft = {};
  let any = false;
  for (const item of list) {
    if (pace.isOver()) yield;
    const element = storedElement(walk.shape, item);
    if (element === undefined) continue;
    // Items that share a step count as one field.
    const isKnown = Object.hasOwn(draft, element);
    draft[element] = isKnown ? leaf : withSelf((yield* setBelow(item, walk.shape.item, pace)) ?? leaf);
    any = true;
  }
  return any ? yield* finishing(draft) : undefined;
}
