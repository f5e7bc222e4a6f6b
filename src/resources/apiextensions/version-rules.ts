/** Rules of what a custom resource definition says about one of its versions: schema, subresources, columns, fields. */
import { own } from "#base/own.ts";
import { checkSchema, patternsIn, type Schema } from "#machinery/custom-kind.ts";
import { deepEqual } from "#machinery/equal.ts";
import { child, duplicate, forbidden, invalid, required, tooMany, type FieldError } from "#machinery/field-error.ts";
import { JsonPathError, parseJsonPath } from "#machinery/json-path.ts";
import { patternWork, patternWorkMax } from "#machinery/pattern.ts";
import { each } from "#machinery/rule.ts";
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from "./custom-resource-definition.ts";

/** @param old The version of the same name before. A schema that did not change is not held against the writer. */
export function checkVersion(
  path: string,
  version: CustomResourceDefinitionVersion,
  old: CustomResourceDefinitionVersion | undefined,
): readonly FieldError[] {
  const { schema, subresources, additionalPrinterColumns } = version;
  const root = schemaOf(version);
  const where = child(path, "schema.openAPIV3Schema");
  const errors: FieldError[] = [...checkDeprecation(path, version)];
  if (!root) errors.push(required(where, "schemas are required"));
  else if (!deepEqual(schema, old?.schema)) {
    errors.push(...checkSchema(root, where));
    if (subresources?.status !== undefined) errors.push(...checkStatusRoot(where, root));
    if (root.nullable === true) errors.push(forbidden(child(where, "nullable"), "nullable cannot be true at the root"));
  }
  if (subresources?.scale) errors.push(...checkScale(child(path, "subresources.scale"), subresources.scale));
  const columnsAt = child(path, "additionalPrinterColumns");
  const columns = additionalPrinterColumns?.length ?? 0;
  // Differs from upstream: each column is worked out for each row of a table.
  if (columns > columnsMax) errors.push(tooMany(columnsAt, columns, columnsMax));
  else errors.push(...each(columnsAt, additionalPrinterColumns, checkColumn));
  return [...errors, ...checkSelectable(path, version)];
}

/**
 * Differs from upstream: all expressions of a definition together are bounded, for compiling them keeps everybody
 * waiting.
 */
export function checkPatterns(
  path: string,
  versions: readonly CustomResourceDefinitionVersion[],
  old: readonly CustomResourceDefinitionVersion[],
): readonly FieldError[] {
  const byName = new Map(old.map((one) => [one.name, one]));
  const changed = versions.filter(({ name, schema }) => !deepEqual(schema, byName.get(name)?.schema));
  if (patternWork(patternsIn(changed.map(schemaOf))) <= patternWorkMax) return [];
  const why = `the patterns of all schemas together take more than ${patternWorkMax} steps to compile: write fewer, shorter ones, or ones with smaller repetitions`;
  return [forbidden(path, why)];
}

function schemaOf({ schema }: CustomResourceDefinitionVersion): Schema | undefined {
  // Holds because the shape of a schema decoded it.
  return schema?.openAPIV3Schema as Schema | undefined;
}

const warningMax = 256;

function checkDeprecation(path: string, version: CustomResourceDefinitionVersion): FieldError[] {
  const { deprecated = false, deprecationWarning: warning } = version;
  if (warning === undefined) return [];
  const refuse = (why: string): FieldError => invalid(child(path, "deprecationWarning"), warning, why);
  return [
    ...(deprecated ? [] : [refuse("can only be set for deprecated versions")]),
    ...(warning.length > warningMax ? [refuse(`must be <= ${warningMax} characters long`)] : []),
    ...(warning === "" ? [refuse("must not be an empty string")] : []),
    ...(/\p{C}/u.test(warning) ? [refuse("must only contain printable UTF-8 characters")] : []),
  ];
}

// The status has a schema of its own, which must lose nothing when it is taken out of the whole.
const rootWords = new Set(
  "description type format title maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems multipleOf required items properties externalDocs example x-kubernetes-preserve-unknown-fields x-kubernetes-validations".split(
    " ",
  ),
);

