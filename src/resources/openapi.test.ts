import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiV2, openApiV3, type OpenApiResource } from "#machinery/openapi.ts";
import { catalogue } from "./catalogue.ts";

const resources: OpenApiResource[] = catalogue.map((definition) => ({
  definition,
  subresources: definition.status ? [{ name: "status", verbs: ["get", "update", "patch"] }] : [],
}));
const options = { serverVersion: "v1.36.0" };

type Tree = { readonly [name: string]: Tree };

// Both casts hold: a document is JSON, of which the tests read by name only.
const parse = (text: string): Tree => JSON.parse(text) as Tree;
const v3 = parse(
  openApiV3(
    resources.filter(({ definition }) => definition.apiVersion === "apps/v1"),
    options,
  ),
);
const v2 = parse(openApiV2(resources, options));

/** Every reference of a document, however deep. */
function refsIn(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== "object" || value === null) return found;
  for (const [name, inner] of Object.entries(value)) {
    if (name === "$ref" && typeof inner === "string") found.add(inner);
    else refsIn(inner, found);
  }
  return found;
}

test("every reference of a document leads somewhere", () => {
  const documents: readonly (readonly [Tree, string, Tree | undefined])[] = [
    [v3, "#/components/schemas/", v3["components"]?.["schemas"]],
    [v2, "#/definitions/", v2["definitions"]],
  ];
  for (const [document, prefix, schemas] of documents)
    for (const ref of refsIn(document)) assert.ok(schemas?.[ref.slice(prefix.length)], ref);
});

test("a v3 schema says how lists merge, what is required and of which kind it is", () => {
  const schemas = v3["components"]?.["schemas"];
  const deployment = schemas?.["io.k8s.api.apps.v1.Deployment"];
  assert.deepEqual(deployment?.["x-kubernetes-group-version-kind"], [
    { group: "apps", version: "v1", kind: "Deployment" },
  ]);
  assert.deepEqual(deployment?.["properties"]?.["spec"], {
    default: {},
    allOf: [{ $ref: "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec" }],
  });
  assert.deepEqual(schemas?.["io.k8s.api.apps.v1.DeploymentSpec"]?.["required"], ["selector", "template"]);
  const { items, ...containers } = schemas?.["io.k8s.api.core.v1.PodSpec"]?.["properties"]?.["containers"] ?? {};
  assert.deepEqual(containers, {
    type: "array",
    "x-kubernetes-list-map-keys": ["name"],
    "x-kubernetes-list-type": "map",
    "x-kubernetes-patch-merge-key": "name",
    "x-kubernetes-patch-strategy": "merge",
  });
  assert.deepEqual(items, { $ref: "#/components/schemas/io.k8s.api.core.v1.Container" });
});

test("paths carry what kubectl looks for", () => {
  const path = v3["paths"]?.["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"];
  assert.deepEqual(Object.keys(path ?? {}).sort(), ["delete", "get", "parameters", "patch", "put"]);
  const patch: unknown = path?.["patch"];
  const text = JSON.stringify(patch);
  assert.match(text, /"name":"fieldValidation","in":"query"/);
  assert.match(
    text,
    /"x-kubernetes-action":"patch","x-kubernetes-group-version-kind":\{"group":"apps","version":"v1","kind":"Deployment"\}/,
  );
  assert.match(text, /"operationId":"patchAppsV1NamespacedDeployment"/);
});

test("a custom resource brings its own schema", () => {
  const [definition] = catalogue;
  assert.ok(definition);
  const custom = { ...definition, group: "stable.example.com", version: "v1", kind: "CronTab", plural: "crontabs" };
  const schema = { type: "object", properties: { spec: { type: "object" } } };
  const document = parse(openApiV3([{ definition: custom, subresources: [], schema }], options));
  const made = document["components"]?.["schemas"]?.["com.example.stable.v1.CronTab"];
  assert.deepEqual(Object.keys(made?.["properties"] ?? {}).sort(), ["apiVersion", "kind", "metadata", "spec"]);
});
