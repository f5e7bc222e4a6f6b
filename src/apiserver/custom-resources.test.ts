/** Definitions come, change and go, and what they declare with them. Over the memory store, without sockets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { createInformers } from "#client/watch-informer.ts";
import { customResourceDefinitions } from "#resources/apiextensions/custom-resource-definition.ts";
import { absent } from "#storage/store.ts";
import { TestApiServer } from "#testing/api-server.ts";
import { superusers } from "./access.ts";
import { removeLeftovers, serveCustomResources } from "./custom-resources.ts";

const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const toys = "/apis/example.com/v1/namespaces/default/toys";
const names = { plural: "toys", singular: "toy", kind: "Toy", listKind: "ToyList", shortNames: ["t"] };
const established = [{ type: "Established", status: "True" }];
const merge = { "content-type": "application/merge-patch+json" };

function version(name: string, properties: object, more: object = {}): object {
  const openAPIV3Schema = { type: "object", properties: { spec: { type: "object", properties } } };
  return { name, served: true, storage: name === "v1", schema: { openAPIV3Schema }, ...more };
}

class Cluster extends TestApiServer {
  private readonly informer;

  constructor() {
    super();
    const client = this.api.directClient({ name: "test", groups: [superusers] });
    const informers = createInformers(client, { clock: machineClock, log: silentLog }, this.ending.signal);
    this.informer = informers.informer(customResourceDefinitions);
    serveCustomResources(this.api, informers, this.ending.signal).catch(() => undefined);
  }

  /** Makes or changes the definition, and waits until the server has seen it. */
  async define(versions: readonly object[], exists = false): Promise<void> {
    const spec = { group: "example.com", scope: "Namespaced", names, versions };
    const body = { metadata: { name: "toys.example.com" }, spec };
    if (exists) await this.ask(`PATCH ${crds}/toys.example.com`, { body: { spec }, headers: merge });
    else assert.equal((await this.ask(`POST ${crds}`, { body })).code, 201);
    const status = { conditions: established, acceptedNames: names };
    const seen = await this.ask(`PATCH ${crds}/toys.example.com/status`, { body: { status }, headers: merge });
    assert.equal(seen.code, 200);
    await this.informer.whenSeen(String(seen.at("metadata.resourceVersion")), this.ending.signal);
  }
}

const text = { type: "string" };

test("what is declared is served like any other resource", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  await cluster.define([version("v1", { a: { ...text, default: "A" } }, { subresources: { status: {} } })]);
  const made = await cluster.ask(`POST ${toys}`, {
    body: { metadata: { name: "x" }, spec: { b: 1 }, status: { c: 1 } },
  });
  assert.equal(made.code, 201);
  assert.deepEqual(made.at("spec"), { a: "A" });
  assert.equal(made.at("status"), undefined);
  assert.deepEqual(made.headers["warning"], [
    '299 - "unknown field \\"spec.b\\""',
    '299 - "unknown field \\"status\\""',
  ]);
  assert.equal((await cluster.ask(`GET ${toys}`)).at("kind"), "ToyList");
  const patched = await cluster.ask(`PATCH ${toys}/x`, { body: { spec: { a: 5 } }, headers: merge });
  assert.match(
    String(patched.at("message")),
    /spec\.a: Invalid value: "integer": spec\.a in body must be of type string/,
  );
  const applied = await cluster.ask(`PATCH ${toys}/y?fieldManager=m`, {
    body: JSON.stringify({ apiVersion: "example.com/v1", kind: "Toy", metadata: { name: "y" }, spec: { c: 1 } }),
    headers: { "content-type": "application/apply-patch+yaml" },
  });
  assert.match(String(applied.at("message")), /\.spec\.c: field not declared in schema/);
});

test("a default that comes later shows in what was stored before", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  await cluster.define([version("v1", { a: text })]);
  await cluster.ask(`POST ${toys}`, { body: { metadata: { name: "x" }, spec: {} } });
  await cluster.define([version("v1", { a: { ...text, default: "A" } })], true);
  assert.deepEqual((await cluster.ask(`GET ${toys}/x`)).at("spec"), { a: "A" });
});

