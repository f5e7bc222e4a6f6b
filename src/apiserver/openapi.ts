/**
 * What is served, as OpenAPI: /openapi/v2 as a whole and /openapi/v3 by group and version. Documents are large and
 * rarely asked for: they are made on demand and kept compressed, until the registry changes.
 *
 * @see https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { utf8 } from "#base/bytes.ts";
import { openApiV2, openApiV3, type OpenApiResource, type OpenApiSubresource } from "#machinery/openapi.ts";
import { untyped } from "#machinery/resource.ts";
import { notAcceptable } from "#machinery/status.ts";
import { scales } from "#resources/autoscaling/scale-v1.ts";
import type { Exchange } from "#wire/http.ts";
import { parseAccept, typeFits } from "./negotiate.ts";
import type { Served } from "./registry.ts";
import type { RequestInfo } from "./request-info.ts";
import { pageNotFound } from "./route.ts";
import type { Server } from "./server.ts";
import type { Subresource } from "./subresource.ts";
import { kubernetesVersion } from "./version.ts";

interface Document {
  readonly gzip: Uint8Array;
  readonly hash: string;
}

interface Kept {
  readonly generation: number;
  readonly documents: Map<string, Document>;
}

const kept = new WeakMap<Server, Kept>();

function documentOf(server: Server, name: string, make: () => string): Document {
  const { generation } = server.registry;
  let all = kept.get(server);
  if (all?.generation !== generation) {
    all = { generation, documents: new Map() };
    kept.set(server, all);
  }
  let document = all.documents.get(name);
  if (!document) {
    const text = utf8(make());
    const hash = createHash("sha512").update(text).digest("hex").toUpperCase();
    document = { gzip: gzipSync(text, { level: 4 }), hash };
    all.documents.set(name, document);
  }
  return document;
}

const options = { serverVersion: kubernetesVersion };

export function answerOpenApiV2(server: Server, exchange: Exchange, info: RequestInfo): void {
  checkAccept(info);
  const document = documentOf(server, "v2", () => openApiV2([...server.registry.all()].map(resourceOf), options));
  reply(exchange, info, document);
}

export function answerOpenApiV3(server: Server, exchange: Exchange, info: RequestInfo): void {
  const name = info.path.slice("/openapi/v3".length).replace(/^\/|\/$/g, "");
  if (name === "") {
    const paths = Object.fromEntries(
      groupVersions(server).map((each) => {
        const { hash } = v3(server, each);
        return [each, { serverRelativeURL: `/openapi/v3/${each}?hash=${hash}` }];
      }),
    );
    exchange.reply(200, { "content-type": "application/json" }, utf8(JSON.stringify({ paths })));
    return;
  }
  if (!groupVersions(server).includes(name)) return void pageNotFound(exchange);
  checkAccept(info);
  reply(exchange, info, v3(server, name));
}

/** "api/v1", "apis/apps/v1", sorted. */
function groupVersions(server: Server): string[] {
  return [...new Set([...server.registry.all()].map(({ definition }) => nameOf(definition)))].sort();
}

function nameOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

function v3(server: Server, name: string): Document {
  return documentOf(server, name, () => {
    const served = [...server.registry.all()].filter(({ definition }) => nameOf(definition) === name);
    return openApiV3(served.map(resourceOf), options);
  });
}

function resourceOf(served: Served): OpenApiResource {
  const subresources = [...served.subresources].map(([name, each]) => subresourceOf(name, each));
  return { definition: served.definition, subresources };
}

function subresourceOf(name: string, subresource: Subresource): OpenApiSubresource {
  switch (subresource.kind) {
    case "part":
      return { name, verbs: subresource.verbs };
    case "scale":
      return { name, verbs: ["get", "patch", "update"], kind: untyped(scales) };
    case "post":
      return { name, verbs: ["create"], kind: subresource.body };
    case "connect":
      return { name, verbs: subresource.verbs, kind: "text" };
  }
}

// Older clients ask for protobuf first; all of them take JSON too.
function checkAccept(info: RequestInfo): void {
  const accept = info.header("accept") ?? "";
  if (accept === "" || parseAccept(accept).some(({ type }) => typeFits(type, "application/json"))) return;
  if (accept.includes("application/com.github.proto-openapi")) return;
  throw notAcceptable("only the following media types are accepted: application/json");
}

function reply(exchange: Exchange, info: RequestInfo, { gzip, hash }: Document): void {
  const etag = `"${hash}"`;
  const headers = { "content-type": "application/json", etag, vary: "Accept-Encoding, Accept" };
  if (info.header("if-none-match") === etag) return exchange.reply(304, headers, new Uint8Array());
  const asked = info.query.get("hash");
  const fresh = asked === hash ? { "cache-control": "public, immutable, max-age=31536000" } : {};
  const takesGzip = /\bgzip\b/.test(info.header("accept-encoding") ?? "");
  if (takesGzip) exchange.reply(200, { ...headers, ...fresh, "content-encoding": "gzip" }, gzip);
  else exchange.reply(200, { ...headers, ...fresh }, gunzipSync(gzip));
}
