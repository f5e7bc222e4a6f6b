/** Equality of JSON values, where an undefined member is the same as none. */
import { own } from "#base/own.ts";

export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && equalLists(a, b);
  return !Array.isArray(b) && equalObjects(a, b);
}

function equalLists(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (!deepEqual(a[index], b[index])) return false;
  return true;
}

function equalObjects(a: object, b: object): boolean {
  // Holds because neither is null nor a list: both are JSON objects.
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  let present = 0;
  for (const name in left) {
    const value = left[name];
    if (value === undefined) continue;
    present += 1;
    if (!deepEqual(value, own(right, name))) return false;
  }
  for (const name in right) if (right[name] !== undefined) present -= 1;
  return present === 0;
}
