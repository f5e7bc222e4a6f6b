/** Freezing of JSON values, so that they can be shared without a copy. */

/** Freezes `value` and all it holds. What is frozen already is taken to be frozen to its depth. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  if (Array.isArray(value)) for (const item of value) deepFreeze(item);
  else for (const name in value) deepFreeze(value[name]);
  return value;
}