function checkStatusRoot(path: string, schema: Schema): FieldError[] {
  const other = Object.keys(schema).find((name) => !rootWords.has(name));
  if (other === undefined) return [];
  return [
    invalid(
      path,
      schema,
      `only [${[...rootWords].join(" ")}] fields are allowed at the root of the schema if the status subresource is enabled`,
    ),
  ];
}

function checkScale(path: string, scale: CustomResourceSubresourceScale): FieldError[] {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = "" } = scale;
  return [
    ...(specReplicasPath === ""
      ? [required(child(path, "specReplicasPath"))]
      : checkPath(child(path, "specReplicasPath"), specReplicasPath, [".spec."])),
    ...(statusReplicasPath === ""
      ? [required(child(path, "statusReplicasPath"))]
      : checkPath(child(path, "statusReplicasPath"), statusReplicasPath, [".status."])),
    ...(labelSelectorPath === ""
      ? []
      : checkPath(child(path, "labelSelectorPath"), labelSelectorPath, [".spec.", ".status."])),
  ];
}

function checkPath(path: string, jsonPath: string, below: readonly string[]): FieldError[] {
  if (!jsonPath.startsWith(".")) return [invalid(path, jsonPath, "must be a simple json path starting with .")];
  if (below.some((prefix) => jsonPath.startsWith(prefix))) return [];
  const names = below.map((prefix) => prefix.replace(/\.$/, ""));
  return [
    invalid(path, jsonPath, `should be a json path under ${names.length > 1 ? "either " : ""}${names.join(" or ")}`),
  ];
}

const columnsMax = 100;
const columnTypes = ["boolean", "date", "integer", "number", "string"];
const columnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

function checkColumn(path: string, column: CustomResourceColumnDefinition): FieldError[] {
  const { name, type, format = "", jsonPath } = column;
  const errors: FieldError[] = [];
  if (name === "") errors.push(required(child(path, "name")));
  const oneOf = `must be one of ${columnTypes.join(",")}`;
  if (type === "") errors.push(required(child(path, "type"), oneOf));
  else if (!columnTypes.includes(type)) errors.push(invalid(child(path, "type"), type, oneOf));
  if (format !== "" && !columnFormats.includes(format))
    errors.push(invalid(child(path, "format"), format, `must be one of ${columnFormats.join(",")}`));
  const where = child(path, "JSONPath");
  if (jsonPath === "") return [...errors, required(where)];
  if (!jsonPath.startsWith("."))
    return [...errors, invalid(where, jsonPath, "must be a simple json path starting with .")];
  const problem = pathProblem(jsonPath);
  return problem === undefined ? errors : [...errors, invalid(where, jsonPath, problem)];
}

function pathProblem(jsonPath: string): string | undefined {
  try {
    parseJsonPath(jsonPath);
    return undefined;
  } catch (error) {
    if (error instanceof JsonPathError) return error.message;
    throw error;
  }
}

const selectableMax = 8;

function checkSelectable(path: string, version: CustomResourceDefinitionVersion): FieldError[] {
  const { selectableFields = [] } = version;
  const seen = new Set<string>();
  const where = child(path, "selectableFields");
  const errors = each(where, selectableFields, (itemPath, { jsonPath }) => {
    const own = child(itemPath, "jsonPath");
    if (jsonPath === "") return [required(own)];
    const names = jsonPath.replace(/^\./, "").split(".");
    const type = fieldAt(schemaOf(version), names)?.type;
    if (!jsonPath.startsWith(".") || type === undefined)
      return [invalid(own, jsonPath, "is an invalid path: does not refer to a valid field")];
    const found: FieldError[] = [];
    if (names[0] === "metadata") found.push(invalid(own, jsonPath, "must not point to fields in metadata"));
    if (!["string", "boolean", "integer"].includes(type))
      found.push(
        invalid(
          own,
          jsonPath,
          "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.",
        ),
      );
    if (seen.has(jsonPath)) found.push(duplicate(own, jsonPath));
    seen.add(jsonPath);
    return found;
  });
  return seen.size > selectableMax ? [...errors, tooMany(where, seen.size, selectableMax)] : errors;
}

function fieldAt(schema: Schema | undefined, names: readonly string[]): Schema | undefined {
  return names.reduce<Schema | undefined>((found, name) => own(found?.properties, name), schema);
}
