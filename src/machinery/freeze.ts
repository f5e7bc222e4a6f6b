/** Freezing of JSON values, so that they can be shared without a copy. */

/** Freezes `value` and all it holds. What is frozen already is taken to be frozen to its depth. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  if (Array.isArray(value)) for (const item of value) deepFreeze(item);
  else for (const name in value) deepFreeze(value[name]);
  return value;
}

// A fraction of a millisecond.
const collectionsOfPiece = 2_000;

/** The same, in pieces, for what nobody else has until it is done. */
export function* freezing<T extends object>(value: T): Generator<undefined, T> {
  const open: object[] = [value];
  let left = collectionsOfPiece;
  for (let at = open.pop(); at; at = open.pop()) {
    if (Object.isFrozen(at)) continue;
    Object.freeze(at);
    for (const inner of Object.values(at)) if (typeof inner === "object" && inner !== null) open.push(inner);
    left -= 1;
    if (left > 0) continue;
    left = collectionsOfPiece;
    yield;
  }
  return value;
}
