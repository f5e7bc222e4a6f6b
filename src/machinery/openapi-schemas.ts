/**
 * Shapes as OpenAPI schemas, in the two dialects that clients ask for. Every schema is turned into text as soon as it is
 * made, so that a document is never held as objects.
 *
 * @see https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
 */
import { own } from "#base/own.ts";
import { zeroScalar } from "./decode-scalar.ts";
import {
  resolved,
  type Field,
  type JsonObject,
  type JsonValue,
  type ObjectShape,
  type ScalarShape,
  type ScalarType,
  type Shape,
} from "./shape.ts";

export type OpenApiVersion = "v2" | "v3";

/** Where the words about types and fields come from. */
export interface Descriptions {
  /** Of a type, or of one of its fields. `type` is a shape's name. */
  find(type: string, field?: string): string | undefined;
}

export const noDescriptions: Descriptions = { find: () => undefined };

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const plainScalars: Readonly<Partial<Record<ScalarType, JsonObject>>> = {
  string: { type: "string" },
  bool: { type: "boolean" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  double: { type: "number", format: "double" },
  bytes: { type: "string", format: "byte" },
};

interface NamedScalar {
  readonly name: string;
  readonly v2: JsonObject;
  readonly v3: JsonObject;
}

const same = (name: string, schema: JsonObject): NamedScalar => ({ name, v2: schema, v3: schema });
const meta = "apimachinery.pkg.apis.meta.v1";
const extensions = "apiextensions-apiserver.pkg.apis.apiextensions.v1";

/** Scalars that have a schema of their own. */
const namedScalars: Readonly<Partial<Record<ScalarType, NamedScalar>>> = {
  time: same(`${meta}.Time`, { type: "string", format: "date-time" }),
  microTime: same(`${meta}.MicroTime`, { type: "string", format: "date-time" }),
  duration: same(`${meta}.Duration`, { type: "string" }),
  fieldsV1: same(`${meta}.FieldsV1`, { type: "object" }),
  rawExtension: same("apimachinery.pkg.runtime.RawExtension", { type: "object" }),
  any: same(`${extensions}.JSON`, {}),
  quantity: {
    name: "apimachinery.pkg.api.resource.Quantity",
    v2: { type: "string" },
    v3: { oneOf: [{ type: "string" }, { type: "number" }] },
  },
  intOrString: {
    name: "apimachinery.pkg.util.intstr.IntOrString",
    v2: { type: "string", format: "int-or-string" },
    v3: { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] },
  },
};

const formNames = {
  objects: `${extensions}.JSONSchemaPropsOrArray`,
  bool: `${extensions}.JSONSchemaPropsOrBool`,
  strings: `${extensions}.JSONSchemaPropsOrStringArray`,
} as const;

export class Schemas {
  /** JSON text by full name, "io.k8s.api.core.v1.Pod". */
  readonly texts = new Map<string, string>();
  private readonly version: OpenApiVersion;
  private readonly descriptions: Descriptions;

  constructor(version: OpenApiVersion, descriptions: Descriptions) {
    this.version = version;
    this.descriptions = descriptions;
  }

  /** A reference to the schema of a shape, which is made when it is not there yet. */
  refTo(shape: ObjectShape, kinds: readonly GroupVersionKind[] = []): JsonObject {
    const name = fullName(shape.name);
    if (!this.texts.has(name)) {
      // Holds the place, because a shape may contain itself.
      this.texts.set(name, "{}");
      this.texts.set(name, JSON.stringify(this.objectSchema(shape, kinds)));
    }
    return this.ref(name);
  }

  /** What every object has, for the schema of a custom resource. */
  headOf(metadata: ObjectShape): JsonObject {
    const ref = this.refTo(metadata);
    const description = "Standard object's metadata: its name, its labels, and whatever else every object has.";
    return {
      apiVersion: { type: "string", description: "APIVersion defines the group and version the object is written in." },
      kind: { type: "string", description: "Kind is the kind of object this is, in CamelCase." },
      metadata: this.version === "v3" ? { description, allOf: [ref] } : { description, ...ref },
    };
  }

  /** Adds a schema that is no shape: of a custom resource, or of a list. */
  add(name: string, schema: JsonObject): JsonObject {
    this.texts.set(name, JSON.stringify(schema));
    return this.ref(name);
  }

  private ref(name: string): JsonObject {
    return { $ref: this.version === "v3" ? `#/components/schemas/${name}` : `#/definitions/${name}` };
  }

