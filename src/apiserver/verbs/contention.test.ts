/** Many writers of one object at the same time: nobody waits for another's admission, and nobody waits for ever. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { absent } from "#storage/store.ts";
import { TestApiServer } from "#testing/api-server.ts";
import type { AdmissionPlugin } from "../access.ts";
import type { Core, WriteCall } from "../call.ts";
import { Races } from "../races.ts";
import { optimistic } from "./optimistic.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const merge = { "content-type": "application/merge-patch+json" };

async function serverWith(plugin: AdmissionPlugin): Promise<TestApiServer> {
  const server = new TestApiServer({ admission: [plugin] });
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "hot" } };
  assert.equal((await server.ask(`POST ${maps}`, { body })).code, 201);
  return server;
}

test("100 patches of one object at once all happen, each once", async () => {
  // Admission that waits lets every writer of a round see the same state.
  const server = await serverWith({
    name: "Waits",
    handles: () => true,
    validate: () => new Promise((resolve) => setImmediate(resolve)),
  });
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) =>
      server.ask(`PATCH ${maps}/hot`, { headers: merge, body: { data: { [`key-${at}`]: "v" } } }),
    ),
  );
  assert.deepEqual([...new Set(answers.map(({ code }) => code))], [200]);
  const { data } = JSON.parse((await server.ask(`GET ${maps}/hot`)).text) as { data: object };
  assert.equal(Object.keys(data).length, 100);
});

test("a write that waits in admission keeps no other write of the same object waiting", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const server = await serverWith({
    name: "Stuck",
    handles: ({ operation, user }) => operation === "update" && user.name === "slow",
    validate: () => released,
  });
  const asSlow = { user: "slow", organizations: ["system:masters"] };
  const slow = server.ask(`PATCH ${maps}/hot`, { headers: merge, body: { data: { a: "slow" } }, ...asSlow });
  const quick = await server.ask(`PATCH ${maps}/hot`, { headers: merge, body: { data: { b: "quick" } } });
  assert.equal(quick.code, 200);
  release();
  assert.deepEqual(JSON.parse((await slow).text).data, { a: "slow", b: "quick" });
});

test("20 applies at once of an object that is not there make it once and all succeed", async () => {
  const server = await serverWith({ name: "None", handles: () => false });
  const headers = { "content-type": "application/apply-patch+yaml" };
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      server.ask(`PATCH ${maps}/new?fieldManager=m${at}`, {
        headers,
        body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "new" }, data: { [`key-${at}`]: "v" } },
      }),
    ),
  );
  const codes = answers.map(({ code }) => code);
  assert.deepEqual([codes.filter((code) => code === 201).length, codes.filter((code) => code === 200).length], [1, 19]);
  const { data } = JSON.parse((await server.ask(`GET ${maps}/new`)).text) as { data: object };
  assert.equal(Object.keys(data).length, 20);
});

test("a writer that left gives up between two tries", async () => {
  const server = await serverWith({ name: "None", handles: () => false });
  const { server: core } = server.api;
  const key = "/registry/configmaps/default/hot";
  const leaving = new AbortController();
  let tries = 0;
  const made = optimistic(core, callOf(core, leaving.signal), async () => {
    tries += 1;
    if (tries === 5) leaving.abort(new Error("the client left"));
    return { kind: "lost", to: (await core.store.get(key))?.modRevision ?? absent };
  });
  await assert.rejects(made, /the client left/);
  assert.equal(tries, 5);
});

test("a writer that always loses is told after a number of tries", async () => {
  const server = await serverWith({ name: "None", handles: () => false });
  const { server: core } = server.api;
  const quick = { ...core, races: new Races(machineClock, { ...core.random, fraction: () => 0 }) };
  let tries = 0;
  const made = optimistic(quick, callOf(core, server.ending.signal), async () => {
    tries += 1;
    return { kind: "lost", to: absent };
  });
  await assert.rejects(made, /changed by others 100 times/);
  assert.equal(tries, 100);
});

function callOf(core: Core, signal: AbortSignal): WriteCall {
  const served = core.registry.find("", "v1", "configmaps");
  assert(served);
  const options = {
    manager: "",
    dryRun: false,
    isLarge: false,
    fieldValidation: "Ignore",
    warn: () => undefined,
  } as const;
  const key = { namespace: "default", name: "hot" };
  return { served, key, subresource: "", user: { name: "a", groups: [] }, signal, ...options };
}
