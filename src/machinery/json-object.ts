/** Reading and writing members of JSON objects whose names come from outside: `__proto__` is a name like any other. */
import { own } from "#base/own.ts";
import type { JsonObject, JsonValue } from "./shape.ts";

/** A JSON object under construction. */
export type JsonDraft = Record<string, JsonValue | undefined>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** The object's own member, never one of its prototype. */
export function member(object: JsonObject, name: string): JsonValue | undefined {
  return own(object, name);
}

export function setMember(draft: JsonDraft, name: string, value: JsonValue | undefined): void {
  if (name === "__proto__")
    Object.defineProperty(draft, name, { value, writable: true, enumerable: true, configurable: true });
  else draft[name] = value;
}
