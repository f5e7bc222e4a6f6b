/** The paths of resources as OpenAPI has them: an operation for each verb, with its parameters and bodies. */
import { publishedSchema } from "./custom/publish.ts";
import type { Schema } from "./custom/schema.ts";
import { deleteOptions, listMeta, objectMeta, status } from "./meta.ts";
import type { ResourceDefinition, Verb } from "./resource.ts";
import type { JsonObject, JsonValue } from "./shape.ts";
import { fullName, type GroupVersionKind, type OpenApiVersion, type Schemas } from "./openapi-schemas.ts";

export interface OpenApiSubresource {
  /** "status", "scale", "log", … */
  readonly name: string;
  readonly verbs: readonly ("get" | "create" | "update" | "patch" | "delete")[];
  /** The kind of its bodies. Default: the resource's own; text streams have "text". */
  readonly kind?: ResourceDefinition | "text";
}

export interface OpenApiResource {
  readonly definition: ResourceDefinition;
  readonly subresources: readonly OpenApiSubresource[];
  /** Of a custom resource: its schema as OpenAPI v3 has it, used instead of its shape. */
  readonly schema?: Schema;
}

type Method = "get" | "post" | "put" | "patch" | "delete";

interface Operation {
  readonly method: Method;
  readonly action: string;
  /** The first word of the operation's id. */
  readonly verb: string;
  readonly query: readonly string[];
  readonly body?: JsonObject;
  readonly answer: JsonObject;
}

const booleans = new Set(["allowWatchBookmarks", "watch", "sendInitialEvents", "force", "orphanDependents"]);
const integers = new Set(["limit", "timeoutSeconds", "gracePeriodSeconds"]);
const listQuery = [
  "allowWatchBookmarks",
  "continue",
  "fieldSelector",
  "labelSelector",
  "limit",
  "resourceVersion",
  "resourceVersionMatch",
  "sendInitialEvents",
  "timeoutSeconds",
  "watch",
];
const writeQuery = ["dryRun", "fieldManager", "fieldValidation"];
const deleteQuery = ["dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"];
const answerTypes = [
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  "application/json;stream=watch",
  "application/vnd.kubernetes.protobuf;stream=watch",
];
const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];

export class Paths {
  /** JSON text by path. */
  readonly texts = new Map<string, string>();
  private readonly version: OpenApiVersion;
  private readonly schemas: Schemas;

  constructor(version: OpenApiVersion, schemas: Schemas) {
    this.version = version;
    this.schemas = schemas;
  }

  add(resource: OpenApiResource): void {
    const { definition, subresources } = resource;
    const { group, version, plural, namespaced } = definition;
    const own = this.kindRef(resource);
    const base = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    const collection = `${base}${namespaced ? "/namespaces/{namespace}" : ""}/${plural}`;
    const names = namespaced ? ["namespace"] : [];
    if (definition.verbs.length > 0) {
      const list = this.listRef(resource, own);
      this.write(collection, { definition, names, operations: this.collectionOperations(definition.verbs, own, list) });
      this.write(`${collection}/{name}`, {
        definition,
        names: [...names, "name"],
        operations: this.objectOperations(definition.verbs, own),
      });
      if (namespaced && definition.verbs.includes("list"))
        this.write(`${base}/${plural}`, {
          definition,
          names: [],
          across: true,
          operations: [{ method: "get", action: "list", verb: "list", query: listQuery, answer: list }],
        });
    }
    for (const subresource of subresources) {
      const kind = subresource.kind ?? definition;
      const body = kind === "text" ? { type: "string" } : kind === definition ? own : this.refOf(kind);
      this.write(`${collection}/{name}/${subresource.name}`, {
        definition: kind === "text" ? definition : kind,
        names: [...names, "name"],
        subresource: { name: subresource.name, of: definition },
        operations: this.objectOperations(subresource.verbs, body, true),
      });
    }
  }

  private refOf(definition: ResourceDefinition): JsonObject {
    return this.schemas.refTo(definition.shape, [kindOf(definition)]);
  }

  private kindRef({ definition, schema }: OpenApiResource): JsonObject {
    if (schema === undefined) return this.refOf(definition);
    const shown = publishedSchema(schema, { version: this.version, head: this.schemas.headOf(objectMeta) });
    const { selectableFields = {} } = definition;
    const selectable = Object.keys(selectableFields).map((fieldPath) => ({ fieldPath }));
    return this.schemas.add(customName(definition), {
      ...shown,
      "x-kubernetes-group-version-kind": [{ ...kindOf(definition) }],
      ...(selectable.length > 0 ? { "x-kubernetes-selectable-fields": selectable } : {}),
    });
  }

  private listRef({ definition, schema }: OpenApiResource, item: JsonObject): JsonObject {
    const name = schema === undefined ? fullName(definition.shape.name) : customName(definition);
    const kind = { ...kindOf(definition), kind: `${definition.kind}List` };
    return this.schemas.add(`${name}List`, {
      type: "object",
      required: ["items"],
      properties: {
        apiVersion: { type: "string" },
        items: { type: "array", items: item },
        kind: { type: "string" },
        metadata: this.schemas.refTo(listMeta),
      },
      "x-kubernetes-group-version-kind": [kind],
    });
  }