test("versions show the same object, each as its own schema has it", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  await cluster.define([version("v1", { a: text, b: text }), version("v2", { a: text, c: { ...text, default: "C" } })]);
  await cluster.ask(`POST ${toys}`, { body: { metadata: { name: "x" }, spec: { a: "1", b: "2" } } });
  const other = await cluster.ask(`GET ${toys.replace("v1", "v2")}/x`);
  assert.equal(other.at("apiVersion"), "example.com/v2");
  assert.deepEqual(other.at("spec"), { a: "1", c: "C" });
  await cluster.define([version("v1", { a: text, b: text }), version("v2", {}, { served: false })], true);
  assert.equal((await cluster.ask(`GET ${toys.replace("v1", "v2")}/x`)).code, 404);
  assert.deepEqual((await cluster.ask(`GET ${toys}/x`)).at("spec"), { a: "1", b: "2" });
});

test("a watch ends when the definition changes, also after a version of it went", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  await cluster.define([version("v1", { a: text }), version("v2", { a: text })]);
  await cluster.define([version("v1", { a: text }), version("v2", {}, { served: false })], true);
  await cluster.ask(`POST ${toys}`, { body: { metadata: { name: "x" } } });
  const watching = cluster.watch(`${toys}?watch=true`);
  await watching.lines(1);
  await cluster.define([version("v1", { a: text, b: text }), version("v2", {}, { served: false })], true);
  assert.equal(watching.signal.aborted, true, "its client comes again, and reads by the new schema");
});

test("a definition waits for its objects to go when it is deleted", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  await cluster.define([version("v1", {})]);
  await cluster.ask(`DELETE ${crds}/toys.example.com`);
  const left = await cluster.ask(`GET ${crds}/toys.example.com`);
  assert.deepEqual(left.at("metadata.finalizers"), ["customresourcecleanup.apiextensions.k8s.io"]);
});

test("what is nested as deeply as can be sent, with a large integer at its end, can be read and deleted", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  await cluster.define([version("v1", { free: { type: "object", "x-kubernetes-preserve-unknown-fields": true } })]);
  const levels = 997;
  const free = `${'{"a":'.repeat(levels)}9007199254740993${"}".repeat(levels)}`;
  const body = `{"apiVersion":"example.com/v1","kind":"Toy","metadata":{"name":"deep"},"spec":{"free":${free}}}`;
  assert.equal((await cluster.ask(`POST ${toys}`, { body })).code, 201);
  const read = await cluster.ask(`GET ${toys}/deep`);
  assert.equal(read.code, 200);
  assert.equal((await cluster.ask(`PUT ${toys}/deep`, { body: read.text })).code, 200);
  const deeper = [{ op: "add", path: `/spec/free${"/a".repeat(levels - 1)}`, value: { b: { c: 1 } } }];
  const headers = { "content-type": "application/json-patch+json" };
  assert.equal((await cluster.ask(`PATCH ${toys}/deep`, { body: deeper, headers })).code, 422);
  assert.equal((await cluster.ask(`DELETE ${toys}/deep`)).code, 200);
});

test("replicas that no scale can say are refused", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
  const replicas = { type: "integer", format: "int64" };
  await cluster.define([version("v1", { replicas }, { subresources: { status: {}, scale } })]);
  for (const count of ["2147483648", "9223372036854775807"]) {
    const body = `{"metadata":{"name":"x"},"spec":{"replicas":${count}}}`;
    const answer = await cluster.ask(`POST ${toys}`, { body });
    assert.equal(answer.code, 422);
    assert.match(String(answer.at("message")), /\.spec\.replicas: .* should be less than or equal to 2147483647/);
  }
});

