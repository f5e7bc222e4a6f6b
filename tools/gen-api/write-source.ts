/** Writes the planned files as TypeScript. */
import { dirname, relative } from "node:path/posix";
import {
  groupOf,
  isKind,
  layOut,
  messageOf,
  opaque,
  packageOfAlias,
  pathOf,
  skipped,
  structOf,
  type MessageId,
  type Model,
  type PlannedFile,
} from "./lay-out.ts";
import type { GoField } from "./parse-go.ts";
import { categories, shortNames } from "./plan.ts";

/** What a file needs from elsewhere, gathered while its body is written. */
interface Imports {
  readonly shape: Set<string>;
  readonly meta: Set<string>;
  readonly resource: Set<string>;
  readonly messages: Set<MessageId>;
}

interface Place {
  readonly model: Model;
  readonly id: MessageId;
  readonly imports: Imports;
}

const scalars: Readonly<Record<string, readonly [builder: string, item: string]>> = {
  string: ["string", "str"],
  bool: ["bool", "flag"],
  int32: ["int32", "i32"],
  int: ["int32", "i32"],
  int64: ["int64", "i64"],
  float64: ["double", ""],
  "[]byte": ["bytes", "base64Text"],
  "metav1.Time": ["time", "timeText"],
  "metav1.MicroTime": ["microTime", ""],
  "metav1.Duration": ["duration", ""],
  "resource.Quantity": ["quantity", "quantityText"],
  "intstr.IntOrString": ["intOrString", "intOrText"],
  "runtime.RawExtension": ["rawExtension", "rawObject"],
  "types.UID": ["string", "str"],
  "metav1.StatusReason": ["string", "str"],
  "types.NodeName": ["string", "str"],
  JSON: ["any", "anyJson"],
  JSONSchemaPropsOrArray: ["any", "anyJson"],
  JSONSchemaPropsOrBool: ["any", "anyJson"],
  JSONSchemaPropsOrStringArray: ["any", "anyJson"],
};

const metaMessages: Readonly<Record<string, string>> = {
  "metav1.LabelSelector": "labelSelector",
  "metav1.LabelSelectorRequirement": "labelSelectorRequirement",
  "metav1.FieldSelectorRequirement": "fieldSelectorRequirement",
  "metav1.Condition": "condition",
  "metav1.DeleteOptions": "deleteOptions",
  "metav1.GroupVersionKind": "groupVersionKind",
  "metav1.GroupVersionResource": "groupVersionResource",
};

const marker = (field: GoField, name: string): string | undefined =>
  field.markers.find((text) => text.startsWith(`+${name}=`))?.slice(name.length + 2);

function lowerFirst(name: string): string {
  return name
    .replace(/^[A-Z]+(?=[A-Z][a-z]|$)|^[A-Z]/, (head) => head.toLowerCase())
    .replace(/^(\w)/, (head) => head.toLowerCase());
}

export function constName(id: MessageId): string {
  return `${lowerFirst(id.split(".")[1] ?? "")}Shape`;
}

function typeName(id: MessageId): string {
  return id.split(".")[1] ?? "";
}

/** A scalar type behind any aliases, with its enumeration. */
function scalarOf(
  place: Place,
  goType: string,
): { readonly type: string; readonly values: readonly string[] } | undefined {
  if (goType in scalars) return { type: goType, values: [] };
  const [qualifier, name] = goType.includes(".") ? goType.split(".") : ["", goType];
  const pkg = qualifier === "" ? place.id.split(".")[0] : packageOfAlias(place.model, qualifier ?? "");
  const found = place.model.packages.get(pkg ?? "");
  const underlying = found?.aliases.get(name ?? "");
  if (underlying === undefined || !(underlying in scalars)) return undefined;
  return { type: underlying, values: found?.enums.get(name ?? "") ?? [] };
}

function use(place: Place, from: "shape" | "meta" | "resource", name: string): string {
  place.imports[from].add(name);
  return name;
}

/** The expression of a shape used as an item, a value or a field. */
function shapeExpression(place: Place, goType: string): string {
  const aliased = aliasOf(place, goType);
  if (aliased !== undefined) return shapeExpression(place, aliased);
  const scalar = scalarOf(place, goType);
  if (scalar) {
    if (scalar.values.length > 0) return `${use(place, "shape", "enumShape")}(${JSON.stringify(scalar.values)})`;
    return use(place, "shape", scalars[scalar.type]?.[1] ?? "");
  }
  if (goType.startsWith("[]")) return `${use(place, "shape", "listOf")}(${shapeExpression(place, goType.slice(2))})`;
  const meta = metaMessages[goType];
  if (meta !== undefined) return use(place, "meta", meta);
  const id = messageOf(place.model, place.id.split(".")[0] ?? "", goType);
  if (id === undefined) throw new Error(`expected a known type in "${place.id}", found "${goType}"`);
  if (id === place.id) {
    for (const name of ["lazy", "type Shape", "type JsonObject"]) use(place, "shape", name);
    return `lazy((): Shape<JsonObject> => ${constName(id)})`;
  }
  place.imports.messages.add(id);
  return constName(id);
}

