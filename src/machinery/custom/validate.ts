/**
 * Holds a value to a schema, in upstream's sentences. All that is wrong at once.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
 */
import { own } from "#base/own.ts";
import { canonicalText } from "../canonical-text.ts";
import { deepEqual } from "../equal.ts";
import { child, invalid, notSupported, required, tooMany, type FieldError } from "../field-error.ts";
import { isList, isObject, member } from "../json-object.ts";
import type { JsonObject, JsonValue } from "../shape.ts";
import { checkScalar, PatternWork, typeName, wrongType } from "./scalar-rules.ts";
import { additionalSchema, itemSchema, propertySchema, type Schema } from "./schema.ts";

/** A value, where it stands, and its predecessor. */
interface Place {
  /** Of the whole object. */
  readonly work: PatternWork;
  readonly path: string;
  readonly value: JsonValue;
  /** What did not change is not held against the writer: undefined holds everything to the schema. */
  readonly old?: JsonValue | undefined;
}

/**
 * What is wrong with a value.
 *
 * @param old The value as stored. What is wrong in parts that did not change is passed over.
 */
export function checkBySchema(schema: Schema, value: JsonValue, old?: JsonValue): readonly FieldError[] {
  const work = new PatternWork();
  const errors = checkNode(schema, { path: "", value, work });
  return errors.length === 0 || old === undefined ? errors : checkNode(schema, { path: "", value, old, work });
}

// More of them say nothing new to anybody.
const errorsMax = 1_000;

function checkNode(schema: Schema, at: Place): FieldError[] {
  const { value, old } = at;
  if (old !== undefined && deepEqual(value, old)) return [];
  const errors = checkType(schema, at);
  if (value === null) return [...errors, ...checkEnum(schema, at)];
  errors.push(...checkAlternatives(schema, at));
  if (isList(value)) errors.push(...checkList(schema, at, value));
  else if (!isObject(value)) errors.push(...checkScalar(schema, at));
  errors.push(...checkEnum(schema, at));
  if (isObject(value)) errors.push(...checkObject(schema, at, value));
  return errors.slice(0, errorsMax);
}

function checkType(schema: Schema, { path, value }: Place): FieldError[] {
  const expected = schema["x-kubernetes-int-or-string"] === true ? ["integer", "string"] : typesOf(schema);
  if (expected.length === 0 || (value === null && schema.nullable === true)) return [];
  const found = typeName(value);
  if (expected.includes(found)) return [];
  if (found === "integer" && expected.includes("number")) return [];
  return [wrongType(path, expected.join(","), found)];
}

function typesOf({ type = "" }: Schema): readonly string[] {
  return type === "" ? [] : [type];
}

function checkEnum({ enum: allowed }: Schema, { path, value }: Place): FieldError[] {
  if (allowed === undefined || allowed.length === 0 || allowed.some((one) => deepEqual(one, value))) return [];
  return [
    notSupported(
      path,
      value,
      allowed.map((one) => (typeof one === "string" ? one : JSON.stringify(one))),
    ),
  ];
}

/** A fault of the whole, which upstream says without a path. */
function whole(message: string): FieldError {
  return invalid("<nil>", "", message);
}

function checkAlternatives({ anyOf = [], oneOf = [], allOf = [], not }: Schema, at: Place): FieldError[] {
  const errors: FieldError[] = [];
  const name = JSON.stringify(at.path);
  if (anyOf.length > 0) {
    const tries = anyOf.map((schema) => checkNode(schema, at));
    if (!tries.some(isClean))
      errors.push(whole(`${name} must validate at least one schema (anyOf)`), ...closest(tries));
  }
  if (oneOf.length > 0) {
    const tries = oneOf.map((schema) => checkNode(schema, at));
    const valid = tries.filter(isClean).length;
    const found = valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`;
    if (valid !== 1) errors.push(whole(`${name} must validate one and only one schema (oneOf). ${found}`));
    if (valid === 0) errors.push(...closest(tries));
  }
  if (allOf.length > 0) {
    const tries = allOf.map((schema) => checkNode(schema, at));
    errors.push(...tries.flat());
    if (!tries.every(isClean))
      errors.push(
        whole(`${name} must validate all the schemas (allOf)${tries.some(isClean) ? "" : ". None validated"}`),
      );
  }
  if (not && isClean(checkNode(not, at))) errors.push(whole(`${name} must not validate the schema (not)`));
  return errors;
}

const isClean = (errors: readonly FieldError[]): boolean => errors.length === 0;

/** The faults of the alternative that fits best. */
function closest(tries: readonly FieldError[][]): readonly FieldError[] {
  return tries.reduce((best, one) => (one.length < best.length ? one : best));
}

function checkList(schema: Schema, { path, old, work }: Place, items: readonly JsonValue[]): FieldError[] {
  const errors: FieldError[] = [];
  const item = itemSchema(schema);
  const predecessorOf = predecessors(schema, isList(old) ? old : []);
  if (item)
    for (const [index, value] of items.entries()) {
      if (errors.length >= errorsMax) break;
      errors.push(...checkNode(item, { path: `${path}[${index}]`, value, old: predecessorOf(value, index), work }));
    }
  const { minItems, maxItems } = schema;
  if (minItems !== undefined && items.length < minItems)
    errors.push(invalid(path, items.length, `${path} in body should have at least ${minItems} items`));
  if (maxItems !== undefined && items.length > maxItems) errors.push(tooMany(path, items.length, maxItems));
  if (schema.uniqueItems === true && new Set(items.map(canonicalText)).size < items.length)
    errors.push(invalid(path, "", `${path} in body shouldn't contain duplicates`));
  return errors;
}

type PredecessorOf = (item: JsonValue, index: number) => JsonValue | undefined;

/** The item with the same keys before; of a list without keys, the one at the same place. */
function predecessors(schema: Schema, before: readonly JsonValue[]): PredecessorOf {
  const keys = schema["x-kubernetes-list-type"] === "map" ? schema["x-kubernetes-list-map-keys"] : undefined;
  if (!keys) return (_, index) => before[index];
  const byKeys = new Map<string, JsonValue>();
  for (const item of before) {
    const text = keysText(keys, item);
    if (!byKeys.has(text)) byKeys.set(text, item);
  }
  return (item, index) => (isObject(item) ? byKeys.get(keysText(keys, item)) : before[index]);
}

function keysText(keys: readonly string[], item: JsonValue): string {
  return isObject(item) ? canonicalText(keys.map((key) => member(item, key) ?? null)) : "";
}

function checkObject(schema: Schema, { path, old, work }: Place, value: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const names = Object.keys(value).filter((name) => own(value, name) !== undefined);
  const { minProperties, maxProperties, required: wanted = [] } = schema;
  if (minProperties !== undefined && names.length < minProperties)
    errors.push(invalid(path, names.length, `${path} in body should have at least ${minProperties} properties`));
  if (maxProperties !== undefined && names.length > maxProperties)
    errors.push(tooMany(path, names.length, maxProperties));
  const before = isObject(old) ? old : undefined;
  for (const name of names) {
    if (errors.length >= errorsMax) break;
    const named = propertySchema(schema, name) ?? additionalSchema(schema);
    const inner = own(value, name);
    if (named && inner !== undefined)
      errors.push(
        ...checkNode(named, { path: child(path, name), value: inner, old: before && member(before, name), work }),
      );
    else if (!named && schema.additionalProperties === false)
      errors.push(invalid(path, name, `${path}.${name} in body is a forbidden property`));
  }
  for (const name of wanted) if (member(value, name) === undefined) errors.push(required(child(path, name)));
  return errors;
}
