/** Definitions that come and go quickly, with the controllers that accept and empty them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serveCustomResources } from "#apiserver/custom-resources.ts";
import { superusers } from "#apiserver/access.ts";
import { machineClock as clock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import { silentLog as log } from "#base/log.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import { createInformers } from "#client/watch-informer.ts";
import { customResourceCleanupController } from "#controllers/custom-resource-cleanup.ts";
import { customResourceDefinitionController } from "#controllers/custom-resource-definition.ts";
import { garbageCollector } from "#controllers/garbage-collector.ts";
import { namespaceController } from "#controllers/namespace.ts";
import { runController } from "#controllers/runner.ts";
import { TestApiServer } from "./api-server.ts";

const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const toys = "/apis/example.com/v1/namespaces/default/toys";
const names = { plural: "toys", singular: "toy", kind: "Toy", listKind: "ToyList" };

function startCluster(): TestApiServer {
  const cluster = new TestApiServer();
  const { signal } = cluster.ending;
  const client = cluster.api.directClient({ name: "test", groups: [superusers] });
  const informers = createInformers(client, { clock, log }, signal);
  serveCustomResources(cluster.api, informers, signal).catch(() => undefined);
  const { registry } = cluster.api.server;
  const all = () => [...registry.all()].map(({ definition }) => definition);
  const resources: ResourceSource = {
    all,
    byKind: (apiVersion, kind) => all().find((one) => one.apiVersion === apiVersion && one.kind === kind),
    onChange: (handler, until) => {
      handler(all());
      registry.onChange(() => handler(all()), until);
    },
  };
  const recorder = { record: () => undefined };
  const components = [
    customResourceCleanupController({ client, informers, resources, clock, log }),
    runController(customResourceDefinitionController, { client, informers, recorder, clock, log }),
    namespaceController({ client, informers, resources, clock, log }),
    garbageCollector({ client, resources, clock, log }),
  ];
  for (const component of components) void supervise(component, { clock, log }, signal);
  return cluster;
}

/** Asks until the answer has the code. */
async function until(cluster: TestApiServer, line: string, code: number): Promise<void> {
  while ((await cluster.ask(line)).code !== code) await new Promise((resolve) => setImmediate(resolve));
}

test("no object outlives its definition, however quickly definitions come and go", { timeout: 60_000 }, async (t) => {
  const cluster = startCluster();
  t.after(() => cluster.ending.abort(new Error("the test is over")));
  const schema = { openAPIV3Schema: { type: "object" } };
  const versions = [{ name: "v1", served: true, storage: true, schema }];
  const body = {
    metadata: { name: "toys.example.com" },
    spec: { group: "example.com", scope: "Namespaced", names, versions },
  };
  for (let round = 0; round < 10; round += 1) {
    assert.equal((await cluster.ask(`POST ${crds}`, { body })).code, 201);
    await until(cluster, `GET ${toys}`, 200);
    assert.deepEqual((await cluster.ask(`GET ${toys}`)).at("items.0"), undefined);
    const over = new AbortController();
    const make = async (writer: number): Promise<void> => {
      for (let at = 0; !over.signal.aborted; at += 1) {
        const made = await cluster.ask(`POST ${toys}`, { body: { metadata: { name: `t-${writer}-${at}` } } });
        assert([201, 404, 405].includes(made.code), made.text);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const making = Promise.all([0, 1, 2, 3].map(make));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await cluster.ask(`DELETE ${crds}/toys.example.com`)).code, 200);
    await until(cluster, `GET ${crds}/toys.example.com`, 404);
    over.abort();
    await making;
    const left = await cluster.api.server.store.range({ from: "/registry/example.com/", to: "/registry/example.com0" });
    assert.deepEqual(left.entries, [], `round ${round}`);
  }
});

interface Version {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
}

