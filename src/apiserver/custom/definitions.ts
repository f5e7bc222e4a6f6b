/** What a CustomResourceDefinition declares, as resources like any other. */
import { must } from "#base/assert.ts";
import { customKind, type Schema } from "#machinery/custom-kind.ts";
import { deepFreeze } from "#machinery/freeze.ts";
import type { Ages } from "#machinery/ages.ts";
import { invalid, type FieldError } from "#machinery/field-error.ts";
import { parseJsonPath } from "#machinery/json-path.ts";
import { cellText } from "./cell-text.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { resource, type Column, type ResourceDefinition, type ScalePaths } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { ageColumn, nameColumn } from "#machinery/table.ts";
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from "#resources/apiextensions/custom-resource-definition.ts";

/** The versions that are served. Those that are not stored read and write the one that is. */
export function definitionsOf(crd: CustomResourceDefinition): readonly ResourceDefinition[] {
  const storage = crd.spec.versions.find((version) => version.storage);
  if (!storage) return [];
  const stored = definitionOf(crd, storage);
  return servedVersions(crd).map((version) => (version === storage ? stored : definitionOf(crd, version, stored)));
}

/** A definition that is being deleted serves at least what it stores, so that it can be emptied. */
export function servedVersions({
  spec,
  metadata,
}: CustomResourceDefinition): readonly CustomResourceDefinitionVersion[] {
  const served = spec.versions.filter((version) => version.served);
  return served.length === 0 && metadata.deletionTimestamp !== undefined
    ? spec.versions.filter((version) => version.storage)
    : served;
}

/** A schema that is not there keeps everything: definitions from before schemas were required. */
const anything: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

function schemaOf({ schema }: CustomResourceDefinitionVersion): Schema {
  // Holds because the shape of a definition decoded it, and rules hold it to be structural.
  return (schema?.openAPIV3Schema as Schema | undefined) ?? anything;
}

function definitionOf(
  { spec, status }: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  stored?: ResourceDefinition,
): ResourceDefinition {
  const { plural, kind, singular = "", shortNames = [], categories = [] } = status.acceptedNames;
  const { group } = spec;
  const custom = customKind(`${version.name}.${kind}`, schemaOf(version));
  const scale = version.subresources?.scale;
  const made: ResourceDefinition = resource<KubeObject>({
    group,
    version: version.name,
    kind,
    plural,
    singular,
    shortNames,
    categories,
    namespaced: spec.scope === "Namespaced",
    status: version.subresources?.status !== undefined,
    ...custom,
    ...(version.deprecated === true ? { deprecation: deprecationOf(version, `${group}/${version.name} ${kind}`) } : {}),
    check: (object, context) => [
      ...(custom.check?.(object, context) ?? []),
      ...(scale ? checkScale(object, scalePaths(scale)) : []),
    ],
    columns: [nameColumn, ...columnsOf(version.additionalPrinterColumns)],
    ...(scale ? { scale: scalePaths(scale) } : {}),
    selectableFields: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.replace(/^\./, ""), selectorOf(jsonPath)]),
    ),
    ...(stored
      ? {
          storedAs: {
            resource: () => stored,
            toStored: (object) => converted(object, stored),
            fromStored: (object) => deepFreeze(converted(object, made)),
          },
        }
      : { renewed: (object) => converted(object, made) }),
  });
  return made;
}

function deprecationOf({ deprecationWarning }: CustomResourceDefinitionVersion, name: string): string {
  return deprecationWarning ?? `${name} is deprecated`;
}

/** The same object in another version, which differs in what it knows and fills in. */
function converted(object: KubeObject, { apiVersion, read, defaults }: ResourceDefinition): KubeObject {
  const { object: draft } = must(read, "a custom kind has a schema to read by")({ ...asJson(object), apiVersion });
  defaults?.(draft);
  // Holds because reading fills in apiVersion, kind and metadata.
  return draft as unknown as KubeObject;
}

function columnsOf(declared: readonly CustomResourceColumnDefinition[] | undefined): readonly Column<KubeObject>[] {
  return declared === undefined || declared.length === 0 ? [ageColumnOfCustom] : declared.map(columnOf);
}

const ageColumnOfCustom: Column<KubeObject> = { ...ageColumn, type: "date" };

function columnOf(declared: CustomResourceColumnDefinition): Column<KubeObject> {
  const { name, type, format = "", description = "", priority = 0, jsonPath } = declared;
  const path = parseJsonPath(jsonPath);
  return {
    name,
    // Holds because rules allow these types only.
    type: type as Column<KubeObject>["type"],
    format,
    description:
      description === "" ? `Custom resource definition column (in JSONPath format): ${jsonPath}` : description,
    // Holds because any other priority than 0 means the same.
    priority: priority === 0 ? 0 : 1,
    value: (object, ages) => cellOf(type, path(asJson(object)), ages),
  };
}

function cellOf(type: string, values: readonly JsonValue[], ages: Ages): string | number | boolean | undefined {
  const [first] = values;
  if (first === undefined || first === null) return undefined;
  switch (type) {
    case "integer":
      return typeof first === "number" ? Math.trunc(first) : undefined;
    case "number":
      return typeof first === "number" ? first : undefined;
    case "boolean":
      return typeof first === "boolean" ? first : undefined;
    case "date":
      return typeof first === "string" ? dateCell(first, ages) : "<invalid>";
    default:
      return cellText(values);
  }
}

function dateCell(text: string, ages: Ages): string {
  return Number.isNaN(Date.parse(text)) ? "<invalid>" : ages.since(text);
}

function textOf(value: JsonValue): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function selectorOf(jsonPath: string): (object: KubeObject) => string {
  const path = parseJsonPath(jsonPath);
  return (object) => path(asJson(object)).map(textOf)[0] ?? "";
}

function scalePaths(scale: CustomResourceSubresourceScale): ScalePaths {
  return {
    specReplicas: namesIn(scale.specReplicasPath),
    statusReplicas: namesIn(scale.statusReplicasPath),
    selector: namesIn(scale.labelSelectorPath ?? ""),
  };
}

/** `.spec.replicas` as names. */
function namesIn(path: string): readonly string[] {
  return path === "" ? [] : path.replace(/^\./, "").split(".");
}

const int32Max = 2_147_483_647;

function checkScale(object: KubeObject, paths: ScalePaths): readonly FieldError[] {
  return [paths.specReplicas, paths.statusReplicas].flatMap((path) => {
    const [value] = parseJsonPath(`.${path.join(".")}`)(asJson(object));
    if (typeof value !== "number" && typeof value !== "bigint") return [];
    if (value < 0) return [invalid(`.${path.join(".")}`, value, "should be a non-negative integer")];
    if (value <= int32Max) return [];
    return [invalid(`.${path.join(".")}`, value, `should be less than or equal to ${int32Max}`)];
  });
}

function asJson(object: KubeObject): JsonObject {
  // Holds because objects are decoded JSON.
  return object as unknown as JsonObject;
}
