/**
 * The shape language: what the JSON of a type looks like, said once. Codecs, unknown-field handling, defaults,
 * structural validation, merge keys, OpenAPI and the TypeScript type itself are all read off a shape.
 *
 * A shape is data. Reading it is the business of the files beside this one: decode.ts, protobuf.ts, openapi.ts, …
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/
 */

/**
 * How the scalars of the Kubernetes API look in TypeScript and in JSON:
 * `int64` is a number (JSON has no other), `bytes` base64 text, `time` and `microTime` RFC 3339 text, `quantity`
 * canonical text, `intOrString` either, `any` any JSON value (RawExtension and JSON), `fieldsV1` an object.
 */
export type ScalarType =
  | "string"
  | "bool"
  | "int32"
  | "int64"
  | "double"
  | "bytes"
  | "time"
  | "microTime"
  | "duration"
  | "quantity"
  | "intOrString"
  | "any"
  | "rawExtension"
  | "fieldsV1";

/** A bigint is an integer of 64 bits that no number holds exactly. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

// Carries a shape's TypeScript type; never set at run time.
declare const typeOf: unique symbol;

export interface ScalarShape<T = unknown> {
  readonly kind: "scalar";
  readonly type: ScalarType;
  /** The only values allowed besides the empty string; absent for any. */
  readonly oneOf?: readonly string[];
  /** Of JSON that has several forms, one of them an object of a shape. */
  readonly forms?: JsonForms;
  readonly [typeOf]?: T;
}

/** An object, or else a list of such objects, a bool, or a list of strings. */
export interface JsonForms {
  readonly object: Shape;
  readonly other: "objects" | "bool" | "strings";
}

export interface ListShape<T = unknown> {
  readonly kind: "list";
  readonly item: Shape<T>;
  /** How server-side apply merges: as a whole, as a set of scalars, or by the keys of its items. */
  readonly listType: "atomic" | "set" | "map";
  readonly keys: readonly string[];
  readonly [typeOf]?: readonly T[];
}

export interface MapShape<T = unknown> {
  readonly kind: "map";
  readonly value: Shape<T>;
  /** True when server-side apply owns the map as a whole. */
  readonly atomic: boolean;
  readonly [typeOf]?: Readonly<Record<string, T>>;
}

export interface ObjectShape<T = unknown> {
  readonly kind: "object";
  /** The OpenAPI definition name without "io.k8s.", e.g. "api.apps.v1.DeploymentSpec". */
  readonly name: string;
  /** As declared: inlined objects are one entry. Use `fieldsOf` for the JSON view. */
  readonly declared: Readonly<Record<string, Field>>;
  readonly atomic: boolean;
  /** True when it may have members that are not declared, with any value. */
  readonly open?: boolean;
  readonly [typeOf]?: T;
}

/** A shape that refers to itself, or to one declared later. */
export interface LazyShape<T = unknown> {
  readonly kind: "lazy";
  readonly get: () => Shape<T>;
  readonly [typeOf]?: T;
}

export type Shape<T = unknown> = ScalarShape<T> | ObjectShape<T> | ListShape | MapShape | LazyShape<T>;

/** The rule of strategic merge patch for one list or object field. */
export interface PatchRule {
  readonly strategy: "merge" | "replace" | "retainKeys" | "merge,retainKeys";
  readonly mergeKey?: string;
}

/** Presence of a field, see the methods of `Field` that set it. */
export type Presence = "optional" | "required" | "always";

/** One field of an object. Built by chaining; frozen in practice once its object is declared. */
export class Field<T = unknown, P extends Presence = Presence> {
  declare readonly [typeOf]?: T;
  declare readonly presenceType?: P;
  /** Protobuf field number; 0 when the field is not in the protobuf message. */
  readonly number: number;
  readonly shape: Shape;
  presence: Presence = "optional";
  /** Required in OpenAPI without being refused when absent. */
  listedRequired = false;
  /** The fields of its object stand in the JSON of the parent. */
  inlined = false;
  patch: PatchRule | undefined = undefined;
  /** Whether the zero value says something: an optional scalar without it is absent when it is zero. */
  keepsZero: boolean;
  defaultValue: JsonValue | undefined = undefined;
  rules: FieldRules | undefined = undefined;

  constructor(number: number, shape: Shape) {
    this.number = number;
    this.shape = shape;
    this.keepsZero = !(shape.kind === "scalar" && (shape.type === "string" || shape.type === "bytes"));
  }

  /** Must be there: absence is refused with "Required value". */
  required(): Field<T, "required"> {
    this.presence = "required";
    this.listedRequired = true;
    return this.as();
  }

