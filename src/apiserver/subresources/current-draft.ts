/** An action on an object starts from a copy of it. */
import { must } from "#base/assert.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { Draft } from "../call.ts";

/** A copy of the current object that the caller owns. Only for changes that never create. */
export function currentDraft(current: KubeObject | undefined): Draft {
  // Holds because stored objects are JSON with metadata.
  return structuredClone(must(current, "a change that never creates was given no object")) as unknown as Draft;
}
