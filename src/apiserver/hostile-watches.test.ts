/** Watches and selections that mean harm, or leave at the worst moment: nobody but they themselves may notice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { untyped } from "#machinery/resource.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { openMemoryStore } from "#storage/memory.ts";
import { Selection } from "./selection.ts";
import { TestApiServer } from "#testing/api-server.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const merge = { "content-type": "application/merge-patch+json" };

function configMap(name: string, more: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...more } };
}

async function changed(server: TestApiServer, changes: number, sizeBytes = 0): Promise<void> {
  await server.ask(`POST ${maps}`, { body: configMap("a") });
  for (let change = 0; change < changes; change += 1) {
    const data = { k: String(change).padEnd(sizeBytes, "x") };
    await server.ask(`PATCH ${maps}/a`, { body: { data }, headers: merge });
  }
}

for (const field of ["__defineGetter__", "constructor", "__proto__", "toString"])
  test(`a selection by the inherited member ${field} is refused with 400, and writes go on`, async () => {
    const server = new TestApiServer();
    for (const target of [maps, `${maps}?watch=1`, "/api/v1/secrets?watch=1", "/api/v1/pods"]) {
      const joint = target.includes("?") ? "&" : "?";
      const refused = await server.ask(`GET ${target}${joint}fieldSelector=${field}%3Dx`);
      assert.equal(refused.code, 400, refused.text);
    }
    assert.equal((await server.ask(`POST ${maps}`, { body: configMap("a") })).code, 201);
    server.ending.abort();
  });

test("a watcher whose sink throws ends alone: the write succeeds and other watchers hear of it", async () => {
  const server = new TestApiServer();
  const broken = server.watch(`${maps}?watch=1`);
  const sound = server.watch(`${maps}?watch=1`);
  await server.ask(`POST ${maps}`, { body: configMap("a") });
  await Promise.all([broken.lines(1), sound.lines(1)]);
  broken.failsNow = true;
  assert.equal((await server.ask(`POST ${maps}`, { body: configMap("b") })).code, 201);
  assert.equal((await sound.lines(2)).length, 2);
  assert.ok(broken.signal.aborted, "the broken one is over");
  sound.leave();
});

test("a watch that is left while it catches up is over", { timeout: 20_000 }, async () => {
  const server = new TestApiServer();
  await changed(server, 1_200);
  const leaving = server.watch(`${maps}?watch=1&resourceVersion=1`);
  leaving.leave();
  assert.equal((await server.ask(`GET ${maps}/a`)).code, 200);
});

test("a watch ends in good order when the server's port closes", async () => {
  const server = new TestApiServer();
  const watching = server.watch(`${maps}?watch=1`);
  await server.ask(`POST ${maps}`, { body: configMap("a") });
  assert.equal((await watching.lines(1)).length, 1);
  watching.port.abort();
  await watching.served;
  assert.ok(watching.signal.aborted);
  server.ending.abort();
});

test("a watch that starts while its resource is replaced ends at once, so that its client comes again", async () => {
  const server = new TestApiServer();
  await server.ask(`POST ${maps}`, { body: configMap("a") });
  const { registry } = server.api.server;
  const served = registry.of(untyped(configMaps));
  assert.ok(served?.cache);
  registry.remove(untyped(configMaps));
  registry.add(untyped(configMaps));
  const selection = new Selection(served, served.cache.kind, { namespace: "", labelSelector: "", fieldSelector: "" });
  const ended = Promise.withResolvers<void>();
  const sink = { send: () => true, bookmark: () => true, drained: async () => undefined, end: () => ended.resolve() };
  const { signal } = new AbortController();
  await served.cache.watch(selection, { after: undefined, initialBookmark: false }, { sink, signal });
  await ended.promise;
});

test("a watcher that does not read is cut once it needs more of the past than memory may hold", async () => {
  const server = new TestApiServer();
  await changed(server, 1);
  const slow = server.watch(`${maps}?watch=1`);
  await slow.lines(1);
  slow.hold();
  await changed(server, 80, 500_000);
  assert.ok(slow.sent.length < 2_000_000, `${slow.sent.length} bytes were sent to one that does not read`);
  slow.release();
  await slow.served;
  assert.ok(slow.signal.aborted, "cut as soon as it reads on");
  assert.ok(slow.sent.length < 2_000_000, "and sent nothing after a gap");
});

test("a watcher that reads slowly gets every change in order", async () => {
  const server = new TestApiServer();
  await changed(server, 1);
  const slow = server.watch(`${maps}?watch=1`);
  await slow.lines(1);
  slow.hold();
  await changed(server, 2_500);
  slow.release();
  const versions = (await slow.lines(2_500)).map(
    (line) =>
      (JSON.parse(line) as { object: { metadata: { resourceVersion: string } } }).object.metadata.resourceVersion,
  );
  const first = Number(versions[0]);
  assert.deepEqual(
    versions,
    versions.map((_, at) => String(first + at)),
  );
  slow.leave();
});

test("a watch from further back than may be read is told to list anew", async () => {
  const store = openMemoryStore({ historyBytesMax: 1024 * 1024 * 1024 });
  const server = new TestApiServer({ store });
  await changed(server, 100, 500_000);
  const refused = await server.ask(`GET ${maps}?watch=1&resourceVersion=2`);
  assert.deepEqual([refused.code, refused.at("type"), refused.at("object.code")], [200, "ERROR", 410]);
});

test("ten thousand watches that were left leave nothing behind", async () => {
  const server = new TestApiServer();
  await changed(server, 1_100);
  const counted = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = counted();
  for (let round = 0; round < 100; round += 1) {
    const watches = Array.from({ length: 100 }, (_, at) =>
      server.watch(`${maps}?watch=1&allowWatchBookmarks=true${at % 20 === 0 ? "&resourceVersion=1" : ""}`),
    );
    if (round % 2 === 0) await Promise.all(watches.map((watch) => watch.lines(1)));
    for (const watch of watches) watch.leave();
    await Promise.all(watches.map((watch) => watch.served));
  }
  assert.deepEqual(server.api.server.seats.inUse("watch"), 0);
  assert.ok(counted() <= before + 1, `${counted()} timers, ${before} before`);
});

test("deletecollection that answers with an error goes no further", async () => {
  const server = new TestApiServer({
    admission: [
      {
        name: "refuses-f",
        handles: ({ operation }) => operation === "delete",
        validate: async ({ key }) => {
          if (key.name === "m000") throw new Error("as asked");
        },
      },
    ],
  });
  for (let at = 0; at < 100; at += 1)
    await server.ask(`POST ${maps}`, { body: configMap(`m${String(at).padStart(3, "0")}`) });
  assert.equal((await server.ask(`DELETE ${maps}`)).code, 500);
  const left = (await server.ask(`GET ${maps}`)).at("items.length");
  await new Promise((resolve) => void setImmediate(resolve));
  assert.equal((await server.ask(`GET ${maps}`)).at("items.length"), left, "nothing is deleted after the answer");
  assert.ok(Number(left) > 60, `${String(left)} are left`);
});

test("a continue token from the future is refused with 410, so that clients list anew", async () => {
  const server = new TestApiServer();
  await changed(server, 1);
  const token = Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: 4_000_000, start: "default/a\0" }));
  const refused = await server.ask(`GET ${maps}?limit=1&continue=${token.toString("base64url")}`);
  assert.deepEqual([refused.code, refused.at("reason")], [410, "Expired"], refused.text);
});
