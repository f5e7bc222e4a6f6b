/** Holds lists that are sets or maps to being so: no item twice. */
import { own } from "#base/own.ts";
import { canonicalText } from "../canonical-text.ts";
import { at, child, duplicate, invalid, type FieldError } from "../field-error.ts";
import { isList, isObject } from "../json-object.ts";
import type { JsonObject, JsonValue } from "../shape.ts";
import { additionalSchema, itemSchema, propertySchema, type Schema } from "./schema.ts";

export function checkLists(schema: Schema | undefined, value: JsonValue | undefined, path = ""): FieldError[] {
  if (!schema) return [];
  if (isList(value)) {
    const item = itemSchema(schema);
    return [
      ...checkItems(schema, value, path),
      ...(item ? value.flatMap((one, index) => checkLists(item, one, at(path, index))) : []),
    ];
  }
  if (!isObject(value)) return [];
  const additional = additionalSchema(schema);
  return Object.keys(value).flatMap((name) => {
    const named = propertySchema(schema, name);
    return checkLists(named ?? additional, own(value, name), named ? child(path, name) : at(path, name));
  });
}

function checkItems(schema: Schema, items: readonly JsonValue[], path: string): FieldError[] {
  switch (schema["x-kubernetes-list-type"] ?? "") {
    case "set":
      return repeated(items).map((index) => duplicate(at(path, index), items[index]));
    case "map": {
      const wrong = items.findIndex((item) => item !== null && !isObject(item));
      if (wrong >= 0)
        return [invalid(at(path, wrong), items[wrong], "must be an object for an array of list-type map")];
      const keys = items.map((item) => keysOf(schema["x-kubernetes-list-map-keys"] ?? [], item));
      return repeated(keys).map((index) => duplicate(at(path, index), keys[index]));
    }
    default:
      return [];
  }
}

function keysOf(names: readonly string[], item: JsonValue): JsonObject {
  if (!isObject(item)) return {};
  return Object.fromEntries(names.filter((name) => Object.hasOwn(item, name)).map((name) => [name, own(item, name)]));
}

/** Where items stand that were there before, each of them once. */
function repeated(items: readonly JsonValue[]): number[] {
  const seen = new Map<string, number>();
  return [...items.entries()].flatMap(([index, item]) => {
    const text = canonicalText(item);
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    return times === 2 ? [index] : [];
  });
}
