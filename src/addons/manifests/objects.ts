/** The objects in the text of a manifest, each with the resource it belongs to. */
import type { ResourceSource } from "#client/resource-source.ts";
import { isObject } from "#machinery/json-object.ts";
import type { ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { parseYaml, splitYaml } from "#wire/yaml.ts";

export interface Manifest {
  readonly resource: ResourceDefinition;
  readonly key: ObjectKey;
  readonly body: JsonObject;
}

/** An object by name, as it is remembered. */
export interface Reference extends ObjectKey {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * Namespaces and definitions first, since what follows may need them.
 *
 * @throws Error that says which document is wrong, and how.
 */
export function objectsOf(text: string, resources: ResourceSource): readonly Manifest[] {
  // Holds because YAML of Kubernetes has no values that JSON has not.
  const documents = splitYaml(text).map((document) => parseYaml(document) as JsonValue);
  const found = documents
    .flatMap((document, at) => expand(document, at + 1))
    .map((body) => manifestOf(body, resources));
  const early = (one: Manifest): boolean => ["Namespace", "CustomResourceDefinition"].includes(one.resource.kind);
  return [...found.filter(early), ...found.filter((one) => !early(one))];
}

export function reference({ resource, key }: Manifest): Reference {
  return { apiVersion: resource.apiVersion, kind: resource.kind, namespace: key.namespace, name: key.name };
}

function expand(document: JsonValue, number: number): readonly JsonObject[] {
  if (!isObject(document))
    throw new Error(`expected an object in document ${number}, found ${JSON.stringify(document)}`);
  if (document["kind"] !== "List" && !Array.isArray(document["items"])) return [document];
  return (Array.isArray(document["items"]) ? document["items"] : []).flatMap((item: JsonValue) => expand(item, number));
}

function manifestOf(body: JsonObject, resources: ResourceSource): Manifest {
  const { apiVersion, kind, metadata } = body;
  const meta = metadata !== undefined && isObject(metadata) ? metadata : {};
  const { name, namespace } = meta;
  if (typeof apiVersion !== "string" || typeof kind !== "string" || typeof name !== "string")
    throw new Error(
      `expected apiVersion, kind and metadata.name in every object, found ${JSON.stringify({ apiVersion, kind, name })}`,
    );
  const resource = resources.byKind(apiVersion, kind);
  if (!resource) throw new Error(`expected a kind that this cluster has, found ${apiVersion} ${kind} (${name})`);
  if (!resource.namespaced) return { resource, key: { namespace: "", name }, body };
  const home = typeof namespace === "string" ? namespace : "default";
  return { resource, key: { namespace: home, name }, body: { ...body, metadata: { ...meta, namespace: home } } };
}