  /** Is there after decoding: absent becomes the zero value ("", 0, false, {}, []). A Go field without omitempty. */
  always(): Field<T, "always"> {
    this.presence = "always";
    this.listedRequired = true;
    return this.as();
  }

  /** Not listed as required in OpenAPI although it is always there. */
  unlisted(): this {
    this.listedRequired = false;
    return this;
  }

  /** Filled in when absent. Defaults that depend on other fields are a resource's `defaults`. */
  default(value: T & JsonValue): this {
    this.defaultValue = value;
    return this;
  }

  /** "" is not the same as absent: a Go pointer to a string. */
  keepZero(): this {
    this.keepsZero = true;
    return this;
  }

  /** 0 or false is the same as absent: a Go number or bool that is no pointer. */
  dropZero(): this {
    this.keepsZero = false;
    return this;
  }

  min(value: number): this {
    this.rules = { ...this.rules, min: value };
    return this;
  }

  max(value: number): this {
    this.rules = { ...this.rules, max: value };
    return this;
  }

  /** May not change after creation, and is refused with "field is immutable". */
  immutable(): this {
    this.rules = { ...this.rules, immutable: true };
    return this;
  }

  patchMerge(mergeKey?: string): this {
    this.patch = mergeKey === undefined ? { strategy: "merge" } : { strategy: "merge", mergeKey };
    return this;
  }

  patchRule(rule: PatchRule): this {
    this.patch = rule;
    return this;
  }

  private as<Q extends Presence>(): Field<T, Q> {
    // Holds because the presence type parameter exists at compile time only.
    return this as unknown as Field<T, Q>;
  }
}

export interface FieldRules {
  readonly min?: number;
  readonly max?: number;
  readonly immutable?: boolean;
}

export type Fields = Readonly<Record<string, Field>>;
type ValueOf<F> = F extends Field<infer T, Presence> ? T : never;
type InlineValue<F> = F extends InlineField<infer T> ? T : never;
type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never;
type Flat<T> = { readonly [K in keyof T]: T[K] };
type InlineKeys<F extends Fields> = { [K in keyof F]: F[K] extends InlineField<unknown> ? K : never }[keyof F];
type PresentKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<unknown, "required" | "always"> ? K : never;
}[keyof F];

type Own<F extends Fields, Inline extends keyof F> = {
  readonly [K in Exclude<PresentKeys<F>, Inline>]: ValueOf<F[K]>;
} & {
  readonly [K in Exclude<keyof F, PresentKeys<F> | Inline>]?: ValueOf<F[K]> | undefined;
};

declare const holds: unique symbol;

/**
 * What of an object is there: of a view (view.ts) the fields that were declared, each `never`, and of a whole one
 * everything, which is `never` itself. It is on no object; by it TypeScript refuses a view where more is wanted than the
 * view holds, even where what is wanted may be absent.
 */
export type Holds<Declared = never> = { readonly [holds]?: Declared };

type ObjectOf<F extends Fields> = [InlineKeys<F>] extends [never]
  ? Flat<Own<F, never> & Holds>
  : Flat<Own<F, InlineKeys<F>> & Intersection<InlineValue<F[InlineKeys<F>]>> & Holds>;

/** The TypeScript type of a shape: `interface DeploymentSpec extends Infer<typeof deploymentSpec> {}`. */
export type Infer<S> = S extends { readonly [typeOf]?: infer T } ? Exclude<T, undefined> : never;

/** An object whose fields stand in its parent's JSON. */
export interface InlineField<T> extends Field<T> {
  readonly inlineMark: true;
}

const scalar = <T>(type: ScalarType): ScalarShape<T> => ({ kind: "scalar", type });

/** The scalar shapes, for items of lists and values of maps. */
export const str = scalar<string>("string");
export const i32 = scalar<number>("int32");
export const i64 = scalar<number>("int64");
export const flag = scalar<boolean>("bool");
export const base64Text = scalar<string>("bytes");
export const quantityText = scalar<string>("quantity");
export const anyJson = scalar<JsonValue>("any");
export const rawObject = scalar<JsonObject>("rawExtension");
/** JSON that is an object of a shape or something else. */
export function formsOf(object: Shape, other: JsonForms["other"]): ScalarShape<JsonValue> {
  return { kind: "scalar", type: "any", forms: { object, other } };
}
const f64 = scalar<number>("double");
export const timeText = scalar<string>("time");
const microTimeText = scalar<string>("microTime");
const durationText = scalar<string>("duration");
export const intOrText = scalar<number | string>("intOrString");
const fieldsV1Shape = scalar<JsonObject>("fieldsV1");

