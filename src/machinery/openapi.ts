/**
 * OpenAPI documents of what is served, made on demand from the shapes: v3 for each group and version, v2 for all at
 * once. They are text that the caller compresses and keeps; nothing of them stays here.
 *
 * @see https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
 */
import { deleteOptions } from "./meta.ts";
import { Paths, type OpenApiResource } from "./openapi-paths.ts";
import { noDescriptions, Schemas, type Descriptions, type OpenApiVersion } from "./openapi-schemas.ts";

export type { OpenApiResource, OpenApiSubresource } from "./openapi-paths.ts";
export { noDescriptions, type Descriptions } from "./openapi-schemas.ts";

export interface OpenApiOptions {
  /** Of the server, e.g. "v1.36.0+kedge.1". */
  readonly serverVersion: string;
  /** Default: none, and `kubectl explain` shows types only. */
  readonly descriptions?: Descriptions;
}

interface Parts {
  readonly paths: ReadonlyMap<string, string>;
  readonly schemas: ReadonlyMap<string, string>;
}

function partsOf(version: OpenApiVersion, resources: Iterable<OpenApiResource>, options: OpenApiOptions): Parts {
  const schemas = new Schemas(version, options.descriptions ?? noDescriptions);
  const paths = new Paths(version, schemas);
  const all = [...resources];
  const groups = new Set(all.map(({ definition: { group, version: name } }) => `${group}/${name}`));
  schemas.refTo(
    deleteOptions,
    [...groups].map((text) => {
      const [group = "", name = ""] = text.split("/");
      return { group, version: name, kind: "DeleteOptions" };
    }),
  );
  for (const resource of all) paths.add(resource);
  return { paths: paths.texts, schemas: schemas.texts };
}

/** A JSON object of ready texts, by name. */
function joined(texts: ReadonlyMap<string, string>): string {
  const members = [...texts.keys()].sort().map((name) => `${JSON.stringify(name)}:${texts.get(name)}`);
  return `{${members.join(",")}}`;
}

/** The v3 document of the resources of one group and version, as JSON text. */
export function openApiV3(resources: Iterable<OpenApiResource>, options: OpenApiOptions): string {
  const { paths, schemas } = partsOf("v3", resources, options);
  const info = JSON.stringify({ title: "Kubernetes", version: options.serverVersion });
  const security = '"securitySchemes":{"BearerToken":{"type":"apiKey","name":"authorization","in":"header"}}';
  return `{"openapi":"3.0.0","info":${info},"paths":${joined(paths)},"components":{"schemas":${joined(schemas)},${security}}}`;
}

/** The v2 document of all resources, as JSON text. */
export function openApiV2(resources: Iterable<OpenApiResource>, options: OpenApiOptions): string {
  const { paths, schemas } = partsOf("v2", resources, options);
  const info = JSON.stringify({ title: "Kubernetes", version: options.serverVersion });
  const security =
    '"securityDefinitions":{"BearerToken":{"type":"apiKey","name":"authorization","in":"header"}},"security":[{"BearerToken":[]}]';
  return `{"swagger":"2.0","info":${info},"paths":${joined(paths)},"definitions":${joined(schemas)},${security}}`;
}
