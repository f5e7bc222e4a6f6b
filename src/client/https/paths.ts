/** Where a resource is found below the root of an API server, and what is asked of it in the query. */
import type { ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { ListRequest, WriteOptions } from "../client.ts";

export interface Place {
  readonly resource: ResourceDefinition;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

export function placeOf(resource: ResourceDefinition, key: ObjectKey, subresource = ""): Place {
  return { resource, namespace: key.namespace, name: key.name, subresource };
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** `/api/v1/namespaces/default/pods/web/status?dryRun=All` */
export function targetOf({ resource, namespace = "", name = "", subresource = "" }: Place, query: Query = {}): string {
  const { group, version, plural } = resource;
  const root = group === "" ? ["api", version] : ["apis", group, version];
  const scope = resource.namespaced && namespace !== "" ? ["namespaces", namespace] : [];
  const path = [
    ...root,
    ...scope,
    plural,
    ...(name === "" ? [] : [name]),
    ...(subresource === "" ? [] : [subresource]),
  ];
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined || value === "" ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return `/${path.map(encodeURIComponent).join("/")}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`;
}

export function listQuery({ labelSelector, fieldSelector, limit, continue: token }: ListRequest): Query {
  return { labelSelector, fieldSelector, limit, continue: token };
}

/** @param name The manager when the options name none. */
export function writeQuery({ dryRun, fieldManager }: WriteOptions, name: string): Query {
  return { dryRun: dryRun === true ? "All" : undefined, fieldManager: fieldManager ?? name };
}