function definition(...versions: readonly Version[]): object {
  const schema = { openAPIV3Schema: { type: "object" } };
  return {
    metadata: { name: "toys.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names,
      versions: versions.map((version) => ({ ...version, schema })),
    },
  };
}

async function isEstablished(cluster: TestApiServer): Promise<boolean> {
  const { text } = await cluster.ask(`GET ${crds}/toys.example.com`);
  return text.includes('"Established"');
}

async function established(cluster: TestApiServer): Promise<void> {
  while (!(await isEstablished(cluster))) await new Promise((resolve) => setImmediate(resolve));
}

test("a definition of which no version is served keeps no namespace from going", { timeout: 60_000 }, async (t) => {
  const cluster = startCluster();
  t.after(() => cluster.ending.abort(new Error("the test is over")));
  const body = definition({ name: "v1", served: false, storage: true });
  assert.equal((await cluster.ask(`POST ${crds}`, { body })).code, 201);
  await established(cluster);
  await cluster.ask("POST /api/v1/namespaces", { body: { metadata: { name: "short" } } });
  assert.equal((await cluster.ask("DELETE /api/v1/namespaces/short")).code, 200);
  await until(cluster, "GET /api/v1/namespaces/short", 404);
});

test("objects whose stored version is not served go with their namespace", { timeout: 60_000 }, async (t) => {
  const cluster = startCluster();
  t.after(() => cluster.ending.abort(new Error("the test is over")));
  const body = definition({ name: "v1", served: false, storage: true }, { name: "v2", served: true, storage: false });
  assert.equal((await cluster.ask(`POST ${crds}`, { body })).code, 201);
  await cluster.ask("POST /api/v1/namespaces", { body: { metadata: { name: "short" } } });
  const inShort = "/apis/example.com/v2/namespaces/short/toys";
  await until(cluster, `GET ${inShort}`, 200);
  assert.equal((await cluster.ask(`POST ${inShort}`, { body: { metadata: { name: "secret" } } })).code, 201);
  assert.equal((await cluster.ask("DELETE /api/v1/namespaces/short")).code, 200);
  await until(cluster, "GET /api/v1/namespaces/short", 404);
  const left = await cluster.api.server.store.range({ from: "/registry/example.com/", to: "/registry/example.com0" });
  assert.deepEqual(left.entries, []);
});

test(
  "dependents are collected after the version that was stored is not served any more",
  { timeout: 60_000 },
  async (t) => {
    const cluster = startCluster();
    t.after(() => cluster.ending.abort(new Error("the test is over")));
    const before = definition(
      { name: "v1", served: true, storage: true },
      { name: "v2", served: true, storage: false },
    );
    assert.equal((await cluster.ask(`POST ${crds}`, { body: before })).code, 201);
    await until(cluster, `GET ${toys}`, 200);
    const stored = JSON.parse((await cluster.ask(`GET ${crds}/toys.example.com`)).text) as { spec: object };
    const after = definition(
      { name: "v1", served: false, storage: false },
      { name: "v2", served: true, storage: true },
    );
    const body = { ...stored, spec: { ...stored.spec, ...(after as { spec: object }).spec } };
    assert.equal((await cluster.ask(`PUT ${crds}/toys.example.com`, { body })).code, 200);
    await until(cluster, `GET ${toys}`, 404);
    const configMaps = "/api/v1/namespaces/default/configmaps";
    const owner = await cluster.ask(`POST ${configMaps}`, { body: { metadata: { name: "owner" } } });
    const uid = owner.at("metadata.uid");
    const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid }];
    const inV2 = "/apis/example.com/v2/namespaces/default/toys";
    const made = await cluster.ask(`POST ${inV2}`, { body: { metadata: { name: "child", ownerReferences } } });
    assert.equal(made.code, 201, made.text);
    assert.equal((await cluster.ask(`DELETE ${configMaps}/owner`)).code, 200);
    await until(cluster, `GET ${inV2}/child`, 404);
  },
);
