/**
 * Fills in what a schema says is the default, and drops nulls where there may be none.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
 */
import { isList, isObject, setMember, type JsonDraft } from "../json-object.ts";
import type { JsonValue } from "../shape.ts";
import { additionalSchema, itemSchema, propertySchema, type Schema } from "./schema.ts";

/** Changes the value in place, as deep as the schema goes: so far it must be the caller's own. */
export function applySchemaDefaults(value: JsonValue | undefined, schema: Schema | undefined): void {
  if (!schema) return;
  if (isList(value)) {
    const item = itemSchema(schema);
    if (!item) return;
    // Holds because the caller owns the value.
    const items = value as JsonValue[];
    for (const [index, entry] of items.entries()) {
      if (entry === null && item.nullable !== true && item.default !== undefined) items[index] = copied(item.default);
      applySchemaDefaults(items[index], item);
    }
  } else if (isObject(value)) fillObject(value, schema);
}

function fillObject(draft: JsonDraft, schema: Schema): void {
  for (const name of Object.keys(draft)) {
    if (draft[name] !== null) continue;
    const own = propertySchema(schema, name) ?? additionalSchema(schema);
    if (!own || own.nullable === true) continue;
    if (own.default === undefined) delete draft[name];
    else setMember(draft, name, copied(own.default));
  }
  for (const [name, own] of Object.entries(schema.properties ?? {}))
    if (own.default !== undefined && !Object.hasOwn(draft, name)) setMember(draft, name, copied(own.default));
  const additional = additionalSchema(schema);
  for (const name of Object.keys(draft)) applySchemaDefaults(draft[name], propertySchema(schema, name) ?? additional);
}

function copied(value: JsonValue): JsonValue {
  return typeof value === "object" && value !== null ? structuredClone(value) : value;
}
