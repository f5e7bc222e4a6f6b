/** Requests that never end, ask for too much, or are not read: others are served as if they were not there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "#testing/api-server.ts";
import { TestExchange } from "#testing/exchange.ts";
import { settled, VirtualClock } from "#testing/virtual-clock.ts";
import { decodeEnvelope } from "#machinery/protobuf.ts";
import { targetBytesMax } from "./pipeline.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const everybody = { authorizer: { authorize: () => ({ kind: "allowed", reason: "" }) as const } };

function configMap(name: string, more: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, ...more };
}

/** Requests of one user whose bodies never end. */
function unfinished(server: TestApiServer, count: number): TestExchange[] {
  return Array.from({ length: count }, () => {
    const exchange = new TestExchange({ method: "POST", target: maps, user: "eve", organizations: [], body: "{" });
    exchange.neverEnds = true;
    exchange.served = server.api.serve(exchange);
    return exchange;
  });
}

test("bodies that never end hold no seat of a write, and are refused with 504 after a minute", async () => {
  const clock = new VirtualClock();
  const server = new TestApiServer({ ...everybody, clock });
  const hanging = unfinished(server, 420);
  await settled();
  assert.equal(server.api.server.seats.inUse("write"), 0);
  assert.ok(hanging.filter(({ code }) => code === 429).length >= 20, "beyond the share of one user");
  const others = { user: "bob", organizations: [] };
  assert.equal((await server.ask(`POST ${maps}`, { ...others, body: configMap("a") })).code, 201);
  await clock.advance(60_000);
  assert.ok(hanging.every(({ code }) => code === 504 || code === 429));
  assert.match(hanging[0]?.sent.toString() ?? "", /Timeout: request did not complete within the allotted timeout/);
  assert.deepEqual([server.api.server.seats.inUse("body"), server.api.server.bodies.totalBytes], [0, 0]);
});

test("a client may give its request less time, and must say it as a duration", async () => {
  const clock = new VirtualClock();
  const server = new TestApiServer({ ...everybody, clock });
  const exchange = new TestExchange({ method: "POST", target: `${maps}?timeout=2s`, body: "{" });
  exchange.neverEnds = true;
  const served = server.api.serve(exchange);
  await clock.advance(2_000);
  await served;
  assert.equal(exchange.code, 504);
  const refused = await server.ask(`GET ${maps}?timeout=soon`);
  assert.deepEqual(
    [refused.code, refused.at("message")],
    [400, 'invalid timeout specified in the request URL - time: invalid duration "soon"'],
  );
});

test("bodies that come in hold no more memory for one user than its share", async () => {
  const server = new TestApiServer(everybody);
  const body = "x".repeat(3 * 1024 * 1024);
  const exchanges = Array.from({ length: 40 }, () => {
    const exchange = new TestExchange({ method: "POST", target: maps, user: "eve", organizations: [], body });
    exchange.neverEnds = true;
    exchange.served = server.api.serve(exchange);
    return exchange;
  });
  await settled();
  assert.ok(server.api.server.bodies.totalBytes <= 64 * 1024 * 1024, `${server.api.server.bodies.totalBytes} bytes`);
  assert.ok(exchanges.some(({ code }) => code === 429));
  for (const exchange of exchanges) exchange.leave();
});

test("a target beyond its limit is refused with 414 before anything of it is read", async () => {
  const server = new TestApiServer();
  const long = "a&".repeat(targetBytesMax / 2);
  const refused = await server.ask(`GET ${maps}?${long}`, { user: "", organizations: [] });
  assert.equal(refused.code, 414, refused.text.slice(0, 200));
});

test("who has not read what was answered is told to read first, and nodes and administrators are served", async () => {
  const server = new TestApiServer(everybody);
  for (const [organizations, code] of [
    [[], 429],
    [["system:nodes"], 200],
    [["system:masters"], 200],
  ] as const) {
    const exchange = new TestExchange({ method: "GET", target: maps, user: "eve", organizations });
    exchange.isOverdrawn = true;
    await server.api.serve(exchange);
    assert.equal(exchange.code, code);
  }
});

