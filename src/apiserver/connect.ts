/**
 * Subresources that are a conversation: logs, exec, attach and port-forward go to the kubelet of the pod's node, proxy
 * requests to a node, pod or service.
 *
 * @see https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/
 */
import type { Client } from "#client/client.ts";
import { messageOf } from "#base/assert.ts";
import { badRequest, internal, notFound, StatusError, unavailable } from "#machinery/status.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { services } from "#resources/core/service.ts";
import { endpointSlices } from "#resources/discovery/endpoint-slice.ts";
import { HttpClient } from "#wire/http-client.ts";
import type { Exchange, ReplyHeaders } from "#wire/http.ts";
import { relay, type RelayOptions } from "#wire/http-relay.ts";
import { movedAddress, withMovedLinks } from "./connect/links.ts";
import type { Authorizer, User } from "./access.ts";
import { isTokenProtocol, refusal } from "./identify.ts";
import { attributesOf, type RequestInfo, type ResourcePath } from "./request-info.ts";
import type { ConnectHook } from "./subresource.ts";

export interface ConnectOptions {
  /** Reads pods, nodes and services. */
  readonly client: Client;
  /** The way to a node's kubelet: its address is the node's business, also a tunnel. */
  readonly kubeletOf: (node: Node) => HttpClient;
  readonly authorizer: Authorizer;
  /** Why nothing is sent to an address that stands in an object; undefined when it may be. */
  readonly destinationRefusal: (destination: Destination) => string | undefined;
}

interface Destination {
  readonly address: string;
  readonly port: number;
  /** The node it is said to be on, "" for none. */
  readonly nodeName: string;
}

/** Hooks by "resource/subresource". */
export function connectHooks(options: ConnectOptions): Readonly<Record<string, ConnectHook>> {
  const stream =
    (path: PodStream["path"]): ConnectHook =>
    async (exchange, info, user) => {
      requireCreate(options.authorizer, info, user);
      await podStream(options, { exchange, info, path });
    };
  return {
    "pods/log": (exchange, info) => podLog(options, exchange, info),
    "pods/exec": stream("exec"),
    "pods/attach": stream("attach"),
    "pods/portforward": stream("portForward"),
    "pods/proxy": (exchange, info) => podProxy(options, exchange, info),
    "services/proxy": (exchange, info) => serviceProxy(options, exchange, info),
    "nodes/proxy": (exchange, info) => nodeProxy(options, exchange, info),
  };
}

interface Way {
  readonly client: HttpClient;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly replyHeaders?: (headers: ReplyHeaders) => ReplyHeaders;
  readonly refusal?: (status: number, text: string) => Error;
  readonly asMessages?: boolean;
  readonly isEndless?: boolean;
  readonly replyBody?: NonNullable<RelayOptions["replyBody"]>;
}

/** A WebSocket opens with a GET, but a session in a container is made: who may only read may not. @throws StatusError */
function requireCreate(authorizer: Authorizer, info: RequestInfo, user: User): void {
  if (info.verb === "create") return;
  const attributes = { ...attributesOf(info, user), verb: "create" };
  const decision = authorizer.authorize(attributes);
  if (decision.kind !== "allowed") throw refusal(attributes, decision.reason);
}

/** Hands the request on without the credentials that were meant for this server. */
async function pass(exchange: Exchange, way: Way): Promise<void> {
  const { headers, ...others } = way;
  try {
    await relay(exchange, {
      ...others,
      headers: { ...withoutCredentials(exchange), "x-forwarded-for": exchange.remoteAddress, ...headers },
    });
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw unavailable(`error trying to reach service: ${messageOf(error)}`);
  }
}

/** Replaces the headers that say who asks this server. */
function withoutCredentials(exchange: Exchange): Record<string, string | undefined> {
  const names = Object.keys(exchange.headers).filter((name) => name.startsWith("impersonate-"));
  const replaced = ["authorization", "cookie", ...names].map((name) => [name, undefined] as const);
  const protocols = exchange.header("sec-websocket-protocol");
  if (protocols === undefined) return Object.fromEntries(replaced);
  const others = protocols.split(",").filter((protocol) => !isTokenProtocol(protocol));
  const kept = others.length === 0 ? undefined : others.map((protocol) => protocol.trim()).join(", ");
  return { ...Object.fromEntries(replaced), "sec-websocket-protocol": kept };
}

function pathOf(info: RequestInfo): ResourcePath {
  if (!info.resource) throw internal("a connection to a resource was asked for without one");
  return info.resource;
}

async function nodeOf(options: ConnectOptions, name: string): Promise<Node> {
  return options.client.get(nodes, { namespace: "", name });
}

