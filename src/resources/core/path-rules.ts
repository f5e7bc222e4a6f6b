/** Rules of file paths inside volumes. */
import { invalid, type FieldError } from "#machinery/field-error.ts";

export function checkNoBacksteps(path: string, target: string): FieldError[] {
  return target.split("/").includes("..") ? [invalid(path, target, "must not contain '..'")] : [];
}

/** A path that stays below where it starts. */
export function checkDescendingPath(path: string, target: string): FieldError[] {
  const absolute = target.startsWith("/") ? [invalid(path, target, "must be a relative path")] : [];
  return [...absolute, ...checkNoBacksteps(path, target)];
}

/** A path for a file of a volume, which keeps names with ".." for itself. */
export function checkFilePath(path: string, target: string): FieldError[] {
  const errors = checkDescendingPath(path, target);
  if (target.startsWith("..") && !target.startsWith("../"))
    errors.push(invalid(path, target, "must not start with '..'"));
  return errors;
}
