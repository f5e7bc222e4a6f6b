/**
 * Holds a schema to being structural: every value has one type, and what is asked of values adds to that nothing new.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
import { deepEqual } from "../equal.ts";
import { at, child, forbidden, invalid, required, type FieldError } from "../field-error.ts";
import { compilePattern, PatternError } from "../pattern.ts";
import { additionalSchema, isEmbedded, itemSchema, preserves, propertySchema, type Schema } from "./schema.ts";

type Level = "root" | "item" | "field";

/** All that is wrong, sorted. */
export function checkStructural(schema: Schema, path: string): FieldError[] {
  const errors = [...checkPart(schema, "root", path), ...checkComplete(schema, schema, { path, by: path })];
  return errors.sort((a, b) => (`${a.field}: ${a.message}` < `${b.field}: ${b.message}` ? -1 : 1));
}

function checkPart(schema: Schema, level: Level, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const item = itemSchema(schema);
  if (schema.type === "array" && !item) errors.push(required(child(path, "items"), "must be specified"));
  if (item) errors.push(...checkPart(item, "item", child(path, "items")));
  for (const [name, part] of Object.entries(schema.properties ?? {}))
    errors.push(...checkPart(part, "field", at(child(path, "properties"), name)));
  const additional = additionalSchema(schema);
  if (schema.additionalProperties !== undefined && level === "root")
    errors.push(forbidden(child(path, "additionalProperties"), "must not be used at the root"));
  if (additional) errors.push(...checkPart(additional, "field", child(path, "additionalProperties")));
  return [
    ...errors,
    ...checkExtensions(schema, path),
    ...checkValues(schema, path, skippedOf(schema)),
    ...checkType(schema, level, path),
    ...checkMeta(schema, level, path),
  ];
}

function checkExtensions(schema: Schema, path: string): FieldError[] {
  if (schema["x-kubernetes-int-or-string"] !== true) return [];
  return ["x-kubernetes-preserve-unknown-fields" as const, "x-kubernetes-embedded-resource" as const]
    .filter((name) => schema[name] === true)
    .map((name) => invalid(child(path, name), true, "must be false if x-kubernetes-int-or-string is true"));
}

const emptyType: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};

function checkType(schema: Schema, level: Level, path: string): FieldError[] {
  const { type = "" } = schema;
  const where = child(path, "type");
  const errors: FieldError[] = [];
  const embedded = isEmbedded(schema);
  if (embedded && type !== "object") {
    const why = "must be object if x-kubernetes-embedded-resource is true";
    errors.push(type === "" ? required(where, why) : invalid(where, type, why));
  } else if (type === "" && schema["x-kubernetes-int-or-string"] !== true && !preserves(schema))
    errors.push(required(where, emptyType[level]));
  if (embedded && schema.additionalProperties !== undefined)
    errors.push(
      forbidden(child(path, "additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set"),
    );
  if (level === "root" && type !== "" && type !== "object")
    errors.push(invalid(where, type, "must be object at the root"));
  if (embedded && !preserves(schema) && Object.keys(schema.properties ?? {}).length === 0)
    errors.push(
      required(
        child(path, "properties"),
        "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
      ),
    );
  return errors;
}

/** What every object has may be restricted in few ways. */
function checkMeta(schema: Schema, level: Level, path: string): FieldError[] {
  const isObject = level === "root" || isEmbedded(schema);
  const errors: FieldError[] = [];
  for (const name of ["kind", "apiVersion"]) {
    const { type = "" } = propertySchema(schema, name) ?? { type: "string" };
    if (isObject && type !== "string")
      errors.push(invalid(`${at(child(path, "properties"), name)}.type`, type, "must be string"));
  }
  const metadata = propertySchema(schema, "metadata");
  if (!metadata) return errors;
  const where = at(child(path, "properties"), "metadata");
  if (isObject && metadata.type !== "object")
    errors.push(invalid(child(where, "type"), metadata.type ?? "", "must be object"));
  if (level === "root" && !isOnlyNames(metadata))
    errors.push(
      forbidden(
        where,
        "must not specify anything other than name and generateName, but metadata is implicitly specified",
      ),
    );
  return errors;
}

function isOnlyNames(schema: Schema): boolean {
  const { properties = {} } = schema;
  const isNames = Object.keys(properties).every((name) => name === "name" || name === "generateName");
  return isNames && Object.keys(schema).every((word) => ["type", "default", "properties"].includes(word));
}

const intOrString: readonly Schema[] = [{ type: "integer" }, { type: "string" }];

/** Where types may stand although alternatives have none: a number or a text is written so. */
interface Skipped {
  readonly anyOf: boolean;
  readonly firstAllOf: boolean;
}

function skippedOf({ anyOf, allOf }: Schema): Skipped {
  return { anyOf: deepEqual(anyOf, intOrString), firstAllOf: deepEqual(allOf?.[0]?.anyOf, intOrString) };
}

const noneSkipped: Skipped = { anyOf: false, firstAllOf: false };

function checkValues(schema: Schema, path: string, skipped: Skipped): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern = "" } = schema;
  const alternatives = (name: string, parts: readonly Schema[]): FieldError[] =>
    parts.flatMap((part, index) => checkAsked(part, at(child(path, name), index), noneSkipped));
  return [
    ...(skipped.anyOf ? [] : alternatives("anyOf", anyOf)),
    ...allOf.flatMap((part, index) =>
      checkAsked(part, at(child(path, "allOf"), index), {
        anyOf: index === 0 && skipped.firstAllOf,
        firstAllOf: false,
      }),
    ),
    ...alternatives("oneOf", oneOf),
    ...(not ? checkAsked(not, child(path, "not"), noneSkipped) : []),
    ...checkPattern(pattern, child(path, "pattern")),
  ];
}

