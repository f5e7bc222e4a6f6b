/**
 * What there is: groups, versions and resources, as clients find them. In one piece for those who ask for it so, in
 * upstream's older pieces for the rest.
 *
 * @see https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
 */
import { createHash } from "node:crypto";
import { utf8 } from "#base/bytes.ts";
import type { Exchange } from "#wire/http.ts";
import { aggregatedOf } from "./discovery/aggregated.ts";
import { groupOf, groupsOf, resourceListOf } from "./discovery/plain.ts";
import { parseAccept, typeFits } from "./negotiate.ts";
import type { RequestInfo } from "./request-info.ts";
import { pageNotFound } from "./route.ts";
import type { Server } from "./server.ts";

interface Made {
  readonly generation: number;
  readonly documents: Map<string, { readonly body: Uint8Array; readonly etag: string }>;
}

// One set of documents a server; made anew when the registry changed.
const made = new WeakMap<Server, Made>();

function documentOf(server: Server, name: string, make: () => unknown): { body: Uint8Array; etag: string } {
  const { generation } = server.registry;
  let documents = made.get(server);
  if (documents?.generation !== generation) {
    documents = { generation, documents: new Map() };
    made.set(server, documents);
  }
  let document = documents.documents.get(name);
  if (!document) {
    const body = utf8(JSON.stringify(make()));
    const etag = `"${createHash("sha512").update(body).digest("hex").toUpperCase()}"`;
    document = { body, etag };
    documents.documents.set(name, document);
  }
  return document;
}

export function answerDiscovery(server: Server, exchange: Exchange, info: RequestInfo): void {
  const [, root = "", group = "", version = "", ...rest] = info.path.replace(/\/$/, "").split("/");
  if (rest.length > 0 || (root === "api" && version !== "")) return void pageNotFound(exchange);
  if (group === "" && (root === "api" || root === "apis")) {
    const aggregated = aggregatedVersion(info);
    if (aggregated !== undefined) {
      const type = `application/json;g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`;
      const document = documentOf(server, `${root} ${aggregated}`, () =>
        aggregatedOf(server.registry, root, aggregated),
      );
      return reply(exchange, info, { ...document, type });
    }
    return reply(exchange, info, {
      ...documentOf(server, root, () => groupsOf(server.registry, root)),
      type: "application/json",
    });
  }
  const [name, of] = root === "api" ? ["", group] : [group, version];
  const content = of === "" ? groupOf(server.registry, name) : resourceListOf(server.registry, name, of);
  if (!content) return void pageNotFound(exchange);
  reply(exchange, info, { ...documentOf(server, `${root}/${name}/${of}`, () => content), type: "application/json" });
}

/** "v2" or "v2beta1" when the client wants everything in one piece before anything else. */
function aggregatedVersion(info: RequestInfo): "v2" | "v2beta1" | undefined {
  for (const { type, parameters } of parseAccept(info.header("accept") ?? "")) {
    if (!typeFits(type, "application/json")) continue;
    const { g, v, as } = parameters;
    if (as === undefined) return undefined;
    if (g !== "apidiscovery.k8s.io" || as !== "APIGroupDiscoveryList") continue;
    if (v === "v2" || v === "v2beta1") return v;
  }
  return undefined;
}

function reply(
  exchange: Exchange,
  info: RequestInfo,
  { body, etag, type }: { body: Uint8Array; etag: string; type: string },
): void {
  const headers = { "content-type": type, etag, vary: "Accept", "cache-control": "public" };
  if (info.header("if-none-match") === etag) exchange.reply(304, headers, new Uint8Array());
  else exchange.reply(200, headers, body);
}
