/** PATCH: the new object is the current one with a patch applied. */
import { isObject } from "#machinery/json-object.ts";
import { applyJsonPatch } from "#machinery/json-patch.ts";
import { applyMergePatch } from "#machinery/merge-patch.ts";
import { invalid as invalidField } from "#machinery/field-error.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { badRequest, invalid, StatusError } from "#machinery/status.ts";
import { applyStrategicMerge, strategicMergeRefused } from "#machinery/strategic-merge.ts";
import type { Core, Draft, WriteCall, Written } from "../call.ts";
import { checkValues } from "../body.ts";
import { draftOf, readBy } from "./decode.ts";
import { applyFields, trackFields } from "./managed-fields.ts";
import { refusedLiteral, type WrittenPatch } from "./patch-literals.ts";
import { write, type Change } from "./write.ts";

export type PatchBody =
  | (WrittenPatch & { readonly problems?: readonly string[] })
  | {
      readonly type: "apply";
      readonly patch: JsonObject;
      readonly force: boolean;
      /** What strict validation refuses: keys that stand twice. */
      readonly problems?: readonly string[];
    };

/** @throws StatusError as `write`, and 400, 409 (apply conflicts), 413, 422 when the patch does not apply. */
export function patch(core: Core, call: WriteCall, body: PatchBody): Promise<Written> {
  if (body.type === "apply") {
    checkApplied(call, body.patch);
    checkAppliedText(call, body.problems ?? []);
    return write(core, call, {
      creates: "missing",
      make: async (old, tracking) => {
        const applied = await applyFields(core, tracking, { ...body, old });
        if (tracking.isLarge) await core.turns.next();
        return decodePatched(call, applied);
      },
    });
  }
  const make: Change["make"] = (current, tracking) => patched(core, tracking, { body, current });
  return write(core, call, { creates: "never", make });
}

/** What is applied must be of the kind and the object of the URL. @throws StatusError 400 */
function checkApplied(call: WriteCall, patch: JsonObject): void {
  const { definition } = call.served;
  const { apiVersion, kind } = patch;
  if (apiVersion !== definition.apiVersion || kind !== definition.kind)
    throw badRequest(
      `expected to apply an object with apiVersion ${JSON.stringify(definition.apiVersion)} and kind ${JSON.stringify(definition.kind)}, found ${JSON.stringify(apiVersion ?? "")} and ${JSON.stringify(kind ?? "")}`,
    );
}

/** @throws StatusError 400 */
function checkAppliedText(call: WriteCall, problems: readonly string[]): void {
  if (problems.length === 0 || call.fieldValidation === "Ignore") return;
  const sentence = `error converting YAML to JSON: yaml: unmarshal errors:\n  ${problems.join("\n  ")}`;
  if (call.fieldValidation === "Strict") throw badRequest(`error strict decoding YAML: ${sentence}`);
  call.warn(sentence);
}

interface Patching {
  readonly body: Exclude<PatchBody, { type: "apply" }>;
  readonly current: KubeObject | undefined;
}

async function patched(core: Core, call: WriteCall, { body, current }: Patching): Promise<Draft> {
  // `write` makes a missing object only where a patch creates, which these do not.
  const made = applied(call, asJson(current), body);
  if (call.isLarge) await core.turns.next();
  const { definition } = call.served;
  const refused = definition.read ? undefined : refusedLiteral(definition.shape, body);
  if (refused !== undefined) throw unreadablePatch(made, refused);
  const draft = decodePatched(call, made, body.problems);
  if (call.isLarge) await core.turns.next();
  const tracked = trackFields(core, call, { draft, old: current });
  if (tracked) await tracked;
  return draft;
}

export function asJson(object: KubeObject | undefined): JsonObject {
  // Holds because objects are decoded JSON.
  return (object ?? {}) as unknown as JsonObject;
}

function applied(call: WriteCall, object: JsonObject, { type, patch }: Patching["body"]): JsonValue {
  switch (type) {
    case "json":
      return applyJsonPatch(object, patch);
    case "merge":
      return applyMergePatch(object, patch);
    case "strategic":
      if (call.served.custom) throw strategicMergeRefused();
      return applyStrategicMerge(object, patch, call.served.definition.shape);
  }
}

/** What a patch made is no object of the kind. */
function unreadablePatch(json: JsonValue, detail: string): StatusError {
  return invalid({ group: "", resource: "", name: "" }, [invalidField("patch", JSON.stringify(json), detail)]);
}

/** The patched JSON as a draft. @throws StatusError 422 when it is no object of the kind any more. */
export function decodePatched(call: WriteCall, json: JsonValue, problems: readonly string[] = []): Draft {
  const { definition } = call.served;
  if (call.isLarge) checkValues(json);
  const refuse = (detail: string): StatusError => unreadablePatch(json, detail);
  const { apiVersion, kind } = isObject(json) ? json : {};
  if (isOther(apiVersion, definition.apiVersion) || isOther(kind, definition.kind))
    throw refuse(
      `unable to decode ${textOf(apiVersion)}, Kind=${textOf(kind)} into *${definition.version}.${definition.kind}`,
    );
  let decoded;
  try {
    decoded = readBy(definition, json);
  } catch (error) {
    if (error instanceof StatusError) throw refuse(error.message);
    throw error;
  }
  const all = [...problems, ...decoded.problems];
  if (all.length > 0 && call.fieldValidation === "Strict") throw refuse(`strict decoding error: ${all.join(", ")}`);
  if (call.fieldValidation === "Warn") for (const problem of all) call.warn(problem);
  return draftOf(definition, json, decoded);
}

/** True for a word that says something else; nothing says nothing. */
function isOther(given: JsonValue | undefined, expected: string): boolean {
  return given !== undefined && given !== null && given !== "" && given !== expected;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? "");
}
