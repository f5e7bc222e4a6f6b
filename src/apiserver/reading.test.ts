/** Lists, pages, watches and the forms answers come in, over the memory store and without sockets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { configMaps } from "#resources/core/config-map.ts";
import { openMemoryStore } from "#storage/memory.ts";
import { TestApiServer, type TestAnswer } from "#testing/api-server.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const merge = { "content-type": "application/merge-patch+json" };

async function filled(names: readonly string[], server = new TestApiServer()): Promise<TestApiServer> {
  for (const name of names) await server.ask(`POST ${maps}`, { body: configMap(name) });
  return server;
}

function configMap(name: string, labels: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels } };
}

function namesOf(list: TestAnswer): string[] {
  // Holds because the answer is a list.
  return (list.at("items") as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
}

interface Event {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly resourceVersion: string; readonly annotations?: object };
  };
}

async function eventsOf(exchange: { lines(count: number): Promise<string[]> }, count: number): Promise<string[]> {
  const lines = (await exchange.lines(count)).map((line) => JSON.parse(line) as Event);
  return lines.map(({ type, object }) => `${type} ${object.metadata.name ?? object.metadata.resourceVersion}`);
}

test("a list is in order of names, true at one revision, and can be narrowed", async () => {
  const server = await filled(["b", "c", "a"]);
  const list = await server.ask(`GET ${maps}`);
  assert.deepEqual(namesOf(list), ["a", "b", "c"]);
  assert.equal(list.at("kind"), "ConfigMapList");
  assert.equal(list.at("metadata.resourceVersion"), String(server.api.server.store.revision));
  await server.ask(`PATCH ${maps}/b`, { body: { metadata: { labels: { x: "y" } } }, headers: merge });
  assert.deepEqual(namesOf(await server.ask(`GET ${maps}?labelSelector=x%3Dy`)), ["b"]);
  assert.deepEqual(namesOf(await server.ask(`GET ${maps}?fieldSelector=metadata.name%21%3Db`)), ["a", "c"]);
  assert.deepEqual(namesOf(await server.ask(`GET /api/v1/configmaps?fieldSelector=metadata.name%3Dc`)), ["c"]);
});

test("pages show the state at the first page, also after changes", async () => {
  const server = await filled(["a", "b", "c", "d", "e"]);
  const first = await server.ask(`GET ${maps}?limit=2`);
  assert.deepEqual([namesOf(first), first.at("metadata.remainingItemCount")], [["a", "b"], 3]);
  await server.ask(`DELETE ${maps}/c`);
  await server.ask(`POST ${maps}`, { body: configMap("cc") });
  const second = await server.ask(`GET ${maps}?limit=2&continue=${String(first.at("metadata.continue"))}`);
  assert.deepEqual(namesOf(second), ["c", "d"]);
  assert.equal(second.at("metadata.resourceVersion"), first.at("metadata.resourceVersion"));
  const third = await server.ask(`GET ${maps}?limit=2&continue=${String(second.at("metadata.continue"))}`);
  assert.deepEqual([namesOf(third), third.at("metadata.continue")], [["e"], undefined]);
});

test("a page of a compacted revision is refused with a token to go on from", async () => {
  const store = openMemoryStore();
  const server = await filled(["a", "b", "c"], new TestApiServer({ store }));
  const first = await server.ask(`GET ${maps}?limit=1`);
  await server.ask(`DELETE ${maps}/b`);
  await store.compact(store.revision);
  const refused = await server.ask(`GET ${maps}?limit=1&continue=${String(first.at("metadata.continue"))}`);
  assert.deepEqual([refused.code, refused.at("reason")], [410, "Expired"], refused.text);
  const rest = await server.ask(`GET ${maps}?limit=5&continue=${String(refused.at("metadata.continue"))}`);
  assert.deepEqual(namesOf(rest), ["c"]);
});

test("a page of a compacted revision is refused also when none of its kind changed since", async () => {
  const store = openMemoryStore();
  const server = await filled(["a", "b", "c"], new TestApiServer({ store }));
  const first = await server.ask(`GET ${maps}?limit=1`);
  const next = `GET ${maps}?limit=1&continue=${String(first.at("metadata.continue"))}`;
  await server.ask("POST /api/v1/namespaces/default/secrets", { body: { metadata: { name: "other" } } });
  assert.deepEqual(namesOf(await server.ask(next)), ["b"]);
  await store.compact(store.revision);
  const refused = await server.ask(next);
  assert.deepEqual([refused.code, refused.at("reason")], [410, "Expired"], refused.text);
});

test("exact lists show the past, and a future that does not come is refused", async () => {
  const server = await filled(["a"]);
  const then = String((await server.ask(`GET ${maps}`)).at("metadata.resourceVersion"));
  await server.ask(`POST ${maps}`, { body: configMap("b") });
  const past = await server.ask(`GET ${maps}?resourceVersion=${then}&resourceVersionMatch=Exact`);
  assert.deepEqual([namesOf(past), past.at("metadata.resourceVersion")], [["a"], then]);
  assert.deepEqual(namesOf(await server.ask(`GET ${maps}?resourceVersion=${then}`)), ["a", "b"]);
});

test("a watch without a version shows what is there, then every change", async () => {
  const server = await filled(["a"]);
  const watch = server.watch(`${maps}?watch=1`);
  await watch.lines(1);
  await server.ask(`POST ${maps}`, { body: configMap("b") });
  await server.ask(`PATCH ${maps}/b`, { body: { data: { k: "v" } }, headers: merge });
  await server.ask(`DELETE ${maps}/b`);
  assert.deepEqual(await eventsOf(watch, 4), ["ADDED a", "ADDED b", "MODIFIED b", "DELETED b"]);
  const last = JSON.parse((await watch.lines(4))[3] ?? "") as Event;
  assert.equal(last.object.metadata.resourceVersion, String(server.api.server.store.revision));
  watch.leave();
});

test("a watch from a version shows each change after it once, also those long past", async () => {
  const server = await filled(["a"]);
  const from = String((await server.ask(`GET ${maps}`)).at("metadata.resourceVersion"));
  const changes = 1_200;
  for (let change = 0; change < changes; change += 1)
    await server.ask(`PATCH ${maps}/a`, { body: { data: { k: String(change) } }, headers: merge });
  const watch = server.watch(`${maps}?watch=1&resourceVersion=${from}`);
  await server.ask(`DELETE ${maps}/a`);
  const lines = (await watch.lines(changes + 1)).map((line) => JSON.parse(line) as Event);
  const versions = lines.map(({ object }) => Number(object.metadata.resourceVersion));
  assert.deepEqual(
    versions,
    Array.from({ length: changes + 1 }, (_, at) => Number(from) + 1 + at),
  );
  watch.leave();
});

test("a watch from before the last compaction answers 200 and an event that says 410", async () => {
  const store = openMemoryStore();
  const server = await filled(["a", "b", "c"], new TestApiServer({ store }));
  await store.compact(3);
  const refused = await new TestApiServer({ store }).ask(`GET ${maps}?watch=1&resourceVersion=1`);
  assert.equal(refused.code, 200, refused.text);
  assert.deepEqual(
    [refused.at("type"), refused.at("object.code"), refused.at("object.reason")],
    ["ERROR", 410, "Expired"],
  );
  assert.match(String(refused.at("object.message")), /^too old resource version: 1 \(\d+\)$/);
  server.ending.abort();
});

test("to a watch with a selector, objects come and go with their labels", async () => {
  const server = new TestApiServer();
  const watch = server.watch(`${maps}?watch=1&labelSelector=x%3Dy`);
  await server.ask(`POST ${maps}`, { body: configMap("a") });
  await server.ask(`PATCH ${maps}/a`, { body: { metadata: { labels: { x: "y" } } }, headers: merge });
  await server.ask(`PATCH ${maps}/a`, { body: { data: { k: "v" } }, headers: merge });
  await server.ask(`PATCH ${maps}/a`, { body: { metadata: { labels: { x: "z" } } }, headers: merge });
  assert.deepEqual(await eventsOf(watch, 3), ["ADDED a", "MODIFIED a", "DELETED a"]);
  const last = JSON.parse((await watch.lines(3))[2] ?? "") as Event & { object: { metadata: { labels: object } } };
  assert.deepEqual(last.object.metadata.labels, { x: "y" });
  assert.equal(last.object.metadata.resourceVersion, String(server.api.server.store.revision));
  watch.leave();
});

test("sendInitialEvents ends what is there with a bookmark", async () => {
  const server = await filled(["a"]);
  const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const watch = server.watch(`${maps}?${query}`);
  const [, bookmark = ""] = await watch.lines(2);
  assert.deepEqual(JSON.parse(bookmark), {
    type: "BOOKMARK",
    object: {
      kind: "ConfigMap",
      apiVersion: "v1",
      metadata: {
        resourceVersion: String(server.api.server.store.revision),
        annotations: { "k8s.io/initial-events-end": "true" },
      },
    },
  });
  watch.leave();
});

test("answers come as a table, as metadata alone, as YAML and as protobuf", async () => {
  const server = await filled(["a"]);
  const as = (accept: string): Promise<TestAnswer> => server.ask(`GET ${maps}`, { headers: { accept } });
  const table = await as("application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  assert.deepEqual([table.at("kind"), table.at("rows.0.cells.0")], ["Table", "a"]);
  const partial = await as("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
  assert.deepEqual(
    [partial.at("kind"), partial.at("items.0.kind")],
    ["PartialObjectMetadataList", "PartialObjectMetadata"],
  );
  assert.match((await as("application/yaml")).text, /^apiVersion: v1\nitems:/);
  const protobuf = await as("application/vnd.kubernetes.protobuf,application/json");
  assert.equal(protobuf.headers["content-type"], "application/vnd.kubernetes.protobuf");
  assert.ok(protobuf.text.startsWith("k8s\0"));
});

test("discovery names every resource, in pieces and in one", async () => {
  const server = new TestApiServer();
  const core = await server.ask("GET /api/v1");
  const names = (core.at("resources") as { name: string }[]).map(({ name }) => name);
  assert.ok(names.includes("pods") && names.includes("pods/eviction") && names.includes("namespaces/finalize"));
  assert.equal((await server.ask("GET /apis/apps")).at("preferredVersion.groupVersion"), "apps/v1");
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
  const all = await server.ask("GET /apis", { headers: { accept } });
  assert.equal(all.at("kind"), "APIGroupDiscoveryList");
  const unchanged = { accept, "if-none-match": String(all.headers["etag"]) };
  assert.equal((await server.ask("GET /apis", { headers: unchanged })).code, 304);
  assert.equal((await server.ask("GET /version")).at("gitVersion"), "v1.36.0+kedge.1");
  assert.match((await server.ask("GET /readyz?verbose")).text, /\[\+\]ping ok\n[\s\S]*readyz check passed\n$/);
});

test("a direct client shares frozen objects and sees its own writes", async () => {
  const server = new TestApiServer();
  const client = server.api.directClient({ name: "part", groups: ["system:masters"] });
  const made = await client.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", namespace: "default" },
  });
  assert.ok(Object.isFrozen(made) && Object.isFrozen(made.metadata));
  assert.equal(await client.get(configMaps, { namespace: "default", name: "a" }), made);
  const leaving = new AbortController();
  const seen: string[] = [];
  for await (const event of client.watch(configMaps, {}, leaving.signal)) {
    seen.push(event.type === "bookmark" ? "bookmark" : `${event.type} ${String(event.object.metadata.name)}`);
    if (event.type === "bookmark") await client.delete(configMaps, { namespace: "default", name: "a" });
    if (event.type === "deleted") break;
  }
  assert.deepEqual(seen, ["added a", "bookmark", "deleted a"]);
  const eve = server.api.directClient({ name: "eve", groups: [] });
  await assert.rejects(eve.list(configMaps, {}), /User "eve" cannot list resource "configmaps"/);
});

test("a continue token that somebody made up is refused", async () => {
  const server = new TestApiServer();
  for (const rv of [1.5, -2, 1e300, 0, "1"]) {
    const token = Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv, start: "a\0" })).toString("base64url");
    const { code, text } = await server.ask(`GET ${maps}?limit=1&continue=${token}`);
    assert.equal(code, 400, `${rv}: ${text}`);
    assert.match(text, /continue key is not valid: incorrect encoded start resourceVersion/);
  }
});

test("a watch from a revision of another history is told to begin anew", async () => {
  const clock = new VirtualClock();
  const server = new TestApiServer({ clock });
  await server.ask(`POST ${maps}`, { body: { metadata: { name: "a" } } });
  const refused = server.ask(`GET ${maps}?watch=1&resourceVersion=5000`);
  await clock.advance(5_000);
  assert.deepEqual(
    [(await refused).at("object.code"), (await refused).at("object.reason")],
    [410, "Expired"],
    "not silence until there have been 5000 changes",
  );
});
