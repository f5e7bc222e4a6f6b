/** Who owns which fields of an object, kept with every write; and server-side apply, which decides by it. */
import { atOnce } from "#base/turns.ts";
import { applying, asksReset, sameButTimes, tracking, type FieldWrite } from "#machinery/apply.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import type { Core, Draft, WriteCall } from "../call.ts";

export interface Tracking {
  readonly draft: Draft;
  /** Absent on create. */
  readonly old: KubeObject | undefined;
}

/** Notes in the draft's managedFields what this write sets: at once, or piece by piece when the write is large. */
export function trackFields(core: Core, call: WriteCall, { draft, old }: Tracking): Promise<void> | undefined {
  // Holds because a draft is decoded JSON.
  const json = draft as unknown as JsonObject;
  const work = tracking({ ...fieldWrite(core, call, old), reset: asksReset(json) }, json);
  if (call.isLarge) return core.turns.through(work).then((tracked) => setManagers(draft, tracked));
  setManagers(draft, atOnce(work));
  return undefined;
}

/** Server-side apply: the object with the applied fields, not decoded yet. @throws StatusError 400, 409 */
export async function applyFields(
  core: Core,
  call: WriteCall,
  { patch, force, old }: { patch: JsonObject; force: boolean; old: KubeObject | undefined },
): Promise<JsonObject> {
  const work = applying({ ...fieldWrite(core, call, old), force }, patch);
  return call.isLarge ? core.turns.through(work) : atOnce(work);
}

function fieldWrite(core: Core, call: WriteCall, old: KubeObject | undefined): FieldWrite {
  const { served, subresource, manager } = call;
  const { apiVersion, kind, shape } = served.definition;
  return {
    kind: { apiVersion, kind, shape, status: served.subresources.has("status"), custom: served.custom },
    // Holds because objects are decoded JSON.
    live: old as unknown as JsonObject | undefined,
    manager,
    subresource,
    nowMs: core.clock.nowMs(),
  };
}

/** Keeps the old times of managedFields when they are all that differs in them. */
export function keepTimes(draft: Draft, old: KubeObject): void {
  const { managedFields } = old.metadata;
  // Holds because it is JSON.
  if (sameButTimes(draft.metadata["managedFields"] as JsonValue, managedFields))
    draft.metadata["managedFields"] = managedFields;
}

function setManagers(draft: Draft, { metadata }: JsonObject): void {
  // Holds because tracking answers with an object that has metadata.
  const { managedFields } = metadata as JsonObject;
  if (managedFields === undefined) delete draft.metadata["managedFields"];
  else draft.metadata["managedFields"] = managedFields;
}
