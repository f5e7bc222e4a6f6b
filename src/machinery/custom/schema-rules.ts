/**
 * What a schema of a custom resource may say, apart from its structure: which words there are, and how lists and maps
 * say that they are merged.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
 */
import { own } from "#base/own.ts";
import { at, child, forbidden, invalid, notSupported, required, type FieldError } from "../field-error.ts";
import { additionalSchema, isEmbedded, itemSchema, metaNames, type Schema } from "./schema.ts";

const types = ["array", "boolean", "integer", "number", "object", "string"];

/** Where a schema stands. */
interface Place {
  readonly path: string;
  readonly isRoot?: boolean;
  readonly inMeta?: boolean;
  /** Why there may be no defaults; absent where there may. */
  readonly noDefaults?: string;
}

export function checkWords(schema: Schema, place: Place): FieldError[] {
  return [
    ...checkOwn(schema, place),
    ...checkMapType(schema, place.path),
    ...checkListType(schema, place.path),
    ...checkRules(schema, place.path),
    ...checkBelow(schema, place),
  ];
}

const unsupported = ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] as const;

function checkOwn(schema: Schema, { path, inMeta, noDefaults }: Place): FieldError[] {
  const { type = "" } = schema;
  const errors: FieldError[] = [];
  if (type === "null")
    errors.push(forbidden(child(path, "type"), "type cannot be set to null, use nullable as an alternative"));
  if (type !== "" && !types.includes(type)) errors.push(notSupported(child(path, "type"), type, types));
  if (schema.default !== undefined && noDefaults !== undefined)
    errors.push(forbidden(child(path, "default"), `must not be set ${noDefaults}`));
  for (const name of unsupported)
    if (schema[name] !== undefined) errors.push(forbidden(child(path, name), `${name} is not supported`));
  if (Array.isArray(schema.items))
    errors.push(forbidden(child(path, "items"), "items must be a schema object and not an array"));
  if (inMeta === true && isEmbedded(schema))
    errors.push(forbidden(child(path, "x-kubernetes-embedded-resource"), "must not be used inside of resource meta"));
  if (schema.uniqueItems === true)
    errors.push(
      forbidden(
        child(path, "uniqueItems"),
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
      ),
    );
  if (schema["x-kubernetes-preserve-unknown-fields"] === false)
    errors.push(invalid(child(path, "x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined"));
  const { additionalProperties, properties = {} } = schema;
  if (additionalProperties !== undefined && additionalProperties !== true && Object.keys(properties).length > 0)
    errors.push(
      forbidden(child(path, "additionalProperties"), "additionalProperties and properties are mutual exclusive"),
    );
  return errors;
}

function checkBelow(schema: Schema, { path, isRoot, inMeta, noDefaults }: Place): FieldError[] {
  const outer = { ...(inMeta === true ? { inMeta } : {}), ...(noDefaults === undefined ? {} : { noDefaults }) };
  const errors: FieldError[] = [];
  const additional = additionalSchema(schema);
  if (additional)
    errors.push(
      ...checkWords(additional, {
        ...outer,
        ...(inMeta === true ? { noDefaults: "inside additionalProperties applying to object metadata" } : {}),
        path: child(path, "additionalProperties"),
      }),
    );
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    const isMeta = (isRoot === true || isEmbedded(schema)) && metaNames.has(name);
    errors.push(
      ...checkWords(part, {
        ...outer,
        ...(isMeta ? { inMeta: true } : {}),
        ...(isMeta && isRoot === true ? { noDefaults: `in top-level ${name}` } : {}),
        path: at(child(path, "properties"), name),
      }),
    );
  }
  const item = itemSchema(schema);
  if (item) errors.push(...checkWords(item, { ...outer, path: child(path, "items") }));
  if (schema.not) errors.push(...checkWords(schema.not, { ...outer, path: child(path, "not") }));
  for (const name of ["allOf", "oneOf", "anyOf"] as const)
    for (const [index, part] of (schema[name] ?? []).entries())
      errors.push(...checkWords(part, { ...outer, path: at(child(path, name), index) }));
  return errors;
}

function checkMapType(schema: Schema, path: string): FieldError[] {
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType === undefined) return [];
  return [
    ...mustBe("object", schema, { path, because: "x-kubernetes-map-type" }),
    ...(mapType === "atomic" || mapType === "granular"
      ? []
      : [notSupported(child(path, "x-kubernetes-map-type"), mapType, ["atomic", "granular"])]),
  ];
}

