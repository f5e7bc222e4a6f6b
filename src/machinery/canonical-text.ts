/** JSON values as texts that are the same for equal values: members in the order of their names. */
import { isList, isObject } from "./json-object.ts";
import type { JsonValue } from "./shape.ts";

export function canonicalText(value: JsonValue): string {
  if (isList(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter((entry): entry is [string, JsonValue] => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${canonicalText(inner)}`).join(",")}}`;
}