/** The Go type behind a named slice or map, e.g. ResourceList. */
function aliasOf(place: Place, goType: string): string | undefined {
  if (opaque.test(goType) || goType in scalars) return undefined;
  const [qualifier, name] = goType.includes(".") ? goType.split(".") : ["", goType];
  const pkg = qualifier === "" ? place.id.split(".")[0] : packageOfAlias(place.model, qualifier ?? "");
  const underlying = place.model.packages.get(pkg ?? "")?.aliases.get(name ?? "");
  return underlying !== undefined && /^(?:\[\]|map\[)/.test(underlying) && underlying !== "[]byte"
    ? underlying
    : undefined;
}

function fieldExpression(place: Place, field: GoField): string {
  const type = aliasOf(place, field.goType) ?? field.goType;
  return `${builderCall(place, field, type)}${patchCall(field)}${presenceCall(place, field)}`;
}

function builderCall(place: Place, field: GoField, type: string): string {
  const { number } = field;
  const mapType = /^map\[[^\]]*\](.*)$/.exec(type);
  if (mapType) {
    const value = mapType[1] ?? "";
    const builder = marker(field, "mapType") === "atomic" ? "atomicMap" : "map";
    return `${use(place, "shape", builder)}(${number}, ${shapeExpression(place, value)})`;
  }
  if (type.startsWith("[]") && !(type in scalars)) return listCall(place, field, type.slice(2));
  const scalar = scalarOf(place, type);
  if (scalar && scalar.values.length > 0)
    return `${use(place, "shape", "oneOf")}(${number}, ${JSON.stringify(scalar.values)})`;
  if (scalar) return `${use(place, "shape", scalars[scalar.type]?.[0] ?? "")}(${number})`;
  return `${use(place, "shape", "of")}(${number}, ${shapeExpression(place, type)})`;
}

function listCall(place: Place, field: GoField, itemType: string): string {
  const item = shapeExpression(place, itemType.replace("*", ""));
  const listType = marker(field, "listType");
  if (listType === "set") return `${use(place, "shape", "set")}(${field.number}, ${item})`;
  if (listType === "map") {
    const keys = field.markers.filter((text) => text.startsWith("+listMapKey=")).map((text) => text.slice(12));
    return `${use(place, "shape", "listMap")}(${field.number}, ${JSON.stringify(keys)}, ${item})`;
  }
  return `${use(place, "shape", "list")}(${field.number}, ${item})`;
}

function patchCall(field: GoField): string {
  if (field.patchStrategy === "") return "";
  const key = field.patchMergeKey === "" ? "" : JSON.stringify(field.patchMergeKey);
  if (field.patchStrategy === "merge") return `.patchMerge(${key})`;
  const rule = key === "" ? "" : `, mergeKey: ${key}`;
  return `.patchRule({ strategy: ${JSON.stringify(field.patchStrategy)}${rule} })`;
}

