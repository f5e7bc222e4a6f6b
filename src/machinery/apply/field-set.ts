/**
 * Sets of field paths, kept in the very form of FieldsV1: an object whose members are the steps. A step to `{}` is a
 * path of the set; a step to more holds longer paths, and is itself a path of the set when it holds `"."` too. So a
 * stored entry needs no decoding, and what two sets have in common is shared.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
 */
import { own } from "#base/own.ts";
import { atOnce } from "#base/turns.ts";
import { isObject } from "../json-object.ts";
import type { JsonObject, JsonValue } from "../shape.ts";
import { canonicalElement, self, shownElement, sortingElements } from "./path-element.ts";

export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** A path that ends, and as a whole set: the empty one. */
export const leaf: FieldSet = Object.freeze({});
const selfOnly: FieldSet = Object.freeze({ [self]: leaf });

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** A set under construction: steps in any order. */
export type FieldSetDraft = Record<string, FieldSet>;

/** The set of a draft's steps in canonical order. */
export function finished(draft: FieldSetDraft): FieldSet {
  return atOnce(finishing(draft));
}

/** What `finished` does, as work that may rest where it yields. */
export function* finishing(draft: FieldSetDraft): Generator<undefined, FieldSet> {
  const elements = Object.keys(draft);
  const sorted = yield* sortingElements(elements);
  if (sorted === elements) return draft;
  const ordered: FieldSetDraft = {};
  for (const element of sorted) ordered[element] = own(draft, element) ?? leaf;
  return ordered;
}

/** What a step leads to, in the form where every path ends with `"."`. */
function opened(node: FieldSet): FieldSet {
  return isEmpty(node) ? selfOnly : node;
}

/** The inverse of `opened`; undefined when nothing is left. */
function closed(node: FieldSet): FieldSet | undefined {
  let elements = 0;
  for (const _ in node) elements += 1;
  if (elements === 0) return undefined;
  return elements === 1 && Object.hasOwn(node, self) ? leaf : node;
}

// Looking at so many steps takes a few milliseconds.
const stepsAtOnce = 1_000;

/** How far a piece of work has come, at all levels together. */
export class Pace {
  private steps = 0;

  /** Asked at each step. True when it is time to rest. */
  isOver(): boolean {
    this.steps = (this.steps + 1) % stepsAtOnce;
    return this.steps === 0;
  }
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  return atOnce(uniting(a, b));
}

/** What `union` does, as work that may rest where it yields. */
export function* uniting(a: FieldSet, b: FieldSet, pace = new Pace()): Generator<undefined, FieldSet> {
  if (a === b || isEmpty(b)) return a;
  if (isEmpty(a)) return b;
  let draft: FieldSetDraft | undefined;
  let isOrdered = true;
  for (const element in b) {
    if (pace.isOver()) yield;
    const theirs = b[element] ?? leaf;
    const ours = own(a, element);
    const both = ours === undefined ? theirs : isOneLeaf(ours, theirs) ? ours : yield* unitingBelow(ours, theirs, pace);
    if (both === ours) continue;
    draft ??= { ...a };
    draft[element] = both;
    isOrdered &&= ours !== undefined;
  }
  if (!draft) return a;
  return isOrdered ? draft : yield* finishing(draft);
}

/** All paths of many sets, halves first, so that each path is copied few times. May rest where it yields. */
export function* unitingAll(sets: readonly FieldSet[]): Generator<undefined, FieldSet> {
  if (sets.length < 2) return sets[0] ?? leaf;
  const half = sets.length >>> 1;
  return yield* uniting(yield* unitingAll(sets.slice(0, half)), yield* unitingAll(sets.slice(half)));
}

/** Most steps are leaves in both sets: these need no work of their own. */
function isOneLeaf(a: FieldSet, b: FieldSet): boolean {
  return a === b || (isEmpty(a) && isEmpty(b));
}

function* unitingBelow(a: FieldSet, b: FieldSet, pace: Pace): Generator<undefined, FieldSet> {
  const both = yield* uniting(opened(a), opened(b), pace);
  return both === opened(a) ? a : both;
}

/** The paths that are in both, as work that may rest where it yields. */
export function* intersecting(a: FieldSet, b: FieldSet, pace = new Pace()): Generator<undefined, FieldSet> {
  const draft: FieldSetDraft = {};
  for (const element in a) {
    if (pace.isOver()) yield;
    const ours = a[element] ?? leaf;
    const theirs = own(b, element);
    if (theirs === undefined) continue;
    const isLeaf = element === self || isOneLeaf(ours, theirs);
    const both = isLeaf ? (closed(ours) ?? leaf) : closed(yield* intersecting(opened(ours), opened(theirs), pace));
    if (both) draft[element] = both;
  }
  return draft;
}

