/**
 * A schema as a CustomResourceDefinition carries it. It is read where it stands: nothing is compiled, so that a
 * definition costs its JSON and nothing more.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
import { own } from "#base/own.ts";
import type { JsonValue } from "../shape.ts";

type Maybe<T> = T | undefined;

/** An expression that values must fulfil. Kept and published, not evaluated. */
export interface ValidationRule {
  readonly rule: string;
  readonly message?: Maybe<string>;
}

export interface Schema {
  readonly type?: Maybe<string>;
  readonly format?: Maybe<string>;
  readonly title?: Maybe<string>;
  readonly description?: Maybe<string>;
  readonly default?: Maybe<JsonValue>;
  readonly enum?: Maybe<readonly JsonValue[]>;
  readonly maximum?: Maybe<number>;
  readonly minimum?: Maybe<number>;
  readonly exclusiveMaximum?: Maybe<boolean>;
  readonly exclusiveMinimum?: Maybe<boolean>;
  readonly multipleOf?: Maybe<number>;
  readonly maxLength?: Maybe<number>;
  readonly minLength?: Maybe<number>;
  readonly pattern?: Maybe<string>;
  readonly maxItems?: Maybe<number>;
  readonly minItems?: Maybe<number>;
  readonly uniqueItems?: Maybe<boolean>;
  readonly maxProperties?: Maybe<number>;
  readonly minProperties?: Maybe<number>;
  readonly required?: Maybe<readonly string[]>;
  readonly items?: Maybe<Schema | readonly Schema[]>;
  readonly properties?: Maybe<Readonly<Record<string, Schema>>>;
  readonly additionalProperties?: Maybe<Schema | boolean>;
  readonly allOf?: Maybe<readonly Schema[]>;
  readonly anyOf?: Maybe<readonly Schema[]>;
  readonly oneOf?: Maybe<readonly Schema[]>;
  readonly not?: Maybe<Schema>;
  readonly nullable?: Maybe<boolean>;
  readonly "x-kubernetes-preserve-unknown-fields"?: Maybe<boolean>;
  readonly "x-kubernetes-embedded-resource"?: Maybe<boolean>;
  readonly "x-kubernetes-int-or-string"?: Maybe<boolean>;
  readonly "x-kubernetes-list-type"?: Maybe<string>;
  readonly "x-kubernetes-list-map-keys"?: Maybe<readonly string[]>;
  readonly "x-kubernetes-map-type"?: Maybe<string>;
  readonly "x-kubernetes-validations"?: Maybe<readonly ValidationRule[]>;
  /** What no structural schema has. */
  readonly $ref?: Maybe<string>;
  readonly definitions?: Maybe<unknown>;
  readonly dependencies?: Maybe<unknown>;
  readonly id?: Maybe<string>;
  readonly patternProperties?: Maybe<unknown>;
  readonly additionalItems?: Maybe<unknown>;
}

export const preserves = (schema: Schema | undefined): boolean =>
  schema?.["x-kubernetes-preserve-unknown-fields"] === true;

export const isEmbedded = (schema: Schema): boolean => schema["x-kubernetes-embedded-resource"] === true;

/** The schema of every item of a list. */
export function itemSchema(schema: Schema | undefined): Schema | undefined {
  const items = schema?.items;
  // Holds because a structural schema has no list of schemas here.
  return Array.isArray(items) ? undefined : (items as Schema | undefined);
}

/** The schema of a member by its own name. */
export function propertySchema(schema: Schema | undefined, name: string): Schema | undefined {
  const properties = schema?.properties;
  return own(properties, name);
}

/** The schema of all other members, if they have one. */
export function additionalSchema(schema: Schema | undefined): Schema | undefined {
  const additional = schema?.additionalProperties;
  return typeof additional === "object" ? additional : undefined;
}

/** True when members without a schema of their own are kept. */
export function allowsAdditional(schema: Schema): boolean {
  return schema.additionalProperties !== undefined && schema.additionalProperties !== false;
}

export const metaNames: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/** Every expression in schemas, and a bit more: what defaults call `pattern` counts too. */
export function* patternsIn(schemas: readonly (Schema | undefined)[]): Generator<string> {
  const waiting: unknown[] = [...schemas];
  while (waiting.length > 0) {
    const at = waiting.pop();
    if (typeof at !== "object" || at === null) continue;
    for (const [name, inner] of Object.entries(at)) {
      if (name === "pattern" && typeof inner === "string") yield inner;
      else if (typeof inner === "object" && inner !== null) waiting.push(inner);
    }
  }
}
