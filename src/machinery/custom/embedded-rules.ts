/** Holds whole objects inside of an object to saying what they are. */
import { own } from "#base/own.ts";
import { at, child, invalid, required, type FieldError } from "../field-error.ts";
import { isList, isObject } from "../json-object.ts";
import type { JsonObject, JsonValue } from "../shape.ts";
import { additionalSchema, isEmbedded, itemSchema, propertySchema, type Schema } from "./schema.ts";

export function checkEmbedded(schema: Schema | undefined, value: JsonValue | undefined, path = ""): FieldError[] {
  if (!schema) return [];
  if (isList(value)) return value.flatMap((item, index) => checkEmbedded(itemSchema(schema), item, at(path, index)));
  if (!isObject(value)) return [];
  const additional = additionalSchema(schema);
  return [
    ...(isEmbedded(schema) ? checkHead(value, path) : []),
    ...Object.keys(value).flatMap((name) => {
      const named = propertySchema(schema, name);
      return checkEmbedded(named ?? additional, own(value, name), named ? child(path, name) : at(path, name));
    }),
  ];
}

const kindForm = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/i;

function checkHead(value: JsonObject, path: string): FieldError[] {
  return ["apiVersion", "kind"].flatMap((name) => {
    const given = own(value, name);
    const where = child(path, name);
    if (given === undefined) return [required(where)];
    if (typeof given !== "string") return [invalid(where, given, "must be a string")];
    if (given === "") return [invalid(where, given, "must not be empty")];
    if (name === "apiVersion" && given.split("/").length > 2)
      return [invalid(where, given, `unexpected GroupVersion string: ${given}`)];
    if (name === "kind" && !kindForm.test(given))
      return [
        invalid(
          where,
          given,
          "may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
        ),
      ];
    return [];
  });
}
