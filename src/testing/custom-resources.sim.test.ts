/** Definitions that come and go quickly, with the controllers that accept and empty them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serveCustomResources } from "#apiserver/custom-resources.ts";
import { superusers } from "#apiserver/access.ts";
import { machineClock as clock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import { silentLog as log } from "#base/log.ts";
import { createInformers } from "#client/watch-informer.ts";
import { customResourceCleanupController } from "#controllers/custom-resource-cleanup.ts";
import { customResourceDefinitionController } from "#controllers/custom-resource-definition.ts";
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
  const all = () => [...cluster.api.server.registry.all()].map(({ definition }) => definition);
  const resources = { all, byKind: () => undefined, onChange: () => undefined };
  const recorder = { record: () => undefined };
  const components = [
    customResourceCleanupController({ client, informers, resources, clock, log }),
    runController(customResourceDefinitionController, { client, informers, recorder, clock, log }),
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
