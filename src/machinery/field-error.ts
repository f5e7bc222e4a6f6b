/**
 * A cause of a 422: what is wrong with one field. The sentences are upstream's forms, which clients and tests read.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
 */
import "./big-integers.ts";

export type FieldErrorReason =
  | "FieldValueRequired"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueForbidden"
  | "FieldValueDuplicate"
  | "FieldValueNotFound"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueTypeInvalid"
  | "InternalError";

export interface FieldError {
  readonly reason: FieldErrorReason;
  /** JSON path as Kubernetes writes it: `spec.containers[0].name`, `metadata.labels[app]`. */
  readonly field: string;
  /** Without the path, e.g. `Invalid value: "x": must be …`. */
  readonly message: string;
}

/**
 * So many mistakes of one list are found; whoever puts them right hears of the others then.
 * Differs from upstream: it lists all of them, however long the list is that somebody sent.
 */
export const mistakesMax = 500;

export function required(field: string, detail = ""): FieldError {
  return { reason: "FieldValueRequired", field, message: withDetail("Required value", detail) };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: "FieldValueInvalid", field, message: withDetail(`Invalid value: ${shown(value)}`, detail) };
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const names = supported.map((name) => JSON.stringify(name)).join(", ");
  return {
    reason: "FieldValueNotSupported",
    field,
    message: withDetail(`Unsupported value: ${shown(value)}`, names === "" ? "" : `supported values: ${names}`),
  };
}

export function forbidden(field: string, detail: string): FieldError {
  return { reason: "FieldValueForbidden", field, message: withDetail("Forbidden", detail) };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { reason: "FieldValueDuplicate", field, message: `Duplicate value: ${shown(value)}` };
}

export function notFound(field: string, value: unknown): FieldError {
  return { reason: "FieldValueNotFound", field, message: `Not found: ${shown(value)}` };
}

export function tooLong(field: string, bytesMax: number): FieldError {
  return {
    reason: "FieldValueTooLong",
    field,
    message: `Too long: may not be more than ${bytesMax} ${bytesMax === 1 ? "byte" : "bytes"}`,
  };
}

export function tooMany(field: string, actual: number, itemsMax: number): FieldError {
  return {
    reason: "FieldValueTooMany",
    field,
    message: `Too many: ${actual}: must have at most ${itemsMax} ${itemsMax === 1 ? "item" : "items"}`,
  };
}

export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: "FieldValueTypeInvalid", field, message: withDetail(`Invalid value: ${shown(value)}`, detail) };
}

/** `path[key]` for maps and `path[0]` for lists. */
export function at(path: string, index: string | number): string {
  return `${path}[${index}]`;
}

/** `path.name`, or `name` at the root. */
export function child(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function withDetail(head: string, detail: string): string {
  return detail === "" ? head : `${head}: ${detail}`;
}

function shown(value: unknown): string {
  return value === undefined ? "null" : JSON.stringify(value);
}