/** The paths of `a` that are not in `b`. Takes time by the size of `a`: many small sets lose one large one. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return atOnce(subtracting(a, b));
}

/** What `difference` does, as work that may rest where it yields. */
export function* subtracting(a: FieldSet, b: FieldSet, pace = new Pace()): Generator<undefined, FieldSet> {
  let draft: FieldSetDraft | undefined;
  for (const element in a) {
    if (pace.isOver()) yield;
    const ours = a[element] ?? leaf;
    const theirs = own(b, element);
    if (theirs === undefined) continue;
    const isGone = element === self || isOneLeaf(ours, theirs);
    const rest = isGone ? undefined : closed(yield* subtracting(opened(ours), opened(theirs), pace));
    if (rest === ours) continue;
    draft ??= { ...a };
    if (rest) draft[element] = rest;
    else delete draft[element];
  }
  return draft ?? a;
}

/** The paths of `a` that neither are in `b` nor go on from a path in `b`. */
export function without(a: FieldSet, b: FieldSet): FieldSet {
  let draft: FieldSetDraft | undefined;
  for (const element in a) {
    const ours = a[element] ?? leaf;
    const theirs = own(b, element);
    if (theirs === undefined || element === self) continue;
    const whole = isEmpty(theirs) || Object.hasOwn(theirs, self);
    const rest = whole ? undefined : closed(without(opened(ours), theirs));
    if (rest === ours) continue;
    draft ??= { ...a };
    if (rest) draft[element] = rest;
    else delete draft[element];
  }
  return draft ?? a;
}

/** True when the path of this one step is in the set. */
export function holds(set: FieldSet, element: string): boolean {
  const node = own(set, element);
  return node !== undefined && (isEmpty(node) || Object.hasOwn(node, self));
}

/** The paths that go on from a step. */
export function below(set: FieldSet, element: string): FieldSet {
  const node = own(set, element) ?? leaf;
  return Object.hasOwn(node, self) ? difference(node, selfOnly) : node;
}

/** What `withSelf` gives, before there is anything in it: a large set is not copied. */
export function startedSet(): FieldSetDraft {
  return { [self]: leaf };
}

/** The set of one path and all in `inner`, to stand behind a step. */
export function withSelf(inner: FieldSet): FieldSet {
  return isEmpty(inner) ? leaf : { [self]: leaf, ...inner };
}

/** Paths in the form of messages, in upstream's order: what ends at a level, then what goes on. @param most How many */
export function shownPaths(set: FieldSet, most = Number.POSITIVE_INFINITY): string[] {
  const shown: string[] = [];
  const show = (at: FieldSet, prefix: string): void => {
    const elements = Object.keys(at).filter((element) => element !== self);
    for (const element of elements) {
      if (shown.length >= most) return;
      if (holds(at, element)) shown.push(prefix + shownElement(element));
    }
    for (const element of elements) {
      if (shown.length >= most) return;
      show(own(at, element) ?? leaf, prefix + shownElement(element));
    }
  };
  show(set, "");
  return shown;
}

// No object is this deep; a request that claims so is not read further.
const depthMax = 200;

/**
 * The set that a client wrote, in canonical form; steps of a kind that is not known are dropped.
 *
 * @throws PathError when a step is malformed.
 */
export function parsedSet(value: JsonValue | undefined): FieldSet {
  return atOnce(parsing(value));
}

/** What `parsedSet` does, as work that may rest where it yields. */
export function* parsing(value: JsonValue | undefined, depth = 0, pace = new Pace()): Generator<undefined, FieldSet> {
  const draft: FieldSetDraft = {};
  if (!isObject(value) || depth > depthMax) return draft;
  for (const text of Object.keys(value)) {
    if (pace.isOver()) yield;
    const element = text === self ? (depth === 0 ? undefined : self) : canonicalElement(text);
    if (element === undefined) continue;
    const inner = value[text];
    const set = isObject(inner) && !isEmptyObject(inner) ? yield* parsing(inner, depth + 1, pace) : leaf;
    draft[element] = closed(opened(set)) ?? leaf;
  }
  return yield* finishing(draft);
}

function isEmptyObject(object: JsonObject): boolean {
  for (const _ in object) return false;
  return true;
}

/** A set of paths of member names. */
export function setOf(paths: readonly (readonly string[])[]): FieldSet {
  let set = leaf;
  for (const path of paths) {
    const one = path.toReversed().reduce<FieldSet>((inner, name) => ({ [`f:${name}`]: inner }), leaf);
    set = union(set, one);
  }
  return set;
}
