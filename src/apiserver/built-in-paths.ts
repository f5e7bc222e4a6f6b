/** The paths every API server answers: discovery, OpenAPI, version, health and metrics. */
import { utf8 } from "#base/bytes.ts";
import type { Metrics } from "#base/metrics.ts";
import type { Exchange } from "#wire/http.ts";
import type { DamagedEntries } from "./damaged.ts";
import { answerDiscovery } from "./discovery.ts";
import { answerHealth, type HealthCheck } from "./health.ts";
import { answerOpenApiV2, answerOpenApiV3 } from "./openapi.ts";
import type { Server } from "./server.ts";
import { WriteProbe } from "./write-probe.ts";
import { versionInfo } from "./version.ts";

export interface BuiltInParts {
  readonly metrics: Metrics;
  readonly checks: readonly HealthCheck[];
  readonly damaged: DamagedEntries;
}

const json = { "content-type": "application/json", "cache-control": "no-cache, private" };

export function replyJson(exchange: Exchange, value: unknown): void {
  exchange.reply(200, json, utf8(JSON.stringify(value)));
}

export function builtInPaths(server: Server, { metrics, checks, damaged }: BuiltInParts): void {
  const { paths, store } = server;
  paths.add("/", async (exchange) => replyJson(exchange, { paths: paths.list() }));
  paths.add("/version", async (exchange) => replyJson(exchange, versionInfo));
  paths.add("/metrics", async (exchange) =>
    exchange.reply(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }, utf8(metrics.text())),
  );
  const probe = new WriteProbe(store, server.clock);
  const all: readonly HealthCheck[] = [
    { name: "ping", live: true, check: () => undefined },
    { name: "log", live: true, check: () => undefined },
    { name: "etcd", live: true, check: async () => void (await store.get("/health")) },
    { name: "etcd-readiness", live: false, check: () => probe.check() },
    { name: "stored-objects", live: false, check: () => damaged.summary() },
    ...checks,
  ];
  for (const endpoint of ["healthz", "livez", "readyz"] as const) {
    paths.add(`/${endpoint}`, (exchange, info) => answerHealth(endpoint, all, { exchange, info }));
    paths.add(`/${endpoint}/*`, (exchange, info) => answerHealth(endpoint, all, { exchange, info }));
  }
  paths.add("/openapi/v2", async (exchange, info) => answerOpenApiV2(server, exchange, info));
  for (const path of ["/openapi/v3", "/openapi/v3/*"])
    paths.add(path, async (exchange, info) => answerOpenApiV3(server, exchange, info));
  for (const path of ["/api", "/apis", "/api/*", "/apis/*"])
    paths.add(path, async (exchange, info) => answerDiscovery(server, exchange, info));
}
