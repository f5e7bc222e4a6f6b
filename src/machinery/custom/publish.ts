/**
 * The schema of a custom resource as OpenAPI publishes it: with the metadata that every object has, and for version 2
 * without what that version cannot say.
 */
import { own } from "#base/own.ts";
import { isObject } from "../json-object.ts";
import type { JsonObject, JsonValue } from "../shape.ts";
import type { OpenApiVersion } from "../openapi-schemas.ts";
import { isKnownFormat } from "./formats.ts";
import { additionalSchema, isEmbedded, itemSchema, preserves, type Schema } from "./schema.ts";

export interface Publishing {
  readonly version: OpenApiVersion;
  /** The properties every object has: apiVersion, kind and metadata. */
  readonly head: JsonObject;
}

export function publishedSchema(schema: Schema, publishing: Publishing): JsonObject {
  // Clients of version 2 take members that are not named for unknown ones, so none may be named.
  if (publishing.version === "v2" && preserves(schema)) return { type: "object" };
  return withHead(published(schema, publishing), publishing);
}

function withHead(schema: JsonObject, { head }: Publishing): JsonObject {
  const given = isObject(schema["properties"]) ? schema["properties"] : {};
  return { ...schema, properties: { ...given, ...head } };
}

function published(schema: Schema, publishing: Publishing): JsonObject {
  const { properties, items: _, additionalProperties, ...rest } = schema;
  const item = itemSchema(schema);
  const additional = additionalSchema(schema);
  const made: Record<string, unknown> = {
    ...rest,
    ...(properties ? { properties: mapped(properties, (part) => published(part, publishing)) } : {}),
    ...(item ? { items: published(item, publishing) } : {}),
    ...(additionalProperties === undefined
      ? {}
      : { additionalProperties: additional ? published(additional, publishing) : additionalProperties }),
  };
  const { format, type = "" } = schema;
  if (format !== undefined && !isKnownFormat(type, format)) delete made["format"];
  if (publishing.version === "v2") forVersion2(made, schema);
  // Holds because a schema is JSON.
  const json = made as JsonObject;
  return isEmbedded(schema) && !(publishing.version === "v2" && preserves(schema)) ? withHead(json, publishing) : json;
}

/** Takes away what clients of version 2 stumble over. */
function forVersion2(made: Record<string, unknown>, schema: Schema): void {
  for (const name of ["allOf", "oneOf", "anyOf", "not", "nullable"]) delete made[name];
  const untyped = schema.nullable === true;
  if (untyped || preserves(schema)) {
    delete made["items"];
    delete made["properties"];
  }
  const listless = schema.type === "array" && made["items"] === undefined;
  if (untyped || listless || (preserves(schema) && schema.type === "object")) delete made["type"];
  const required = (schema.required ?? []).filter((name) => own(schema.properties, name)?.nullable !== true);
  if (required.length === 0 || additionalSchema(schema)?.nullable === true) delete made["required"];
  else made["required"] = required;
}

function mapped<T>(members: Readonly<Record<string, T>>, make: (value: T) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, make(value)]));
}