test("integers of 64 bits come back as they were sent, by every way of writing and reading", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  const free = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  await cluster.define([version("v1", { size: { type: "integer", format: "int64" }, free })]);
  const large = "9007199254740993";
  const object = (name: string, spec: string): string =>
    `{"apiVersion":"example.com/v1","kind":"Toy","metadata":{"name":"${name}"},"spec":${spec}}`;
  const json = { "content-type": "application/json" };
  const made = await cluster.ask(`POST ${toys}`, { body: object("x", `{"size":${large}}`), headers: json });
  assert.equal(made.code, 201);
  assert.match(made.text, new RegExp(`"size":${large}`));
  const written: readonly (readonly [string, string, string])[] = [
    [`PATCH ${toys}/x`, '{"spec":{"free":{"a":[-9223372036854775808]}}}', "application/merge-patch+json"],
    [
      `PATCH ${toys}/x`,
      '[{"op":"add","path":"/spec/free/b","value":9223372036854775807}]',
      "application/json-patch+json",
    ],
    [
      `PATCH ${toys}/x?fieldManager=m`,
      object("x", '{"free":{"c":1234567890123456789}}'),
      "application/apply-patch+yaml",
    ],
    [
      `PATCH ${toys}/x?fieldManager=n`,
      object("x", "{}").replace('"spec":{}', '"spec": {free: {d: 1234567890123456788}}'),
      "application/apply-patch+yaml",
    ],
  ];
  for (const [line, body, type] of written)
    assert.equal((await cluster.ask(line, { body, headers: { "content-type": type } })).code, 200, body);
  const spec = `"size":${large},"free":{"a":[-9223372036854775808],"b":9223372036854775807,"c":1234567890123456789,"d":1234567890123456788}`;
  for (const target of [`${toys}/x`, toys])
    assert.match((await cluster.ask(`GET ${target}`)).text, new RegExp(spec.replaceAll("[", "\\[")));
  const asYaml = await cluster.ask(`GET ${toys}/x`, { headers: { accept: "application/yaml" } });
  assert.match(asYaml.text, new RegExp(`size: ${large}`));
  const refused = await cluster.ask(`POST ${toys}`, { body: object("y", '{"size":1e400}'), headers: json });
  assert.equal(refused.code, 400);
  assert.match(refused.text, /json: cannot unmarshal number 1e400 into Go value of type float64/);
});

test("names that every object inherits are fields like any other", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  const properties = { constructor: text, toString: { ...text, format: "__proto__" } };
  await cluster.define([version("v1", properties)]);
  const body = '{"metadata":{"name":"x","labels":{"constructor":"a"}},"spec":{"constructor":"b","toString":"c"}}';
  const made = await cluster.ask(`POST ${toys}`, { body, headers: { "content-type": "application/json" } });
  assert.equal(made.code, 201, made.text);
  assert.match(made.text, /"spec":\{"constructor":"b","toString":"c"\}/);
  assert.equal((await cluster.ask(`GET ${toys}?labelSelector=constructor%3Da`)).at("items.0.metadata.name"), "x");
  assert.equal((await cluster.ask(`GET ${toys}?labelSelector=toString`)).at("items.0"), undefined);
});

test("a definition that is being deleted takes no new objects, by POST or by apply", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  await cluster.define([version("v1", { a: text })]);
  const toy = (name: string) => ({ apiVersion: "example.com/v1", kind: "Toy", metadata: { name } });
  assert.equal((await cluster.ask(`POST ${toys}`, { body: toy("first") })).code, 201);
  assert.equal((await cluster.ask(`DELETE ${crds}/toys.example.com`)).code, 200);
  const headers = { "content-type": "application/apply-patch+yaml" };
  for (const line of [`POST ${toys}`, `PATCH ${toys}/third?fieldManager=m`]) {
    const late = await cluster.ask(line, { body: toy("third"), ...(line.startsWith("PATCH") ? { headers } : {}) });
    assert.equal(late.code, 405);
    assert.equal(late.at("message"), "create not allowed while custom resource definition is terminating");
  }
  assert.equal((await cluster.ask(`PATCH ${toys}/first`, { body: { spec: { a: "x" } }, headers: merge })).code, 200);
});

