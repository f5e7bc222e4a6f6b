/** Scales written by direct call. */
import type { JsonValue } from "#machinery/shape.ts";
import type { Scale } from "#resources/autoscaling/scale-v1.ts";
import type { Core, WriteCall } from "../call.ts";
import { patchedScale, setScale } from "../subresources/scale.ts";
import type { PatchBody } from "../verbs/patch.ts";

export function replaceScale(core: Core, call: WriteCall, json: JsonValue): Promise<Scale> {
  return setScale(core, call, () => ({ json }));
}

export function patchScale(core: Core, call: WriteCall, body: PatchBody): Promise<Scale> {
  return setScale(core, call, (current) => ({ json: patchedScale(current, body) }));
}