function presenceCall(place: Place, field: GoField): string {
  const markedOptional = field.markers.some((text) => text === "+optional");
  // Go never leaves out a struct that is not behind a pointer.
  const struct =
    field.goType in metaMessages || messageOf(place.model, place.id.split(".")[0] ?? "", field.goType) !== undefined;
  const plain = !/^(?:\[\]|map\[)/.test(aliasOf(place, field.goType) ?? field.goType);
  if (struct && plain && !field.pointer && !field.omitZero)
    return field.omitEmpty || markedOptional ? ".always().unlisted()" : ".always()";
  if (field.omitEmpty) return field.markers.includes("+required") ? ".required()" : "";
  if (field.pointer) return markedOptional ? "" : ".required()";
  return markedOptional ? ".always().unlisted()" : ".always()";
}

function messageSource(place: Place): string {
  const { model, id } = place;
  const struct = structOf(model, id);
  if (!struct) throw new Error(`expected a struct for "${id}", found none`);
  const kindly = isKind(model, id);
  const fields = struct.fields.filter((field) => !skipped(field));
  const lines = fields.flatMap((field) => {
    if (field.inline) {
      const name = field.protoName === "" ? lowerFirst(field.goType) : field.protoName;
      return [`  ${name}: ${use(place, "shape", "inline")}(${field.number}, ${shapeExpression(place, field.goType)}),`];
    }
    const name = /^\w+$/.test(field.jsonName) ? field.jsonName : JSON.stringify(field.jsonName);
    return [`  ${name}: ${fieldExpression(place, field)},`];
  });
  const builder = kindly
    ? use(place, "resource", "kind")
    : use(place, "shape", struct.markers.some((text) => text === "+structType=atomic") ? "atomicObject" : "object");
  const name = `${groupOf(model, id).openApi}.${typeName(id)}`;
  use(place, "shape", "type Infer");
  const recursive = lines.some((line) => line.includes("lazy("));
  const shape = `export const ${constName(id)} = ${builder}("${name}", {\n${lines.join("\n")}\n});`;
  const type = `export interface ${typeName(id)} extends Infer<typeof ${constName(id)}> {}`;
  return recursive ? `${shape}\n// A type that contains itself is written out by hand.\n${type}` : `${shape}\n${type}`;
}

function plural(name: string): string {
  if (name === "Endpoints") return "endpoints";
  const lower = name.toLowerCase();
  if (/(?:s|ss|x|ch)$/.test(lower)) return `${lower}es`;
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}

export function resourceConst(id: MessageId): string {
  const name = typeName(id);
  const many = plural(name);
  const cased = many.startsWith(name.toLowerCase()) ? name + many.slice(name.length) : `${name.slice(0, -1)}ies`;
  return lowerFirst(cased);
}

function resourceSource(place: Place): string {
  const { model, id } = place;
  const struct = structOf(model, id);
  const group = groupOf(model, id);
  const name = typeName(id);
  use(place, "resource", "resource");
  const onlyCreate = struct?.markers.some((text) => text === "+genclient:onlyVerbs=create") ?? false;
  const scale = struct?.markers.some((text) => text.startsWith("+genclient:method=GetScale")) ?? false;
  const namespaced = !(struct?.markers.includes("+genclient:nonNamespaced") ?? false);
  const parts = [
    `group: "${group.group}"`,
    `version: "${group.version}"`,
    `kind: "${name}"`,
    `plural: "${plural(name)}"`,
    ...(shortNames[name] ? [`shortNames: ${JSON.stringify(shortNames[name])}`] : []),
    ...(categories[name] ? [`categories: ${JSON.stringify(categories[name])}`] : []),
    `namespaced: ${namespaced}`,
    `shape: ${constName(id)}`,
    ...(onlyCreate ? [`verbs: ["create"]`] : []),
    ...(scale
      ? [
          `scale: { specReplicas: ["spec", "replicas"], statusReplicas: ["status", "replicas"], selector: ["spec", "selector"] }`,
        ]
      : []),
  ];
  return `export const ${resourceConst(id)} = resource<${name}>({\n  ${parts.join(",\n  ")},\n});`;
}

export function writeSource(model: Model, file: PlannedFile): string {
  const imports: Imports = { shape: new Set(), meta: new Set(), resource: new Set(), messages: new Set() };
  const bodies = file.messages.map((id) => messageSource({ model, id, imports }));
  const kinds = file.messages.filter((id) => isKind(model, id));
  const resources = kinds.map((id) => resourceSource({ model, id, imports }));
  const byFile = new Map<string, string[]>();
  for (const id of imports.messages) {
    const path = pathOf(model, id);
    if (path === file.path) continue;
    const from = relative(dirname(file.path), path);
    const specifier = from.startsWith(".") ? from : `./${from}`;
    byFile.set(specifier, [...(byFile.get(specifier) ?? []), constName(id)]);
  }
  const importLine = (names: Iterable<string>, from: string): string[] => {
    const sorted = [...names].sort();
    return sorted.length === 0 ? [] : [`import { ${sorted.join(", ")} } from "${from}";`];
  };
  const group = groupOf(model, file.messages[0] ?? "");
  const about =
    kinds.length > 0
      ? `/** ${kinds.map(typeName).join(", ")} of ${group.group === "" ? "the core group" : group.group}/${group.version}. */`
      : `/** ${fileTitle(file)}: messages that kinds of ${group.folder}/${group.version} are made of. */`;
  return `${[
    about,
    ...importLine(imports.meta, "#machinery/meta.ts"),
    ...importLine(imports.resource, "#machinery/resource.ts"),
    ...importLine(imports.shape, "#machinery/shape.ts"),
    ...[...byFile].sort(([a], [b]) => a.localeCompare(b)).flatMap(([from, names]) => importLine(names, from)),
    "",
    bodies.join("\n\n"),
    ...(resources.length > 0 ? ["", resources.join("\n\n")] : []),
  ].join("\n")}\n`;
}

function fileTitle(file: PlannedFile): string {
  const name = file.path.replace(/^.*\//, "").replace(".ts", "").replaceAll("-", " ");
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The list of every kind. */
export function writeCatalogue(model: Model): string {
  const kinds = layOut(model).flatMap((file) =>
    file.messages.filter((id) => isKind(model, id)).map((id) => ({ id, path: file.path })),
  );
  const local = (id: MessageId): string => {
    const group = groupOf(model, id);
    const name = resourceConst(id);
    const shared = kinds.filter((other) => resourceConst(other.id) === name).length > 1;
    return shared && group.folder !== "core"
      ? `${group.folder}${group.version.toUpperCase()}${name.charAt(0).toUpperCase()}${name.slice(1)}`
      : name;
  };
  const imports = kinds.map(({ id, path }) => {
    const name = resourceConst(id);
    return local(id) === name
      ? `import { ${name} } from "./${path}";`
      : `import { ${name} as ${local(id)} } from "./${path}";`;
  });
  return `/** Every built-in kind. A kind that is not listed here does not exist. */
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
${imports.join("\n")}

export const catalogue: readonly ResourceDefinition[] = [
${kinds.map(({ id }) => `  untyped(${local(id)}),`).join("\n")}
];
`;
}