function mustBe(
  type: string,
  schema: Schema,
  { path, because }: { readonly path: string; readonly because: string },
): FieldError[] {
  const given = schema.type ?? "";
  const why = `must be ${type} if ${because} is specified`;
  if (given === type) return [];
  return [given === "" ? required(child(path, "type"), why) : invalid(child(path, "type"), given, why)];
}

function checkListType(schema: Schema, path: string): FieldError[] {
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const where = child(path, "x-kubernetes-list-type");
  const errors: FieldError[] = [];
  if (listType !== undefined) errors.push(...mustBe("array", schema, { path, because: "x-kubernetes-list-type" }));
  if (listType !== undefined && !["atomic", "set", "map"].includes(listType))
    errors.push(notSupported(where, listType, ["atomic", "set", "map"]));
  if (keys.length > 0 && listType !== "map") {
    const why = "must be map if x-kubernetes-list-map-keys is non-empty";
    errors.push(listType === undefined ? required(where, why) : invalid(where, listType, why));
  }
  const item = itemSchema(schema);
  if (item?.nullable === true && (listType === "set" || listType === "map"))
    errors.push(
      forbidden(child(path, "items.nullable"), `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    );
  if (listType === "set" && item) errors.push(...checkSetItem(item, child(path, "items")));
  if (listType === "map") errors.push(...checkMapKeys(schema, item, path));
  return errors;
}

function checkSetItem(item: Schema, path: string): FieldError[] {
  const name = item.type === "array" ? "x-kubernetes-list-type" : "x-kubernetes-map-type";
  const given = item[name];
  const fits = item.type === "array" ? given === undefined || given === "atomic" : given === "atomic";
  if (fits || (item.type !== "array" && item.type !== "object")) return [];
  return [invalid(child(path, name), given, "must be atomic as item of a list with x-kubernetes-list-type=set")];
}

function checkMapKeys(schema: Schema, item: Schema | undefined, path: string): FieldError[] {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const where = child(path, "x-kubernetes-list-map-keys");
  const errors: FieldError[] = [];
  if (keys.length === 0) errors.push(required(where, "must not be empty if x-kubernetes-list-type is map"));
  if (!item) return [...errors, required(child(path, "items"), "must have a schema if x-kubernetes-list-type is map")];
  if (item.type !== "object")
    return [
      ...errors,
      invalid(
        child(path, "items.type"),
        item.type ?? "",
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    ];
  // What shows the whole list is said once, however often it is so.
  if (new Set(keys).size < keys.length) errors.push(invalid(where, keys, "must not contain duplicate entries"));
  if (keys.some((key) => !own(item.properties, key)))
    errors.push(invalid(where, keys, "entries must all be names of item properties"));
  const asked = new Set(item.required);
  for (const key of new Set(keys)) {
    const part = own(item.properties, key);
    const partPath = at(child(path, "items.properties"), key);
    if (!part) continue;
    if (part.type === "array" || part.type === "object")
      errors.push(
        invalid(
          child(partPath, "type"),
          item.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      );
    if (!asked.has(key) && part.default === undefined)
      errors.push(
        required(
          child(partPath, "default"),
          "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ),
      );
    if (part.nullable === true)
      errors.push(
        forbidden(
          child(partPath, "nullable"),
          "this property is in x-kubernetes-list-map-keys, so it cannot be nullable",
        ),
      );
  }
  return errors;
}

/** The words of a rule; whether its expression can be read is not looked at. */
function checkRules(schema: Schema, path: string): FieldError[] {
  return (schema["x-kubernetes-validations"] ?? []).flatMap(({ rule, message = "" }, index) => {
    const where = at(child(path, "x-kubernetes-validations"), index);
    if (rule.trim() === "") return [required(child(where, "rule"), "rule is not specified")];
    if (message !== "" && message.trim() === "")
      return [invalid(child(where, "message"), message, "must be non-empty if specified")];
    if (/[\n\r]/.test(message.trim()))
      return [invalid(child(where, "message"), message, "must not contain line breaks")];
    return /[\n\r]/.test(rule.trim()) && message === ""
      ? [required(child(where, "message"), "message must be specified if rule contains line breaks")]
      : [];
  });
}
