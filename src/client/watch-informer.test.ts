import assert from "node:assert/strict";
import { test } from "node:test";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import type { Client } from "./client.ts";
import type { InformerFactory } from "./informer.ts";
import { createInformers } from "./watch-informer.ts";

const map = (name: string, namespace = "default", data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  data,
});

interface Running extends AsyncDisposable {
  readonly cluster: MemoryCluster;
  readonly client: Client;
  readonly informers: InformerFactory;
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