/** The container a request means: the one it names, or the only one. @throws StatusError 400 with the choice there is */
function containerOf(pod: Pod, asked: string): string {
  const init = (pod.spec.initContainers ?? []).map(({ name }) => name);
  const main = pod.spec.containers.map(({ name }) => name);
  const ephemeral = (pod.spec.ephemeralContainers ?? []).map(({ name }) => name);
  const podName = pod.metadata.name ?? "";
  if (asked !== "") {
    if ([...init, ...main, ...ephemeral].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${podName}`);
  }
  const [only] = main;
  if (only !== undefined && main.length === 1) return only;
  const choice = `choose one of: [${main.join(" ")}]`;
  const others = init.length > 0 ? ` or one of the init containers: [${init.join(" ")}]` : "";
  throw badRequest(`a container name must be specified for pod ${podName}, ${choice}${others}`);
}

async function podLog(options: ConnectOptions, exchange: Exchange, info: RequestInfo): Promise<void> {
  const { namespace, name } = pathOf(info);
  const pod = await options.client.get(pods, { namespace, name });
  checkLogOptions(info.query);
  const container = containerOf(pod, info.query.get("container") ?? "");
  const { nodeName } = pod.spec;
  if (nodeName === undefined) {
    // Nothing runs yet, so nothing was logged.
    exchange.reply(200, { "content-type": "text/plain" }, new Uint8Array());
    return;
  }
  const client = options.kubeletOf(await nodeOf(options, nodeName));
  const query = new URLSearchParams(info.query);
  query.delete("container");
  const path = `/containerLogs/${namespace}/${name}/${container}`;
  const target = withQuery(path, query);
  const headers = { "accept-encoding": "identity" };
  const isEndless = ["true", "1"].includes(query.get("follow") ?? "");
  await pass(exchange, { client, target, headers, refusal: logRefusal, asMessages: true, isEndless });
}

/** The kubelet says in plain text why there is no log; the API's clients expect a Status. */
function logRefusal(status: number, text: string): StatusError {
  const message = text.trim();
  if (status === 400) return badRequest(message);
  return status === 404 ? new StatusError({ code: 404, reason: "NotFound", message }) : internal(message);
}

function checkLogOptions(query: URLSearchParams): void {
  for (const name of ["tailLines", "limitBytes", "sinceSeconds"]) {
    const text = query.get(name);
    const least = name === "tailLines" ? 0 : 1;
    if (text !== null && !(/^\d+$/.test(text) && Number(text) >= least))
      throw badRequest(`expected ${name} to be a whole number of at least ${least}, found ${JSON.stringify(text)}`);
  }
}

interface PodStream {
  readonly exchange: Exchange;
  readonly info: RequestInfo;
  readonly path: "exec" | "attach" | "portForward";
}

async function podStream(options: ConnectOptions, { exchange, info, path }: PodStream): Promise<void> {
  const { namespace, name } = pathOf(info);
  const pod = await options.client.get(pods, { namespace, name });
  const { nodeName } = pod.spec;
  if (nodeName === undefined) throw badRequest(`pod ${name} does not have a host assigned`);
  const query = new URLSearchParams(info.query);
  let target = `/${path}/${namespace}/${name}`;
  if (path !== "portForward") {
    if (path === "exec" && !query.has("command"))
      throw badRequest("you must specify at least one command for the container");
    target += `/${containerOf(pod, query.get("container") ?? "")}`;
    query.delete("container");
    translateStreams(query);
  }
  const client = options.kubeletOf(await nodeOf(options, nodeName));
  await pass(exchange, { client, target: withQuery(target, query) });
}

// The kubelet calls the streams by other names than the API, and takes "1" for true.
function translateStreams(query: URLSearchParams): void {
  for (const [from, to] of [
    ["stdin", "input"],
    ["stdout", "output"],
    ["stderr", "error"],
    ["tty", "tty"],
  ] as const) {
    const wanted = query.get(from);
    query.delete(from);
    if (wanted === "true" || wanted === "1") query.set(to, "1");
  }
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** "http:name:port", "name:port" or "name". */
function parseTarget(text: string): { readonly scheme: string; readonly name: string; readonly port: string } {
  const parts = text.split(":");
  if (parts.length === 1) return { scheme: "http", name: text, port: "" };
  if (parts.length === 2) return { scheme: "http", name: parts[0] ?? "", port: parts[1] ?? "" };
  const [scheme = "", name = "", port = ""] = parts;
  if (parts.length > 3 || (scheme !== "http" && scheme !== "https" && scheme !== ""))
    throw badRequest(
      `expected "name", "name:port" or "scheme:name:port" with http or https, found ${JSON.stringify(text)}`,
    );
  return { scheme: scheme === "" ? "http" : scheme, name, port };
}

/** The path up to and with "/proxy", as it was sent. @throws StatusError 400 when a part of it has a slash of its own */
function proxyPrefix(exchange: Exchange, info: RequestInfo): string {
  const { inNamespace } = pathOf(info);
  // /api/v1/namespaces/NAMESPACE/pods/NAME/proxy or /api/v1/nodes/NAME/proxy
  const parts = exchange.path.split("/").slice(0, inNamespace ? 8 : 6);
  const last = parts.at(-1) ?? "";
  if (decodeURIComponent(last) !== "proxy")
    throw badRequest(`expected a path without escaped slashes before "/proxy", found ${JSON.stringify(exchange.path)}`);
  return parts.join("/");
}

/** The part of the request's target after that, as it was sent. */
function restOf(exchange: Exchange, prefix: string): string {
  const rest = exchange.target.slice(prefix.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

interface Proxying {
  readonly exchange: Exchange;
  readonly info: RequestInfo;
  readonly scheme: string;
}

/** @throws StatusError 400 when the address is none of a pod. */
async function proxyTo(options: ConnectOptions, proxying: Proxying, destination: Destination): Promise<void> {
  const { exchange, info, scheme } = proxying;
  const { address, port } = destination;
  const why = options.destinationRefusal(destination);
  if (why !== undefined) throw badRequest(`address not allowed: ${why}`);
  const prefix = proxyPrefix(exchange, info);
  if (exchange.path === prefix && ["GET", "HEAD"].includes(exchange.method) && !exchange.upgrade) {
    // Relative links of the page need the slash.
    const query = exchange.query === "" ? "" : `?${exchange.query}`;
    exchange.reply(301, { location: `${exchange.path}/${query}` }, new Uint8Array());
    return;
  }
  const host = address.includes(":") ? `[${address}]` : address;
  const client = new HttpClient({ url: `${scheme}://${host}:${port}`, protocol: "h1", insecure: true });
  try {
    await pass(exchange, {
      client,
      target: restOf(exchange, prefix),
      // A page must be readable here to have its links moved.
      headers: { "x-forwarded-uri": exchange.path, "accept-encoding": "identity" },
      replyHeaders: (headers) => {
        const { location, "content-length": _, ...others } = headers;
        if (typeof location === "string") return { ...headers, location: movedAddress(location, prefix) };
        return isPage(headers) ? others : headers;
      },
      replyBody: (body, headers) => (isPage(headers) ? withMovedLinks(body, prefix) : body),
    });
  } finally {
    client.close();
  }
}

function isPage(headers: ReplyHeaders): boolean {
  const [type = ""] = String(headers["content-type"] ?? "").split(";");
  return type.trim() === "text/html" && headers["location"] === undefined && headers["content-encoding"] === undefined;
}

async function podProxy(options: ConnectOptions, exchange: Exchange, info: RequestInfo): Promise<void> {
  const path = pathOf(info);
  const { scheme, name, port } = parseTarget(path.name);
  const pod = await options.client.get(pods, { namespace: path.namespace, name });
  const { podIP = "" } = pod.status;
  if (podIP === "") throw badRequest(`address not allowed: pod ${name} has no address yet`);
  const first = pod.spec.containers.flatMap((container) => container.ports ?? [])[0]?.containerPort ?? 80;
  const { nodeName = "" } = pod.spec;
  const destination = { address: podIP, port: port === "" ? first : portOf(port), nodeName };
  await proxyTo(options, { exchange, info, scheme }, destination);
}

/** @throws StatusError 400 */
function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw badRequest(`expected a port between 1 and 65535, found ${JSON.stringify(text)}`);
}

async function serviceProxy(options: ConnectOptions, exchange: Exchange, info: RequestInfo): Promise<void> {
  const path = pathOf(info);
  const { scheme, name, port } = parseTarget(path.name);
  const key = { namespace: path.namespace, name };
  const service = await options.client.get(services, key);
  const ports = service.spec.ports ?? [];
  const wanted =
    port === "" && ports.length === 1 ? ports[0] : ports.find((one) => one.name === port || String(one.port) === port);
  if (!wanted) throw unavailable(`no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`);
  const { items } = await options.client.list(endpointSlices, {
    namespace: path.namespace,
    labelSelector: `kubernetes.io/service-name=${name}`,
  });
  for (const slice of items) {
    const target = (slice.ports ?? []).find((one) => (one.name ?? "") === (wanted.name ?? ""))?.port;
    const ready = slice.endpoints.find(({ conditions }) => conditions.ready !== false);
    const address = ready?.addresses[0];
    if (target === undefined || address === undefined) continue;
    const destination = { address, port: target, nodeName: ready?.nodeName ?? "" };
    return proxyTo(options, { exchange, info, scheme }, destination);
  }
  throw unavailable(`no endpoints available for service ${JSON.stringify(path.name)}`);
}

async function nodeProxy(options: ConnectOptions, exchange: Exchange, info: RequestInfo): Promise<void> {
  const { name: asked } = pathOf(info);
  const { name } = parseTarget(asked);
  const node = await nodeOf(options, name);
  if (node.metadata.name !== name) throw notFound({ group: "", resource: "nodes", name });
  const target = restOf(exchange, proxyPrefix(exchange, info));
  await pass(exchange, { client: options.kubeletOf(node), target });
}
