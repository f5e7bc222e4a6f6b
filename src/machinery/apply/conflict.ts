/** The refusal of an apply that would change fields of others. */
import { StatusError } from "../status.ts";
import { shownPaths, type FieldSet } from "./field-set.ts";
import type { Manager } from "./managers.ts";

export interface Conflict {
  readonly manager: Manager;
  readonly fields: FieldSet;
}

/** Nobody reads more of them. Upstream tells all. */
const shownMax = 1_000;

/** @param conflicts At least one, sorted by manager; each with at least one field. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const shown = conflicts.map(({ manager, fields }) => ({
    who: shownManager(manager),
    paths: shownPaths(fields, shownMax),
  }));
  const causes = shown.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: "FieldManagerConflict", message: `conflict with ${who}`, field })),
  );
  const [only] = causes;
  const message =
    causes.length === 1 && only
      ? `Apply failed with 1 conflict: ${only.message}: ${only.field}`
      : `Apply failed with ${causes.length} conflicts: ${listed(shown)}`;
  return new StatusError({ code: 409, reason: "Conflict", message, details: { causes } });
}

function listed(shown: readonly { readonly who: string; readonly paths: readonly string[] }[]): string {
  return shown.flatMap(({ who, paths }) => [`conflicts with ${who}:`, ...paths.map((path) => `- ${path}`)]).join("\n");
}

function shownManager({ manager, operation, apiVersion, subresource }: Manager): string {
  const who = JSON.stringify(manager);
  const where = subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return `${who}${where}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}