function checkPattern(pattern: string, path: string): FieldError[] {
  try {
    if (pattern !== "") compilePattern(pattern);
    return [];
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return [invalid(path, pattern, `must be a valid regular expression, but isn't: ${error.message}`)];
  }
}

const never: readonly (readonly [keyof Schema, string])[] = [
  ["type", "must be empty to be structural"],
  ["additionalProperties", "must be undefined to be structural"],
  ["default", "must be undefined to be structural"],
  ["title", "must be empty to be structural"],
  ["description", "must be empty to be structural"],
  ["nullable", "must be false to be structural"],
  ["x-kubernetes-preserve-unknown-fields", "must be false to be structural"],
  ["x-kubernetes-embedded-resource", "must be false to be structural"],
  ["x-kubernetes-int-or-string", "must be false to be structural"],
  ["x-kubernetes-list-map-keys", "must be empty to be structural"],
  ["x-kubernetes-list-type", "must be undefined to be structural"],
  ["x-kubernetes-map-type", "must be undefined to be structural"],
  ["x-kubernetes-validations", "must be empty to be structural"],
];

/** A schema that only asks something of values, inside of an alternative. */
function checkAsked(schema: Schema, path: string, skipped: Skipped): FieldError[] {
  const item = itemSchema(schema);
  return [
    ...checkValues(schema, path, skipped),
    ...(item ? checkAsked(item, child(path, "items"), noneSkipped) : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) =>
      checkAsked(part, at(child(path, "properties"), name), noneSkipped),
    ),
    ...never
      .filter(([name]) => schema[name] !== undefined && schema[name] !== false && schema[name] !== "")
      .map(([name, why]) => forbidden(child(path, name), why)),
    ...(propertySchema(schema, "metadata")
      ? [forbidden(at(child(path, "properties"), "metadata"), "must not be specified in a nested context")]
      : []),
  ];
}

/** Where a schema is asked for, and which one asks. */
interface Asking {
  readonly path: string;
  readonly by: string;
}

/** What an alternative asks of a part must be of a part that is there. */
function checkComplete(asked: Schema, schema: Schema, { path, by }: Asking): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not } = asked;
  const groups: readonly (readonly [string, readonly Schema[]])[] = [
    ["allOf", allOf],
    ["anyOf", anyOf],
    ["oneOf", oneOf],
  ];
  return [
    ...(not ? checkAskedComplete(not, schema, { path, by: child(by, "not") }) : []),
    ...groups.flatMap(([name, parts]) =>
      parts.flatMap((part, index) => checkAskedComplete(part, schema, { path, by: at(child(by, name), index) })),
    ),
  ];
}

function checkAskedComplete(asked: Schema, schema: Schema | undefined, { path, by }: Asking): FieldError[] {
  if (!schema) return [required(path, `because it is defined in ${by}`)];
  const item = itemSchema(asked);
  return [
    ...checkComplete(asked, schema, { path, by }),
    ...(item
      ? checkAskedComplete(item, itemSchema(schema), { path: child(path, "items"), by: child(by, "items") })
      : []),
    ...Object.entries(asked.properties ?? {}).flatMap(([name, part]) =>
      checkAskedComplete(part, propertySchema(schema, name), {
        path: at(child(path, "properties"), name),
        by: at(child(by, "properties"), name),
      }),
    ),
  ];
}
