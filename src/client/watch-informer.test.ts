import assert from "node:assert/strict";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import type { Client } from "./client.ts";
import { view } from "#machinery/view.ts";
import { createInformers, type SharedInformers } from "./watch-informer.ts";

const map = (name: string, namespace = "default", data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  data,
});

interface Running extends AsyncDisposable {
  readonly cluster: MemoryCluster;
  readonly client: Client;
  readonly informers: SharedInformers;
  readonly signal: AbortSignal;
}

function start(): Running {
  const cluster = new MemoryCluster(machineClock);
  const client = cluster.client("test");
  const end = new AbortController();
  const informers = createInformers(client, { clock: machineClock, log: silentLog }, end.signal);
  const stop = async (): Promise<void> => end.abort();
  return { cluster, client, informers, signal: end.signal, [Symbol.asyncDispose]: stop };
}

test("an informer holds what there is and follows changes, in order", async () => {
  await using running = start();
  const { client, informers, signal } = running;
  await client.create(configMaps, map("a"));
  const informer = informers.informer(configMaps);
  assert.equal(informers.informer(configMaps), informer);
  const seen: string[] = [];
  informer.onChange(
    ({ type, object, old }) => seen.push(`${type} ${object.metadata.name} ${old !== undefined}`),
    signal,
  );
  await informer.whenSynced(signal);
  const b = await client.create(configMaps, map("b", "other"));
  await client.update(configMaps, { ...b, data: { x: "1" } });
  const gone = await client.delete(configMaps, { namespace: "default", name: "a" });
  await informer.whenSeen(gone.metadata.resourceVersion ?? "", signal);
  assert.deepEqual(seen, ["added a false", "added b false", "modified b true", "deleted a true"]);
  assert.equal(informer.get({ namespace: "other", name: "b" })?.data?.["x"], "1");
  assert.deepEqual(informer.list("default"), []);
  assert.equal(informer.list().length, 1);
  const late: string[] = [];
  informer.onChange(({ type, object }) => late.push(`${type} ${object.metadata.name}`), signal);
  assert.deepEqual(late, ["added b"]);
});

test("a handler that throws keeps no change from the others", async () => {
  await using running = start();
  const { client, informers, signal } = running;
  const informer = informers.informer(configMaps);
  const seen: string[] = [];
  await informer.whenSynced(signal);
  informer.onChange(() => {
    throw new Error("as asked");
  }, signal);
  informer.onChange(({ object }) => seen.push(object.metadata.name ?? ""), signal);
  await client.create(configMaps, map("a"));
  const b = await client.create(configMaps, map("b"));
  await informer.whenSeen(b.metadata.resourceVersion ?? "", signal);
  assert.deepEqual(seen, ["a", "b"]);
});

test("a watch that ends goes on, one that is too old begins anew, and no change is missed or told twice", async () => {
  await using running = start();
  const { cluster, client, informers, signal } = running;
  const informer = informers.informer(configMaps);
  const seen: string[] = [];
  informer.onChange(({ type, object }) => seen.push(`${type} ${object.metadata.name}`), signal);
  await client.create(configMaps, map("a"));
  await client.create(configMaps, map("b"));
  await informer.whenSynced(signal);
  cluster.closeWatches();
  await client.create(configMaps, map("c"));
  cluster.closeWatches();
  await client.delete(configMaps, { namespace: "default", name: "a" });
  const last = await client.create(configMaps, map("d"));
  cluster.compact();
  await informer.whenSeen(last.metadata.resourceVersion ?? "", signal);
  assert.deepEqual(seen.toSorted(), ["added a", "added b", "added c", "added d", "deleted a"]);
});

test("indexes follow the objects, whenever they were declared", async () => {
  await using running = start();
  const { client, informers, signal } = running;
  const informer = informers.informer(configMaps, { namespace: "default" });
  const byData = (object: ConfigMap): string[] => Object.keys(object.data ?? {});
  const a = await client.create(configMaps, map("a", "default", { x: "", y: "" }));
  await client.create(configMaps, map("b", "other", { x: "" }));
  await informer.whenSeen(a.metadata.resourceVersion ?? "", signal);
  informer.addIndex("data", byData);
  assert.deepEqual(
    informer.byIndex("data", "x").map((object) => object.metadata.name),
    ["a"],
  );
  const updated = await client.update(configMaps, { ...a, data: { y: "" } });
  await informer.whenSeen(updated.metadata.resourceVersion ?? "", signal);
  assert.deepEqual(informer.byIndex("data", "x"), []);
  assert.deepEqual(informer.byIndex("data", "y"), [updated]);
  const c = await client.create(configMaps, map("c", "default", { y: "" }));
  await informer.whenSeen(c.metadata.resourceVersion ?? "", signal);
  assert.deepEqual(informer.byIndex("data", "y"), [updated, c]);
  const last = await client.update(configMaps, { ...updated, data: {} });
  await informer.whenSeen(last.metadata.resourceVersion ?? "", signal);
  assert.deepEqual(informer.byIndex("data", "y"), [c]);
});

