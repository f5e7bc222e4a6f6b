/**
 * Finding one of many by its name. A pod may have thousands of containers, and each is asked for many times in one look:
 * going through all of them each time would take the square of their number.
 */

interface Named {
  readonly name: string;
}

// Invariant: a list that was looked into here does not change any more. Specifications and statuses are made anew instead.
const indexes = new WeakMap<readonly Named[], ReadonlyMap<string, Named>>();

/** The first of that name. */
export function byName<T extends Named>(list: readonly T[] | undefined, name: string): T | undefined {
  if (!list) return undefined;
  const index = indexes.get(list) ?? indexOf(list);
  // Holds because the index of a list has nothing but what is in the list.
  return index.get(name) as T | undefined;
}

function indexOf(list: readonly Named[]): ReadonlyMap<string, Named> {
  const index = new Map<string, Named>();
  for (const one of list) if (!index.has(one.name)) index.set(one.name, one);
  indexes.set(list, index);
  return index;
}
