/** Holds the defaults of a schema to being values that it would take. */
import { deepEqual } from "../equal.ts";
import { at, child, invalid, type FieldError } from "../field-error.ts";
import { isObject } from "../json-object.ts";
import { StatusError } from "../status.ts";
import type { JsonValue } from "../shape.ts";
import { checkEmbedded } from "./embedded-rules.ts";
import { checkLists } from "./list-rules.ts";
import { prunedValue } from "./prune.ts";
import { itemSchema, type Schema } from "./schema.ts";
import { checkBySchema } from "./validate.ts";

export function checkDefaults(schema: Schema, path: string): FieldError[] {
  const item = itemSchema(schema);
  return [
    ...(schema.default === undefined ? [] : checkDefault(schema, schema.default, child(path, "default"))),
    ...(item ? checkDefaults(item, child(path, "items")) : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) =>
      checkDefaults(part, at(child(path, "properties"), name)),
    ),
  ];
}

function checkDefault(schema: Schema, value: JsonValue, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  try {
    const { value: pruned } = prunedValue(value, schema);
    if (!deepEqual(pruned, value)) errors.push(invalid(path, value, "must not have unknown fields"));
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    errors.push(invalid(path, value, error.message));
  }
  const wrong = [...checkBySchema(schema, value), ...checkLists(schema, value)];
  if (isObject(value)) wrong.push(...checkEmbedded(schema, value));
  return [...errors, ...wrong.map((error) => below(path, error))];
}

/** A fault of a value, as one of the default. */
function below(path: string, error: FieldError): FieldError {
  if (error.field === "<nil>") return { ...error, field: path };
  return {
    ...error,
    field: error.field.startsWith("[") ? path + error.field : error.field === "" ? path : child(path, error.field),
  };
}