test("waiting stops with the signal's reason", async () => {
  await using running = start();
  const informer = running.informers.informer(configMaps);
  const reason = new Error("enough");
  await assert.rejects(informer.whenSeen("1000", AbortSignal.abort(reason)), reason);
});

test("a handler or an index that throws reaches neither the watch nor other handlers", async () => {
  await using running = start();
  const { client, informers, signal } = running;
  const informer = informers.informer(configMaps);
  await informer.whenSynced(signal);
  const seen: string[] = [];
  informer.addIndex("broken", ({ metadata }) => {
    if (metadata.name === "a") throw new Error("an index of the test");
    return [metadata.name ?? ""];
  });
  informer.onChange(() => {
    throw new Error("a handler of the test");
  }, signal);
  informer.onChange(({ object }) => void seen.push(object.metadata.name ?? ""), signal);
  await client.create(configMaps, map("a"));
  const last = await client.create(configMaps, map("b"));
  await informer.whenSeen(last.metadata.resourceVersion ?? "", signal);
  assert.deepEqual(seen, ["a", "b"]);
  assert.equal(informer.byIndex("broken", "b").length, 1);
});

const labelsSeen = view(configMaps, { metadata: { labels: true } });
const dataSeen = view(configMaps, { data: { x: true } });

test("those who read parts of a kind share an informer that holds those parts and no others", async () => {
  await using running = start();
  const { client, informers, signal } = running;
  const [labels, data] = [informers.informer(labelsSeen), informers.informer(dataSeen)];
  const made = await client.create(configMaps, {
    ...map("a", "default", { x: "1", y: "2" }),
    metadata: { name: "a", namespace: "default", labels: { of: "a" }, annotations: { long: "text" } },
  });
  await labels.whenSeen(made.metadata.resourceVersion ?? "", signal);
  const seen = labels.get({ namespace: "default", name: "a" });
  assert.equal(data.get({ namespace: "default", name: "a" }), seen);
  const { name, namespace, uid, resourceVersion, labels: held } = made.metadata;
  const metadata = { name, namespace, uid, resourceVersion, labels: held };
  assert.deepEqual(seen, { apiVersion: "v1", kind: "ConfigMap", metadata, data: { x: "1" } });
  assert.deepEqual(informers.counts, { informers: 1, kinds: 1 });
});

test("who comes late and reads more gets an informer of its own, and whoever comes after it shares that one", async () => {
  await using running = start();
  const { client, informers, signal } = running;
  const early = informers.informer(labelsSeen);
  const made = await client.create(configMaps, map("a", "default", { x: "1" }));
  await early.whenSeen(made.metadata.resourceVersion ?? "", signal);
  const late = informers.informer(dataSeen);
  await late.whenSynced(signal);
  assert.equal(late.get({ namespace: "default", name: "a" })?.data?.x, "1");
  assert.equal(informers.informer(labelsSeen), late);
  assert.deepEqual(informers.counts, { informers: 2, kinds: 1 });
});

test("what is expected to be read later is held from the beginning", async () => {
  await using running = start();
  const { client, informers, signal } = running;
  informers.expect(dataSeen);
  const early = informers.informer(labelsSeen);
  const made = await client.create(configMaps, map("a", "default", { x: "1" }));
  await early.whenSeen(made.metadata.resourceVersion ?? "", signal);
  assert.equal(informers.informer(dataSeen).get({ namespace: "default", name: "a" })?.data?.x, "1");
  assert.deepEqual(informers.counts, { informers: 1, kinds: 1 });
});

test("many objects at the beginning, heard of by a slow handler, leave others their turns", async () => {
  await using running = start();
  const { client, informers, signal } = running;
  const count = 500;
  for (let at = 0; at < count; at += 1) await client.create(configMaps, map(`c${at}`));
  const informer = informers.informer(labelsSeen);
  let [heard, turns] = [0, 0];
  const burnUs = 400;
  informer.onChange(() => {
    heard += 1;
    const untilMs = performance.now() + burnUs / 1_000;
    while (performance.now() < untilMs);
  }, signal);
  const counting = setInterval(() => (turns += 1), 0);
  await informer.whenSynced(signal);
  clearInterval(counting);
  assert.equal(heard, count);
  // 200 ms of handlers, at 10 ms a stretch.
  assert.ok(turns >= 10, `${turns} turns`);
});