test("objects whose definition is gone are removed at the start, and no others", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  await cluster.define([version("v1", { a: text })]);
  const { store } = cluster.api.server;
  await cluster.ask(`POST ${toys}`, { body: { metadata: { name: "kept" } } });
  await cluster.ask("POST /api/v1/namespaces/default/configmaps", { body: { metadata: { name: "kept" } } });
  for (const key of ["other.example.com/toys/default/a", "other.example.com/toys/default/b", "example.com/gone/c"])
    await store.commit([{ key: `/registry/${key}`, value: new Uint8Array(2), expected: absent }]);
  await store.commit([{ key: "/registry/apps/unknown/default/kept", value: new Uint8Array(2), expected: absent }]);
  await removeLeftovers(cluster.api.server, cluster.ending.signal);
  const { entries } = await store.range({ from: "/registry/", to: "/registry0" });
  assert.deepEqual(
    entries.map(({ key }) => key),
    [
      "/registry/apiextensions.k8s.io/customresourcedefinitions/toys.example.com",
      "/registry/apps/unknown/default/kept",
      "/registry/configmaps/default/kept",
      "/registry/example.com/toys/default/kept",
    ],
  );
});

test("defaults of a status are there after a create, and a cluster-scoped object has no namespace", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  const status = { type: "object", default: { phase: "New" }, properties: { phase: text } };
  const openAPIV3Schema = { type: "object", properties: { status } };
  await cluster.define([version("v1", {}, { schema: { openAPIV3Schema }, subresources: { status: {} } })]);
  const made = await cluster.ask(`POST ${toys}`, { body: { metadata: { name: "x" }, status: { phase: "Old" } } });
  assert.deepEqual(made.at("status"), { phase: "New" });
  const body = { metadata: { name: "n", namespace: "somewhere" } };
  const namespace = await cluster.ask("POST /api/v1/namespaces", { body });
  assert.deepEqual([namespace.code, namespace.at("metadata.namespace")], [201, undefined]);
});

test("a definition whose patterns or columns keep everybody waiting is refused", async () => {
  const server = new TestApiServer();
  const refusal = async (one: object): Promise<string> => {
    const spec = { group: "example.com", scope: "Namespaced", names, versions: [one] };
    const answer = await server.ask(`POST ${crds}`, { body: { metadata: { name: "toys.example.com" }, spec } });
    assert.equal(answer.code, 422);
    return String(answer.at("message"));
  };
  const properties = Object.fromEntries(
    Array.from({ length: 5_000 }, (_, at) => [`p${at}`, { ...text, pattern: `^a{1,9}b${at}$` }]),
  );
  assert.match(await refusal(version("v1", properties)), /spec.versions: Forbidden: the patterns of all schemas/);
  const fold = { ...text, pattern: `(?i)${String.raw`[\x{42}-\x{1e000}]`.repeat(100)}` };
  assert.match(await refusal(version("v1", { fold })), /spec.versions: Forbidden: the patterns of all schemas/);
  const column = { name: "A", type: "string", jsonPath: "..a" };
  const additionalPrinterColumns = Array.from({ length: 101 }, () => column);
  assert.match(
    await refusal(version("v1", {}, { additionalPrinterColumns })),
    /additionalPrinterColumns: Too many: 101: must have at most 100 items/,
  );
});

test("a table costs little, however far the paths of its columns lead", async (t) => {
  const cluster = new Cluster();
  t.after(() => cluster.ending.abort());
  const columns = (count: number): object => ({
    additionalPrinterColumns: [
      { name: "spec", type: "string", jsonPath: ".spec" },
      ...Array.from({ length: count }, (_, at) => ({ name: `c${at}`, type: "string", jsonPath: "..*..*" })),
    ],
  });
  await cluster.define([version("v1", { a: { type: "array", items: { type: "integer" } } }, columns(99))]);
  const body = { metadata: { name: "x" }, spec: { a: Array.from({ length: 2_000 }, () => 1_000_000) } };
  assert.equal((await cluster.ask(`POST ${toys}`, { body })).code, 201);
  const headers = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };
  const { code, text: table } = await cluster.ask(`GET ${toys}`, { headers });
  assert.equal(code, 200);
  assert.ok(table.length < 500_000, `found ${table.length}`);
});
