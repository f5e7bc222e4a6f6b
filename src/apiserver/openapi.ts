/**
 * What is served, as OpenAPI: /openapi/v2 as a whole and /openapi/v3 by group and version. Documents are large and
 * rarely asked for: they are made on demand, each in turns of its own, and kept compressed until the registry changes.
 *
 * @see https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
 */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
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

/** A document of these resources, which is good as long as they are what is served. */
interface Kept {
  readonly of: readonly Served[];
  readonly document: Promise<Document>;
}

// The document of everything; others are named by their group and version.
const wholeName = "v2";
const kept = new WeakMap<Server, Map<string, Kept>>();

interface Asked {
  readonly name: string;
  readonly of: readonly Served[];
}

const [compressed, uncompressed] = [promisify(gzip), promisify(gunzip)];

function documentOf(server: Server, asked: Asked, make: typeof openApiV2): Promise<Document> {
  const { name, of } = asked;
  const all = kept.get(server) ?? new Map<string, Kept>();
  kept.set(server, all);
  const known = all.get(name);
  if (known && known.of.length === of.length && known.of.every((one, at) => one === of[at])) return known.document;
  const names = groupVersions(server);
  // What is no longer served is let go.
  for (const other of all.keys()) if (other !== wholeName && !names.includes(other)) all.delete(other);
  const document = makeDocument(server, asked, make);
  all.set(name, { of, document });
  // Those who wait for it are told; whoever asks next tries anew.
  document.catch(() => all.delete(name));
  return document;
}

async function makeDocument(server: Server, { of }: Asked, make: typeof openApiV2): Promise<Document> {
  await server.turns.next();
  const options = { serverVersion: kubernetesVersion, descriptions: server.descriptions() };
  const text = utf8(make(of.map(resourceOf), options));
  await server.turns.next();
  const hash = createHash("sha512").update(text).digest("hex").toUpperCase();
  return { gzip: await compressed(text, { level: 4 }), hash };
}

export async function answerOpenApiV2(server: Server, exchange: Exchange, info: RequestInfo): Promise<void> {
  checkAccept(info);
  const document = documentOf(server, { name: wholeName, of: [...server.registry.all()] }, openApiV2);
  await reply(exchange, info, await document);
}

export async function answerOpenApiV3(server: Server, exchange: Exchange, info: RequestInfo): Promise<void> {
  const name = info.path.slice("/openapi/v3".length).replace(/^\/|\/$/g, "");
  if (name === "") {
    const paths = Object.fromEntries(
      await Promise.all(
        groupVersions(server).map(async (each) => {
          const { hash } = await v3(server, each);
          return [each, { serverRelativeURL: `/openapi/v3/${each}?hash=${hash}` }] as const;
        }),
      ),
    );
    exchange.reply(200, { "content-type": "application/json" }, utf8(JSON.stringify({ paths })));
    return;
  }
  if (!groupVersions(server).includes(name)) return void pageNotFound(exchange);
  checkAccept(info);
  await reply(exchange, info, await v3(server, name));
}

/** "api/v1", "apis/apps/v1", sorted. */
function groupVersions(server: Server): string[] {
  return [...new Set([...server.registry.all()].map(({ definition }) => nameOf(definition)))].sort();
}

function nameOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

function v3(server: Server, name: string): Promise<Document> {
  const of = [...server.registry.all()].filter(({ definition }) => nameOf(definition) === name);
  return documentOf(server, { name, of }, openApiV3);
}

function resourceOf(served: Served): OpenApiResource {
  const subresources = [...served.subresources].map(([name, each]) => subresourceOf(name, each));
  const { definition } = served;
  return { definition, subresources, ...(definition.schema ? { schema: definition.schema } : {}) };
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

async function reply(exchange: Exchange, info: RequestInfo, { gzip, hash }: Document): Promise<void> {
  const etag = `"${hash}"`;
  const headers = { "content-type": "application/json", etag, vary: "Accept-Encoding, Accept" };
  if (info.header("if-none-match") === etag) return exchange.reply(304, headers, new Uint8Array());
  const asked = info.query.get("hash");
  const fresh = asked === hash ? { "cache-control": "public, immutable, max-age=31536000" } : {};
  const takesGzip = /\bgzip\b/.test(info.header("accept-encoding") ?? "");
  if (takesGzip) exchange.reply(200, { ...headers, ...fresh, "content-encoding": "gzip" }, gzip);
  else exchange.reply(200, { ...headers, ...fresh }, await uncompressed(gzip));
}
