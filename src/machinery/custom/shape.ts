/**
 * The shape of a schema: how server-side apply merges objects of a custom resource and what it knows as a field. Made
 * piece by piece, as an apply or an update first walks there.
 */
import { own } from "#base/own.ts";
import { objectMeta } from "../meta.ts";
import {
  anyJson,
  Field,
  flag,
  i64,
  intOrText,
  lazy,
  of,
  str,
  string,
  type ListShape,
  type ObjectShape,
  type ScalarShape,
  type Shape,
} from "../shape.ts";
import { additionalSchema, isEmbedded, itemSchema, preserves, type Schema } from "./schema.ts";

const double: ScalarShape<number> = { kind: "scalar", type: "double" };
const scalars: Readonly<Record<string, Shape>> = { string: str, integer: i64, number: double, boolean: flag };
const anyMap: Shape = { kind: "map", value: anyJson, atomic: false };
const atomicAnyMap: Shape = { kind: "map", value: anyJson, atomic: true };
const head = { apiVersion: string(0), kind: string(0), metadata: of(1, objectMeta) };

/** The shape of whole objects. `name` is for sentences: "v1.CronTab". */
export function rootShape(name: string, schema: Schema): ObjectShape {
  const declared = { ...head, metadata: of(1, objectMeta).always() };
  return objectShape(schema, { name, declared });
}

function shapeOf(schema: Schema | undefined): Shape {
  if (!schema) return anyJson;
  if (schema["x-kubernetes-int-or-string"] === true) return intOrText;
  switch (schema.type ?? "") {
    case "object":
      return memberedShape(schema);
    case "array":
      return listShape(schema);
    default:
      return own(scalars, schema.type ?? "") ?? anyJson;
  }
}

const named = new WeakMap<Schema, Shape>();

/** The shape of a part of a schema, the same for the same part: what is planned by shapes is planned once. */
function partShape(schema: Schema | undefined): Shape {
  if (!schema) return anyJson;
  let shape = named.get(schema);
  if (!shape) named.set(schema, (shape = shapeOf(schema)));
  return shape;
}

function memberedShape(schema: Schema): Shape {
  const atomic = schema["x-kubernetes-map-type"] === "atomic";
  if (schema.properties === undefined && !isEmbedded(schema)) {
    const value = additionalSchema(schema);
    if (value) return { kind: "map", value: lazy(() => partShape(value)), atomic };
    if (schema.additionalProperties === true || preserves(schema)) return atomic ? atomicAnyMap : anyMap;
  }
  return objectShape(schema, { name: "", declared: isEmbedded(schema) ? head : {} });
}

interface Given {
  readonly name: string;
  readonly declared: Readonly<Record<string, Field>>;
}

function objectShape(schema: Schema, { name, declared }: Given): ObjectShape {
  const own = Object.entries(schema.properties ?? {})
    .filter(([member]) => !Object.hasOwn(declared, member))
    .map(([member, part]) => [member, fieldOf(part)] as const);
  return {
    kind: "object",
    name,
    declared: { ...declared, ...Object.fromEntries(own) },
    atomic: schema["x-kubernetes-map-type"] === "atomic",
    open: preserves(schema),
  };
}

function fieldOf(schema: Schema): Field {
  const field = new Field(
    0,
    lazy(() => partShape(schema)),
  );
  field.defaultValue = schema.default;
  return field;
}

function listShape(schema: Schema): ListShape {
  const listType = schema["x-kubernetes-list-type"];
  return {
    kind: "list",
    item: lazy(() => partShape(itemSchema(schema))),
    listType: listType === "set" || listType === "map" ? listType : "atomic",
    keys: schema["x-kubernetes-list-map-keys"] ?? [],
  };
}
