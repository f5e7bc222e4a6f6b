/** Small checks that rules of many kinds are made of. Each answers with what is wrong, or nothing. */
import { at, invalid, mistakesMax, required, type FieldError } from "./field-error.ts";

export function nonNegative(path: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(path, value, "must be greater than or equal to 0")] : [];
}

export function positive(path: string, value: number | undefined): FieldError[] {
  return value !== undefined && value <= 0 ? [invalid(path, value, "must be greater than zero")] : [];
}

/** "Required value" for a text that is absent or empty. */
export function filled(path: string, value: string | undefined): FieldError[] {
  return value === undefined || value === "" ? [required(path)] : [];
}

/** What is wrong with every item of a list, each at its own path, up to `mistakesMax`. */
export function each<T>(
  path: string,
  items: readonly T[] | undefined,
  check: (path: string, item: T, index: number) => readonly FieldError[],
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, item] of (items ?? []).entries()) {
    errors.push(...check(at(path, index), item, index));
    if (errors.length >= mistakesMax) break;
  }
  return errors;
}
