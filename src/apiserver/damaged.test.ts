/** Stored entries that cannot be read: everything else goes on, and they can be found and deleted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import { createInformers } from "#client/watch-informer.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { openMemoryStore } from "#storage/memory.ts";
import { absent } from "#storage/store.ts";
import { TestApiServer } from "#testing/api-server.ts";
import { superusers } from "./access.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const unsafe = "ignoreStoreReadErrorWithClusterBreakingPotential";

async function serverWithDamage(): Promise<{ server: TestApiServer; metrics: Metrics; said: string[] }> {
  const store = openMemoryStore();
  await store.commit([
    {
      key: "/registry/configmaps/default/broken",
      value: utf8('{"kind":"ConfigMap","apiVersion":"v1","met'),
      expected: absent,
    },
  ]);
  const metrics = new Metrics();
  const said: string[] = [];
  const log = {
    for: () => log,
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (sentence: string, fields?: Readonly<Record<string, unknown>>) =>
      void said.push(`${sentence} ${JSON.stringify(fields)}`),
  };
  const server = new TestApiServer({ store, metrics, log });
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "sound" } };
  assert.equal((await server.ask(`POST ${maps}`, { body })).code, 201);
  return { server, metrics, said };
}

test("a list shows the rest, and nobody else's write fails", async () => {
  const { server } = await serverWithDamage();
  const list = await server.ask(`GET ${maps}`);
  assert.deepEqual([list.code, list.at("items.0.metadata.name"), list.at("items.1")], [200, "sound", undefined]);
});

for (const line of [`GET ${maps}/broken`, `DELETE ${maps}/broken`, `PATCH ${maps}/broken`])
  test(`${line} is answered with 500 and what to do`, async () => {
    const { server } = await serverWithDamage();
    const headers = { "content-type": "application/merge-patch+json" };
    const answer = await server.ask(line, line.startsWith("PATCH") ? { headers, body: {} } : {});
    assert.deepEqual([answer.code, answer.at("reason")], [500, "InternalError"]);
    assert.match(
      String(answer.at("message")),
      /stored object "\/registry\/configmaps\/default\/broken".*restore a backup, or delete it with ignoreStore/,
    );
  });

test("a damaged object is deleted by who says so and may, and its name is free again", async () => {
  const { server } = await serverWithDamage();
  const watch = server.watch(`${maps}?watch=1`);
  const line = `DELETE ${maps}/broken?${unsafe}=true`;
  assert.equal((await server.ask(line, { user: "eve", organizations: [] })).code, 403);
  assert.equal((await server.ask(line)).code, 200);
  assert.equal((await server.ask(`GET ${maps}/broken`)).code, 404);
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "broken" } };
  assert.equal((await server.ask(`POST ${maps}`, { body })).code, 201);
  // What there was, that it went, and that it is there anew.
  assert.match((await watch.lines(3))[1] ?? "", /"type":"DELETED".*"name":"broken"/);
  watch.leave();
});

test("an entry that begins well and goes on as nothing keeps no informer from the rest, and is set aside", async (t) => {
  const store = openMemoryStore();
  const head = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{';
  await store.commit([
    { key: "/registry/configmaps/default/a", value: utf8(`${head}"name":"a","namespace":"default"`), expected: absent },
  ]);
  const server = new TestApiServer({ store });
  t.after(() => server.ending.abort());
  const client = server.api.directClient({ name: "test", groups: [superusers] });
  const { signal } = server.ending;
  const informer = createInformers(client, { clock: machineClock, log: silentLog }, signal).informer(configMaps);
  await informer.whenSynced(signal);
  assert.deepEqual(informer.list(), []);
  const body = (name: string): object => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
  await server.ask(`POST ${maps}`, { body: body("b") });
  await store.commit([
    { key: "/registry/configmaps/default/c", value: utf8(`${head}"name":"c","namespace":"default"`), expected: absent },
  ]);
  const last = await server.ask(`POST ${maps}`, { body: body("d") });
  await informer.whenSeen(String(last.at("metadata.resourceVersion")), signal);
  const names = informer.list().map(({ metadata }) => metadata.name ?? "");
  assert.deepEqual(
    names.toSorted((a, b) => a.localeCompare(b)),
    ["b", "d"],
  );
  assert.equal((await server.ask(`GET ${maps}/a`)).code, 500);
  assert.equal((await server.ask(`GET ${maps}/c`)).code, 500);
  const list = await server.ask(`GET ${maps}?labelSelector=!x`);
  assert.deepEqual([list.code, list.at("items.1.metadata.name")], [200, "d"]);
});

test("an entry that is damaged while the server runs is told as one that was before", async () => {
  const store = openMemoryStore();
  const server = new TestApiServer({ store });
  assert.equal((await server.ask(`GET ${maps}`)).code, 200);
  await store.commit([
    {
      key: "/registry/configmaps/default/late",
      value: utf8('{"kind":"ConfigMap","apiVersion":"v1","met'),
      expected: absent,
    },
  ]);
  assert.equal((await server.ask(`GET ${maps}/late`)).code, 500);
});

test("what can be read is not deleted this way", async () => {
  const { server } = await serverWithDamage();
  const answer = await server.ask(`DELETE ${maps}/sound`, { body: { [unsafe]: true } });
  assert.equal(answer.code, 422);
  assert.match(answer.text, /is exclusively used to delete corrupt object\(s\), try again by removing this option/);
  const both = await server.ask(`DELETE ${maps}/broken`, { body: { [unsafe]: true, gracePeriodSeconds: 0 } });
  assert.match(both.text, /cannot be set together with .gracePeriodSeconds/);
});

test("it is counted, told once in the log, and named by /readyz, which is well all the same", async () => {
  const { server, metrics, said } = await serverWithDamage();
  await server.ask(`GET ${maps}`);
  await server.ask(`GET ${maps}/broken`);
  assert.match(metrics.text(), /^kedge_storage_damaged_entries 1$/m);
  assert.equal(said.filter((line) => line.includes("damaged and set aside")).length, 1);
  const ready = await server.ask("GET /readyz?verbose");
  assert.equal(ready.code, 200);
  assert.match(
    ready.text,
    /\[\+\]stored-objects ok: .* found 1 damaged and set aside: "\/registry\/configmaps\/default\/broken"/,
  );
});
