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
  /** True when the path leads through a namespace: /namespaces/NAMESPACE/RESOURCE. */
  readonly inNamespace: boolean;
  /** What follows the subresource, for proxies: "" or "/…". */
  readonly rest: string;
  /** False for forms that are authorized and then found nowhere. */
  readonly isServed: boolean;
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
  /** Without escapes. */
  readonly path: string;
  /** get list watch create update patch delete deletecollection for resources; the method in lower case otherwise. */
  readonly verb: string;
  /** Undefined for a path that is no resource. */
  readonly resource: ResourcePath | undefined;
  /** The one name that a list or watch selects by field, which authorizers take for the name, as upstream has it. */
  readonly selectedName: string;
  /** True when authorizers may look at the selectors in the query. */
  readonly selects: boolean;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
}

const verbs = new Map([
  ["POST", "create"],
  ["GET", "get"],
  ["HEAD", "get"],
  ["PUT", "update"],
  ["PATCH", "patch"],
  ["DELETE", "delete"],
]);

const noQuery = new URLSearchParams();
// Far more than any client sends; each costs about a microsecond before anybody has shown who they are.
const queryParametersMax = 10_000;

/**
 * Reads a path as upstream's authorizer does: escapes first, then the parts between slashes. What is served is decided
 * from the same parts (route.ts), so that nothing is authorized as one thing and answered as another.
 *
 * @throws StatusError 400 when the path or the query cannot be read.
 */
export function understand(head: RequestHead): RequestInfo {
  const { method } = head;
  const path = decodedPath(head.path);
  const query = readQuery(head.query);
  const header = (name: string): string | undefined => head.header(name);
  const parts = withoutOuterSlashes(path).split("/");
  const found = resourceParts(parts);
  const plain = { method, path, query, header };
  if (!found) return { ...plain, verb: method.toLowerCase(), resource: undefined, selectedName: "", selects: false };
  const { group, version, prefix, rest } = found;
  const at = placeOf(rest, prefix === "proxy");
  let verb = prefix === "" ? (verbs.get(method) ?? "") : prefix;
  let selected = "";
  if (at.name === "" && verb === "get") {
    verb = isTrue(query.get("watch")) ? "watch" : "list";
    selected = selectedName(query.get("fieldSelector"));
  } else if (at.name === "" && verb === "delete") verb = "deletecollection";
  // The older forms have no selectors that authorizers could rely on.
  const selects = prefix === "" && selecting.has(verb);
  // Reading does not mind how many slashes come first; what is served begins with one.
  const isExact = path.startsWith(group === "" ? "/api/" : "/apis/");
  const isServed = isExact && (prefix === "" || (prefix === "watch" && at.subresource === ""));
  return { ...plain, verb, resource: { ...at, group, version, isServed }, selectedName: selected, selects };
}

function decodedPath(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    throw badRequest(`expected a path with valid percent escapes, found ${JSON.stringify(path)}`);
  }
}

function readQuery(text: string): URLSearchParams {
  if (text === "") return noQuery;
  let count = 1;
  for (let at = text.indexOf("&"); at >= 0; at = text.indexOf("&", at + 1)) count += 1;
  if (count > queryParametersMax)
    throw badRequest(`expected at most ${queryParametersMax} parameters in the query, found ${count}`);
  return new URLSearchParams(text);
}

function withoutOuterSlashes(path: string): string {
  let [start, end] = [0, path.length];
  while (path[start] === "/") start += 1;
  while (end > start && path[end - 1] === "/") end -= 1;
  return path.slice(start, end);
}

interface Parts {
  readonly group: string;
  readonly version: string;
  /** The older forms /api/v1/watch/… and /api/v1/proxy/… say the verb in the path. */
  readonly prefix: "" | "watch" | "proxy";
  readonly rest: readonly string[];
}

function resourceParts(parts: readonly string[]): Parts | undefined {
  const grouped = parts[0] === "apis";
  if (!grouped && parts[0] !== "api") return undefined;
  const [group = "", version = "", ...rest] = grouped ? parts.slice(1) : ["", ...parts.slice(1)];
  const [first, ...others] = rest;
  if (first === undefined) return undefined;
  if (first !== "watch" && first !== "proxy") return { group, version, prefix: "", rest };
  if (others.length === 0) throw badRequest(`expected a resource after "/${first}" in the path, found none`);
  return { group, version, prefix: first, rest: others };
}

/** Below a namespace these are parts of the namespace itself, everything else is a resource in it. */
const partsOfNamespace = new Set(["status", "finalize"]);

function placeOf(rest: readonly string[], isProxy: boolean): Omit<ResourcePath, "group" | "version" | "isServed"> {
  let parts = rest;
  let namespace = "";
  let inNamespace = false;
  if (parts[0] === "namespaces" && parts.length > 1) {
    namespace = parts[1] ?? "";
    inNamespace = parts.length > 2 && !partsOfNamespace.has(parts[2] ?? "");
    if (inNamespace) parts = parts.slice(2);
  }
  const [resource = "", name = "", subresource = "", ...more] = parts;
  const below = more.length === 0 ? "" : `/${more.join("/")}`;
  return { resource, name, subresource: isProxy ? "" : subresource, namespace, inNamespace, rest: below };
}

export function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== "false" && value !== "0";
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
  const { selects } = info;
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
