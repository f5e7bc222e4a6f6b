/**
 * Field sets that many objects have in common are kept once: the pods of a deployment differ in their names, not in
 * who manages what.
 */
import { deepFreeze } from "../freeze.ts";
import { leaf, type FieldSet } from "./field-set.ts";

// Enough for the kinds and writers of a cluster: both together at most 16 MB. A larger set is seldom had twice.
const keptMax = 1_000;
const keptLengthMax = 16_384;
const keptStepsMax = 1_000;
let kept = new Map<string, FieldSet>();

/** The one frozen copy of an equal set. */
export function interned(set: FieldSet): FieldSet {
  if (!isSmall(set, keptStepsMax)) return set;
  const text = JSON.stringify(set);
  if (text.length > keptLengthMax) return set;
  const known = kept.get(text);
  if (known) return known;
  if (kept.size >= keptMax) kept = new Map();
  const frozen = deepFreeze(withSharedLeaves(set));
  kept.set(text, frozen);
  return frozen;
}

function withSharedLeaves(set: FieldSet): FieldSet {
  const shared: Record<string, FieldSet> = {};
  let any = false;
  for (const element in set) {
    shared[element] = withSharedLeaves(set[element] ?? leaf);
    any = true;
  }
  return any ? shared : leaf;
}

/** True for a set of at most so many steps; a larger one is not walked to its end. */
function isSmall(set: FieldSet, stepsMax: number): boolean {
  return stepsLeft(set, stepsMax) >= 0;
}

function stepsLeft(set: FieldSet, stepsMax: number): number {
  let left = stepsMax;
  for (const element in set) {
    if (left < 0) return left;
    left = stepsLeft(set[element] ?? leaf, left - 1);
  }
  return left;
}
