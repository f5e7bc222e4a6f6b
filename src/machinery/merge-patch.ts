/**
 * JSON merge patch.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7386
 */
import { isList, isObject, member, setMember, type JsonDraft } from "./json-object.ts";
import type { JsonObject, JsonValue } from "./shape.ts";
import { badRequest } from "./status.ts";

/**
 * The patched object. It shares what did not change with `object`, and what is new with `patch`; neither is changed.
 *
 * @throws StatusError 400 when the patch is not an object.
 */
export function applyMergePatch(object: JsonObject, patch: JsonValue): JsonObject {
  if (!isObject(patch)) throw badRequest("Invalid JSON Patch");
  return merged(object, patch);
}

function merged(object: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonDraft = { ...object };
  for (const name of Object.keys(patch)) {
    const value = patch[name];
    const old = member(object, name);
    if (value === null || value === undefined) delete result[name];
    else if (isObject(old) && isObject(value)) setMember(result, name, merged(old, value));
    else setMember(result, name, withoutNulls(value));
  }
  return result;
}

/** A null means absence, also in what is new. Upstream looks into lists too, but keeps their own nulls. */
export function withoutNulls(value: JsonValue): JsonValue {
  if (isList(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const result: JsonDraft = {};
  for (const name of Object.keys(value)) {
    const inner = value[name];
    if (inner !== null && inner !== undefined) setMember(result, name, withoutNulls(inner));
  }
  return result;
}
