/**
 * What a request asks for, read from its method and path.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
 */
import { exactField, parseFieldSelector } from "#machinery/field-selector.ts";
import { badRequest } from "#machinery/status.ts";
import type { Attributes, User } from "./access.ts";

export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  /** "" for a collection. */
  readonly name: string;
  /** What follows the subresource, for proxies: "" or "/…". */
  readonly rest: string;
}

/** The part of an exchange that is needed to understand it. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  header(name: string): string | undefined;
}

export interface RequestInfo {
  readonly method: string;
  readonly path: string;
  /** get list watch create update patch delete deletecollection for resources; the method in lower case otherwise. */
  readonly verb: string;
  /** Undefined for a path that is no resource. */
  readonly resource: ResourcePath | undefined;
  /** The one name that a list or watch selects by field, which authorizers take for the name, as upstream has it. */
  readonly selectedName: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
}

const verbs: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

const noQuery = new URLSearchParams();

/** @throws StatusError 400 when the path cannot be read. */
export function understand(head: RequestHead): RequestInfo {
  const { method, path } = head;
  const query = head.query === "" ? noQuery : new URLSearchParams(head.query);
  const header = (name: string): string | undefined => head.header(name);
  const parts = decodedParts(path);
  const found = resourceParts(parts);
  if (!found) return { method, path, verb: method.toLowerCase(), resource: undefined, selectedName: "", query, header };
  const { group, version, isWatch, rest } = found;
  const at = placeOf(rest);
  let verb = isWatch ? "watch" : (verbs[method] ?? "");
  const isCollection = at.name === "";
  if (isCollection && verb === "get") verb = isTrue(query.get("watch")) ? "watch" : "list";
  else if (isCollection && verb === "delete") verb = "deletecollection";
  const selected = verb === "list" || verb === "watch" ? selectedName(query.get("fieldSelector")) : "";
  return { method, path, verb, resource: { ...at, group, version }, selectedName: selected, query, header };
}

function decodedParts(path: string): string[] {
  const parts = path.split("/").filter((part, at, all) => part !== "" || (at > 0 && at < all.length - 1));
  if (!path.includes("%")) return parts;
  try {
    return parts.map((part) => decodeURIComponent(part));
  } catch {
    throw badRequest(`expected a path with valid percent escapes, found ${JSON.stringify(path)}`);
  }
}

function resourceParts(
  parts: readonly string[],
): { group: string; version: string; isWatch: boolean; rest: readonly string[] } | undefined {
  const grouped = parts[0] === "apis";
  if (!grouped && parts[0] !== "api") return undefined;
  const [group = "", version = "", ...rest] = grouped ? parts.slice(1) : ["", ...parts.slice(1)];
  if (rest.length === 0) return undefined;
  // The older form /api/v1/watch/…
  const isWatch = rest[0] === "watch" && rest.length > 1;
  return { group, version, isWatch, rest: isWatch ? rest.slice(1) : rest };
}

function placeOf(rest: readonly string[]): Omit<ResourcePath, "group" | "version"> {
  let parts = rest;
  let namespace = "";
  if (parts[0] === "namespaces" && parts.length > 1) {
    namespace = parts[1] ?? "";
    if (parts.length > 2 && parts[2] !== "status" && parts[2] !== "finalize") parts = parts.slice(2);
  }
  const [resource = "", name = "", subresource = "", ...more] = parts;
  return { resource, name, subresource, namespace, rest: more.length === 0 ? "" : `/${more.join("/")}` };
}

export function isTrue(value: string | null): boolean {
  return value !== null && value !== "false" && value !== "0";
}

/** The one name that a selector lets through, which counts as the name of the request; "" when there is none. */
export function selectedName(fieldSelector: string | null): string {
  if (fieldSelector === null || !fieldSelector.includes("metadata.name")) return "";
  try {
    const name = exactField(parseFieldSelector(fieldSelector), "metadata.name") ?? "";
    return /[/%]/.test(name) || name === "." || name === ".." ? "" : name;
  } catch {
    // The list itself refuses a selector that cannot be read.
    return "";
  }
}

const selecting = new Set(["list", "watch", "deletecollection"]);

/** What an authorizer is asked about a request. */
export function attributesOf(info: RequestInfo, user: User): Attributes {
  if (!info.resource) return { kind: "path", user, verb: info.verb, path: info.path };
  const { group, version, resource, subresource, namespace } = info.resource;
  const name = info.resource.name === "" ? info.selectedName : info.resource.name;
  const selects = selecting.has(info.verb);
  return {
    kind: "resource",
    user,
    verb: info.verb,
    group,
    version,
    resource,
    subresource,
    namespace,
    name,
    fieldSelector: selects ? (info.query.get("fieldSelector") ?? "") : "",
    labelSelector: selects ? (info.query.get("labelSelector") ?? "") : "",
  };
}