  private objectSchema(shape: ObjectShape, kinds: readonly GroupVersionKind[]): JsonObject {
    const properties: Record<string, JsonValue> = {};
    const required: string[] = [];
    this.collect(shape, { owner: shape.name, properties, required });
    const names = Object.keys(properties).sort();
    return {
      ...this.described(shape.name),
      type: "object",
      ...(required.length > 0 ? { required: required.sort() } : {}),
      ...(names.length > 0
        ? { properties: Object.fromEntries(names.map((name) => [name, own(properties, name)])) }
        : {}),
      ...(kinds.length > 0 ? { "x-kubernetes-group-version-kind": kinds.map((kind) => ({ ...kind })) } : {}),
      ...(shape.atomic ? { "x-kubernetes-map-type": "atomic" } : {}),
    };
  }

  private collect(shape: ObjectShape, into: Collected): void {
    for (const [name, field] of Object.entries(shape.declared)) {
      const inner = resolved(field.shape);
      if (field.inlined && inner.kind === "object") {
        this.collect(inner, into);
        continue;
      }
      into.properties[name] = this.property(into.owner, name, field);
      if (field.listedRequired) into.required.push(name);
    }
  }

  private property(owner: string, name: string, field: Field): JsonObject {
    const schema = this.schemaOf(field.shape);
    const initial = defaultOf(field);
    const patch = {
      ...(field.patch?.mergeKey === undefined ? {} : { "x-kubernetes-patch-merge-key": field.patch.mergeKey }),
      ...(field.patch === undefined ? {} : { "x-kubernetes-patch-strategy": field.patch.strategy }),
    };
    const more: JsonObject = {
      ...this.describedField(owner, name, field.shape),
      ...(initial === undefined ? {} : { default: initial }),
      ...patch,
    };
    // In v3 nothing may stand beside a reference.
    if (this.version === "v3" && "$ref" in schema)
      return Object.keys(more).length === 0 ? schema : { ...more, allOf: [schema] };
    return this.version === "v2" && "$ref" in schema
      ? { ...schema, ...this.describedField(owner, name, field.shape), ...patch }
      : { ...schema, ...more };
  }

  /** Of a field that has no words of its own, those of its type. */
  private describedField(owner: string, name: string, shape: Shape): JsonObject {
    const known = resolved(shape);
    const own = this.described(owner, name);
    return known.kind === "object" && !("description" in own) ? this.described(known.name) : own;
  }

  private described(type: string, field?: string): JsonObject {
    const description = this.descriptions.find(type, field);
    return description === undefined ? {} : { description };
  }

  private schemaOf(shape: Shape): JsonObject {
    const known = resolved(shape);
    if (known.kind === "scalar") return this.scalar(known);
    if (known.kind === "object") return this.refTo(known);
    if (known.kind === "map")
      return {
        type: "object",
        additionalProperties: this.schemaOf(known.value),
        ...(known.atomic ? { "x-kubernetes-map-type": "atomic" } : {}),
      };
    return {
      type: "array",
      items: this.schemaOf(known.item),
      ...(known.keys.length > 0 ? { "x-kubernetes-list-map-keys": known.keys } : {}),
      "x-kubernetes-list-type": known.listType,
    };
  }

  private scalar(shape: ScalarShape): JsonObject {
    if (shape.forms) return this.add(fullName(formNames[shape.forms.other]), {});
    const plain = plainScalars[shape.type];
    if (plain) return shape.oneOf ? { ...plain, enum: [...shape.oneOf].sort() } : plain;
    const named = namedScalars[shape.type];
    if (named === undefined) return {};
    const name = fullName(named.name);
    return this.texts.has(name)
      ? this.ref(name)
      : this.add(name, { ...this.described(named.name), ...named[this.version] });
  }
}

interface Collected {
  /** The shape whose schema it is: fields of inlined shapes are described there too. */
  readonly owner: string;
  readonly properties: Record<string, JsonValue>;
  readonly required: string[];
}

function defaultOf(field: Field): JsonValue | undefined {
  if (field.defaultValue !== undefined) return field.defaultValue;
  if (field.presence !== "always") return undefined;
  const shape = resolved(field.shape);
  if (shape.kind === "object") return {};
  return shape.kind === "scalar" && shape.oneOf === undefined ? zeroScalar(shape.type) : undefined;
}

export function fullName(name: string): string {
  return `io.k8s.${name}`;
}