  private collectionOperations(verbs: readonly Verb[], own: JsonObject, list: JsonObject): Operation[] {
    const operations: Operation[] = [];
    if (verbs.includes("list"))
      operations.push({ method: "get", action: "list", verb: "list", query: listQuery, answer: list });
    if (verbs.includes("create"))
      operations.push({ method: "post", action: "post", verb: "create", query: writeQuery, body: own, answer: own });
    if (verbs.includes("deletecollection"))
      operations.push({
        method: "delete",
        action: "deletecollection",
        verb: "deleteCollection",
        query: [...deleteQuery, ...listQuery.filter((name) => name !== "allowWatchBookmarks" && name !== "watch")],
        body: this.schemas.refTo(deleteOptions),
        answer: this.schemas.refTo(status, [{ group: "", version: "v1", kind: "Status" }]),
      });
    return operations;
  }

  private objectOperations(verbs: readonly string[], own: JsonObject, isSubresource = false): Operation[] {
    const operations: Operation[] = [];
    if (verbs.includes("get")) operations.push({ method: "get", action: "get", verb: "read", query: [], answer: own });
    if (verbs.includes("update"))
      operations.push({ method: "put", action: "put", verb: "replace", query: writeQuery, body: own, answer: own });
    if (isSubresource && verbs.includes("create"))
      operations.push({ method: "post", action: "post", verb: "create", query: writeQuery, body: own, answer: own });
    if (verbs.includes("delete"))
      operations.push({
        method: "delete",
        action: "delete",
        verb: "delete",
        query: deleteQuery,
        body: this.schemas.refTo(deleteOptions),
        answer: this.schemas.refTo(status, [{ group: "", version: "v1", kind: "Status" }]),
      });
    if (verbs.includes("patch"))
      operations.push({
        method: "patch",
        action: "patch",
        verb: "patch",
        query: [...writeQuery, "force"],
        body: this.patchRef(),
        answer: own,
      });
    return operations;
  }

  private patchRef(): JsonObject {
    return this.schemas.add(fullName("apimachinery.pkg.apis.meta.v1.Patch"), { type: "object" });
  }

  private write(path: string, { operations, names, ...about }: PathParts): void {
    if (operations.length === 0) return;
    const item: Record<string, JsonValue> = {};
    for (const operation of operations) item[operation.method] = this.operation(operation, about);
    item["parameters"] = [...names.map((name) => this.parameter(name, "path")), this.parameter("pretty", "query")];
    this.texts.set(path, JSON.stringify(item));
  }

  private operation(
    { query, body, answer, ...operation }: Operation,
    about: Omit<PathParts, "operations" | "names">,
  ): JsonObject {
    const { definition } = about;
    const { group, version } = definition;
    const isPatch = operation.method === "patch";
    const bodyTypes = isPatch ? patchTypes : ["*/*"];
    const parameters: JsonValue[] = query.map((name) => this.parameter(name, "query"));
    const content = (types: readonly string[], schema: JsonObject): JsonObject =>
      Object.fromEntries(types.map((type) => [type, { schema }]));
    if (this.version === "v2" && body)
      parameters.unshift({ in: "body", name: "body", required: isPatch, schema: body });
    const described = { description: "OK" };
    return {
      tags: [`${group === "" ? "core" : (group.split(".")[0] ?? "")}_${version}`],
      operationId: operationId(operation.verb, about),
      ...(this.version === "v2" ? { consumes: bodyTypes, produces: answerTypes } : {}),
      ...(parameters.length > 0 ? { parameters } : {}),
      ...(this.version === "v3" && body ? { requestBody: { content: content(bodyTypes, body), required: true } } : {}),
      responses: {
        "200": {
          ...described,
          ...(this.version === "v3" ? { content: content(answerTypes, answer) } : { schema: answer }),
        },
        "401": { description: "Unauthorized" },
      },
      "x-kubernetes-action": operation.action,
      "x-kubernetes-group-version-kind": { ...kindOf(definition) },
    };
  }

  private parameter(name: string, place: "path" | "query"): JsonObject {
    const type = booleans.has(name) ? "boolean" : integers.has(name) ? "integer" : "string";
    const schema = { type, uniqueItems: true };
    return {
      name,
      in: place,
      ...(place === "path" ? { required: true } : {}),
      ...(this.version === "v3" ? { schema } : schema),
    };
  }
}

interface PathParts {
  /** The kind of the bodies. */
  readonly definition: ResourceDefinition;
  readonly names: readonly string[];
  readonly operations: readonly Operation[];
  readonly subresource?: { readonly name: string; readonly of: ResourceDefinition };
  /** True for the list of all namespaces. */
  readonly across?: boolean;
}

function kindOf({ group, version, kind }: ResourceDefinition): GroupVersionKind {
  return { group, version, kind };
}

/** "com.example.stable.v1.CronTab" for kind CronTab of stable.example.com/v1. */
function customName({ group, version, kind }: ResourceDefinition): string {
  return [...group.split(".").reverse(), version, kind].join(".");
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** "listAppsV1NamespacedDeployment", as generators of clients name their functions. */
function operationId(
  verb: string,
  { definition, subresource, across }: Omit<PathParts, "operations" | "names">,
): string {
  const of = subresource?.of ?? definition;
  const group = of.group === "" ? "core" : of.group.replace(/\.k8s\.io$/, "");
  const groupName = group.split(/[.-]/).map(capital).join("");
  const scope = of.namespaced && across !== true ? "Namespaced" : "";
  const collection = verb === "deleteCollection" ? "Collection" : "";
  const words = [verb.replace("Collection", ""), groupName, capital(of.version), collection, scope, of.kind];
  const tail = across === true ? "ForAllNamespaces" : subresource ? capital(subresource.name) : "";
  return words.join("") + tail;
}
