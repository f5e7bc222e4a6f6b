import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "#testing/api-server.ts";
import { superusers } from "./access.ts";

const maps = "/api/v1/namespaces/default/configmaps";

test("what anybody asks for becomes no label, unless it is served", async () => {
  const server = new TestApiServer();
  const stranger = { user: "eve", organizations: [] };
  const long = "x".repeat(20_000);
  await server.ask(`GET ${maps}`, stranger);
  for (let at = 0; at < 20; at += 1)
    for (const path of [
      `/apis/g${at}${long}/v1/pods`,
      `/apis/apps/v${at}${long}/deployments`,
      `/api/v1/r${at}${long}`,
      `${maps}/a/s${at}${long}`,
      `/p${at}${long}`,
    ])
      await server.ask(`GET ${path}`, stranger);
  const { text } = await server.ask("GET /metrics", { user: "admin", organizations: [superusers] });
  const total = text.split("\n").filter((line) => line.startsWith("apiserver_request_total{"));
  assert.deepEqual(total.map((line) => line.slice(0, 200)).toSorted(), [
    'apiserver_request_total{verb="GET",group="",version="",resource="",subresource="",scope="",code="403"} 100',
    'apiserver_request_total{verb="LIST",group="",version="v1",resource="configmaps",subresource="",scope="namespace",code="403"} 1',
  ]);
});