type Opt<T> = Field<T, "optional">;
const field = <T>(number: number, shape: Shape): Opt<T> => new Field<T, "optional">(number, shape);

export const string = (number: number): Opt<string> => field(number, str);
export const bool = (number: number): Opt<boolean> => field(number, flag);
export const int32 = (number: number): Opt<number> => field(number, i32);
export const int64 = (number: number): Opt<number> => field(number, i64);
export const double = (number: number): Opt<number> => field(number, f64);
export const bytes = (number: number): Opt<string> => field(number, base64Text);
export const time = (number: number): Opt<string> => field(number, timeText);
export const microTime = (number: number): Opt<string> => field(number, microTimeText);
export const duration = (number: number): Opt<string> => field(number, durationText);
export const quantity = (number: number): Opt<string> => field(number, quantityText);
export const intOrString = (number: number): Opt<number | string> => field(number, intOrText);
export const any = (number: number): Opt<JsonValue> => field(number, anyJson);
export const rawExtension = (number: number): Opt<JsonObject> => field(number, rawObject);
export const fieldsV1 = (number: number): Opt<JsonObject> => field(number, fieldsV1Shape);

/** A string that is one of `values`; anything else is refused with "Unsupported value". */
export function oneOf<const V extends string>(number: number, values: readonly V[]): Opt<V> {
  return field(number, enumShape(values));
}

export function enumShape<const V extends string>(values: readonly V[]): ScalarShape<V> {
  return { kind: "scalar", type: "string", oneOf: values };
}

export function of<T>(number: number, shape: ObjectShape<T> | LazyShape<T> | ScalarShape<T>): Opt<T> {
  return field(number, shape);
}

/** A list that is replaced as a whole by server-side apply. */
export function list<T>(number: number, item: Shape<T>): Opt<readonly T[]> {
  return field(number, { kind: "list", item, listType: "atomic", keys: [] });
}

/** A list of distinct scalars. */
export function set<T>(number: number, item: ScalarShape<T>): Opt<readonly T[]> {
  return field(number, { kind: "list", item, listType: "set", keys: [] });
}

/** A list of objects told apart by the values of `keys`. */
export function listMap<T>(number: number, keys: readonly string[], item: Shape<T>): Opt<readonly T[]> {
  return field(number, { kind: "list", item, listType: "map", keys });
}

export function map<T>(number: number, value: Shape<T>): Opt<Readonly<Record<string, T>>> {
  return field(number, { kind: "map", value, atomic: false });
}

export function atomicMap<T>(number: number, value: Shape<T>): Opt<Readonly<Record<string, T>>> {
  return field(number, { kind: "map", value, atomic: true });
}

/** An object of its own in protobuf whose fields stand in the parent's JSON. */
export function inline<T>(number: number, shape: ObjectShape<T>): InlineField<T> {
  const made = field<T>(number, shape);
  made.inlined = true;
  // Holds because the mark exists at compile time only.
  return made as unknown as InlineField<T>;
}

/** A list as the item of a list or the value of a map; atomic. */
export function listOf<T>(item: Shape<T>): Shape<readonly T[]> {
  const shape: ListShape<T> = { kind: "list", item, listType: "atomic", keys: [] };
  return shape;
}

export function lazy<T>(get: () => Shape<T>): LazyShape<T> {
  return { kind: "lazy", get };
}

export function object<F extends Fields>(name: string, fields: F): ObjectShape<ObjectOf<F>> {
  return { kind: "object", name, declared: fields, atomic: false };
}

/** An object that server-side apply owns as a whole. */
export function atomicObject<F extends Fields>(name: string, fields: F): ObjectShape<ObjectOf<F>> {
  return { kind: "object", name, declared: fields, atomic: true };
}

const flattened = new WeakMap<ObjectShape, ReadonlyMap<string, Field>>();

/** The fields of an object as its JSON has them, inlined ones included. Made once a shape, on first use. */
export function fieldsOf(shape: ObjectShape): ReadonlyMap<string, Field> {
  const known = flattened.get(shape);
  if (known) return known;
  const fields = new Map<string, Field>();
  for (const [name, declared] of Object.entries(shape.declared)) {
    const inner = resolved(declared.shape);
    if (declared.inlined && inner.kind === "object") for (const entry of fieldsOf(inner)) fields.set(...entry);
    else fields.set(name, declared);
  }
  flattened.set(shape, fields);
  return fields;
}

/** The shape behind any number of lazy ones. */
export function resolved(shape: Shape): Exclude<Shape, LazyShape> {
  let at = shape;
  while (at.kind === "lazy") at = at.get();
  return at;
}