test("a long list that nobody reads holds no seat of a read and little memory, and health is answered", async () => {
  const server = new TestApiServer(everybody);
  const data = { k: "x".repeat(100_000) };
  for (let at = 0; at < 12; at += 1) await server.ask(`POST ${maps}`, { body: configMap(`m${at}`, { data }) });
  for (const accept of ["application/json", "application/vnd.kubernetes.protobuf"]) {
    const unread = Array.from({ length: 240 }, () => {
      const exchange = new TestExchange({
        method: "GET",
        target: maps,
        user: "eve",
        organizations: [],
        headers: { accept },
      });
      exchange.hold();
      exchange.served = server.api.serve(exchange);
      return exchange;
    });
    while (unread.some(({ code }) => code === 0)) await settled();
    await settled();
    assert.equal(server.api.server.seats.inUse("read"), 0);
    assert.equal(server.api.server.seats.inUse("sending"), 200);
    assert.equal(unread.filter(({ code }) => code === 429).length, 40);
    const [first] = unread;
    assert.ok(first && first.sent.length < 200_000, `${first?.sent.length} bytes were sent to one that does not read`);
    assert.equal((await server.ask("GET /livez", { user: "eve", organizations: [] })).code, 200);
    for (const exchange of unread) exchange.leave();
    await Promise.all(unread.map(({ served }) => served));
    assert.equal(server.api.server.seats.inUse("sending"), 0);
    assert.equal(server.api.server.kept.totalBytes, 0);
  }
});

test("long lists say the same in every encoding and form", async () => {
  const server = new TestApiServer(everybody);
  const data = { k: 'a\n"b"\n  c', l: "x".repeat(1_000) };
  for (let at = 0; at < 1_500; at += 1)
    await server.ask(`POST ${maps}`, { body: configMap(`m${String(at).padStart(4, "0")}`, { data }) });
  const json = await server.ask(`GET ${maps}`);
  assert.ok(json.text.length > 1024 * 1024);
  const value: unknown = JSON.parse(json.text);
  const pretty = await server.ask(`GET ${maps}?pretty=true`);
  assert.deepEqual(JSON.parse(pretty.text), value);
  assert.equal(pretty.text, `${JSON.stringify(JSON.parse(pretty.text), null, 2)}\n`);
  const { formatYaml, parseYaml } = await import("#wire/yaml.ts");
  const yaml = await server.ask(`GET ${maps}`, { headers: { accept: "application/yaml" } });
  assert.equal(yaml.text, formatYaml(value));
  assert.deepEqual(parseYaml(yaml.text), value);
  const table = await server.ask(`GET ${maps}`, {
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
  });
  assert.deepEqual([table.at("rows.length"), table.at("rows.1499.cells.0")], [1_500, "m1499"]);
  assert.equal(table.at("columnDefinitions.0.name"), "Name");
  const binary = new TestExchange({
    method: "GET",
    target: maps,
    headers: { accept: "application/vnd.kubernetes.protobuf" },
  });
  await server.api.serve(binary);
  assert.equal(Number(binary.replyHeaders["content-length"]), binary.sent.length);
  const { kind, raw } = decodeEnvelope(binary.sent);
  assert.equal(kind, "ConfigMapList");
  assert.equal(
    Buffer.from(raw)
      .toString("latin1")
      .match(/(?<=m)\d{4}(?=.{2,40}default)/gs)?.length,
    1_500,
  );
});

const types = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;

for (const [type, patch] of [
  ["json", [{ op: "remove", path: "/kind" }]],
  ["json", [{ op: "remove", path: "/apiVersion" }]],
  ["merge", { apiVersion: null }],
  ["merge", { kind: "" }],
  ["strategic", { kind: null, apiVersion: null }],
] as const)
  test(`a patch that takes away what an object says of its kind changes nothing: ${JSON.stringify(patch)}`, async () => {
    const server = new TestApiServer();
    await server.ask(`POST ${maps}`, { body: configMap("a") });
    const headers = { "content-type": types[type] };
    assert.equal((await server.ask(`PATCH ${maps}/a`, { body: patch, headers })).code, 200);
    const found = await server.ask(`GET ${maps}/a`);
    assert.deepEqual([found.code, found.at("apiVersion"), found.at("kind")], [200, "v1", "ConfigMap"]);
    assert.equal((await server.ask(`GET ${maps}`)).at("items.0.metadata.name"), "a");
    assert.equal((await server.ask(`DELETE ${maps}/a`)).code, 200);
  });

test("a patch that makes an object one of another kind is refused", async () => {
  const server = new TestApiServer();
  await server.ask(`POST ${maps}`, { body: configMap("a") });
  const headers = { "content-type": types.merge };
  for (const body of [{ kind: "Secret" }, { apiVersion: "v2" }, { kind: "__proto__" }]) {
    const refused = await server.ask(`PATCH ${maps}/a`, { body, headers });
    assert.equal(refused.code, 422, refused.text);
    assert.match(String(refused.at("message")), /patch: Invalid value: /);
  }
  assert.equal((await server.ask(`GET ${maps}/a`)).at("kind"), "ConfigMap");
});
