/**
 * What every Client does, as tests: the same suite runs over a memory cluster, a message port, HTTPS and the API server
 * itself. It works on ConfigMaps and Deployments of one namespace, which must exist and be empty.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObjectMeta } from "#machinery/meta.ts";
import { StatusError } from "#machinery/status.ts";
import { deployments } from "#resources/apps/deployment.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import type { Client, WatchEvent, WatchRequest } from "./client.ts";

export interface ContractOptions {
  /** A fresh client, and the namespace its objects go into. Disposed of after each test. */
  readonly open: () => Promise<AsyncDisposable & { readonly client: Client; readonly namespace: string }>;
}

interface Case {
  readonly client: Client;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

const timeoutMs = 30_000;

/** Declares the suite. */
export function clientContract(name: string, { open }: ContractOptions): void {
  for (const [behaviour, run] of Object.entries(cases)) {
    void test(`${name}: ${behaviour}`, { timeout: timeoutMs }, async () => {
      await using opened = await open();
      const end = new AbortController();
      try {
        await run({ client: opened.client, namespace: opened.namespace, signal: end.signal });
      } finally {
        end.abort();
      }
    });
  }
}

function configMap(
  namespace: string,
  name: string,
  rest: Partial<ConfigMap> & { labels?: ObjectMeta["labels"] } = {},
): ConfigMap {
  const { labels, ...members } = rest;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace, name, ...(labels ? { labels } : {}) },
    ...members,
  };
}

async function refused(work: Promise<unknown>, reason: string): Promise<void> {
  await assert.rejects(work, (error: unknown) => error instanceof StatusError && error.reason === reason, reason);
}

function watch(client: Client, request: WatchRequest, signal: AbortSignal): AsyncIterator<WatchEvent<ConfigMap>> {
  return client.watch(configMaps, request, signal)[Symbol.asyncIterator]();
}

/** `type name` of the next events. */
async function take(stream: AsyncIterator<WatchEvent<ConfigMap>>, count: number): Promise<string[]> {
  const seen: string[] = [];
  while (seen.length < count) {
    const next = await stream.next();
    if (next.done) break;
    const event = next.value;
    if (event.type !== "bookmark") seen.push(`${event.type} ${event.object.metadata.name}`);
    else if (event.initialEventsEnd) seen.push("bookmark");
  }
  return seen;
}

const cases: Readonly<Record<string, (one: Case) => Promise<void>>> = {
  "a created object is read back, frozen, and cannot be created twice": createsAndReads,
  "an update needs the newest version, and gets a new one": updates,
  "patches of every type are applied": patches,
  "a list selects, and comes in pages": lists,
  "a watch begins with what there is and goes on with changes": watchesFromNothing,
  "a watch from a version has every change since, once": watchesFromVersion,
  "a watch that asks for some fields gets those and no others, whatever happens to the object": watchesFields,
  "a watch follows its selection": watchesSelection,
  "a delete checks its preconditions, and waits for finalizers": deletes,
  "a collection is deleted by selection": deletesCollection,
  "an aborted call stops with the signal's reason": aborts,
};

async function createsAndReads({ client, namespace }: Case): Promise<void> {
  const key = { namespace, name: "a" };
  await refused(client.get(configMaps, key), "NotFound");
  const dry = await client.create(configMaps, configMap(namespace, "a"), { dryRun: true });
  assert.equal(dry.metadata.name, "a");
  await refused(client.get(configMaps, key), "NotFound");
  const created = await client.create(configMaps, configMap(namespace, "a", { data: { x: "1" } }));
  assert.ok(created.metadata.uid && created.metadata.resourceVersion && created.metadata.creationTimestamp);
  const read = await client.get(configMaps, key);
  assert.deepEqual(read, created);
  assert.equal(Object.isFrozen(read) && Object.isFrozen(read.metadata) && Object.isFrozen(read.data), true);
  assert.equal(read.kind, "ConfigMap");
  await refused(client.create(configMaps, configMap(namespace, "a")), "AlreadyExists");
}

async function updates({ client, namespace }: Case): Promise<void> {
  const created = await client.create(configMaps, configMap(namespace, "a"));
  const updated = await client.update(configMaps, { ...created, data: { x: "1" } });
  assert.notEqual(updated.metadata.resourceVersion, created.metadata.resourceVersion);
  await refused(client.update(configMaps, { ...created, data: { x: "2" } }), "Conflict");
  const same = await client.update(configMaps, updated);
  assert.equal(same.metadata.resourceVersion, updated.metadata.resourceVersion);
  await refused(client.update(configMaps, configMap(namespace, "absent")), "NotFound");
}

async function patches({ client, namespace }: Case): Promise<void> {
  const target = { resource: configMaps, key: { namespace, name: "a" } };
  await refused(client.patch(target, { type: "merge", body: {} }), "NotFound");
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { x: "1" } };
  await client.patch(target, { type: "apply", body, force: false }, { fieldManager: "one" });
  const merged = await client.patch(target, { type: "merge", body: { data: { x: null, y: "2" } } });
  assert.deepEqual(merged.data, { y: "2" });
  const operations = [{ op: "add", path: "/data/z", value: "3" }];
  assert.deepEqual((await client.patch(target, { type: "json", operations })).data, { y: "2", z: "3" });
  const other = { ...body, data: { y: "9" } };
  await refused(
    client.patch(target, { type: "apply", body: other, force: false }, { fieldManager: "two" }),
    "Conflict",
  );
  const forced = await client.patch(target, { type: "apply", body: other, force: true }, { fieldManager: "two" });
  assert.equal(forced.data?.["y"], "9");
  await patchesDeployment({ client, namespace });
}

async function patchesDeployment({ client, namespace }: Pick<Case, "client" | "namespace">): Promise<void> {
  const labels = { app: "a" };
  await client.create(deployments, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace, name: "d" },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "a", image: "a", resources: {} }] } },
      strategy: {},
    },
    status: {},
  });
  const body = { spec: { template: { spec: { containers: [{ name: "b", image: "b" }] } } } };
  const patched = await client.patch(
    { resource: deployments, key: { namespace, name: "d" } },
    { type: "strategic", body },
  );
  const names = patched.spec.template.spec.containers.map((container) => container.name);
  assert.deepEqual(names.toSorted(), ["a", "b"]);
}

async function lists({ client, namespace }: Case): Promise<void> {
  for (const name of ["a", "b", "c"])
    await client.create(configMaps, configMap(namespace, name, { labels: { odd: String(name !== "b") } }));
  const odd = await client.list(configMaps, { namespace, labelSelector: "odd=true" });
  assert.deepEqual(
    odd.items.map((item) => item.metadata.name),
    ["a", "c"],
  );
  assert.ok(odd.metadata.resourceVersion);
  const one = await client.list(configMaps, { namespace, fieldSelector: "metadata.name=b" });
  assert.deepEqual(
    one.items.map((item) => item.metadata.name),
    ["b"],
  );
  const first = await client.list(configMaps, { namespace, limit: 2 });
  assert.equal(first.items.length, 2);
  const rest = await client.list(configMaps, { namespace, limit: 2, continue: first.metadata.continue ?? "" });
  assert.deepEqual(
    rest.items.map((item) => item.metadata.name),
    ["c"],
  );
  assert.equal(rest.metadata.continue ?? "", "");
}

async function watchesFromNothing({ client, namespace, signal }: Case): Promise<void> {
  await client.create(configMaps, configMap(namespace, "a"));
  const stream = watch(client, { namespace }, signal);
  assert.deepEqual(await take(stream, 2), ["added a", "bookmark"]);
  const b = await client.create(configMaps, configMap(namespace, "b"));
  await client.update(configMaps, { ...b, data: { x: "1" } });
  await client.delete(configMaps, { namespace, name: "a" });
  assert.deepEqual(await take(stream, 3), ["added b", "modified b", "deleted a"]);
  await stream.return?.();
}

async function watchesFromVersion({ client, namespace, signal }: Case): Promise<void> {
  const a = await client.create(configMaps, configMap(namespace, "a"));
  await client.create(configMaps, configMap(namespace, "b"));
  await client.delete(configMaps, { namespace, name: "a" });
  const request = { namespace, resourceVersion: a.metadata.resourceVersion ?? "" };
  const stream = watch(client, request, signal);
  assert.deepEqual(await take(stream, 2), ["added b", "deleted a"]);
  await stream.return?.();
}

async function watchesSelection({ client, namespace, signal }: Case): Promise<void> {
  const a = await client.create(configMaps, configMap(namespace, "a"));
  const request = { namespace, labelSelector: "in=yes" };
  const stream = watch(client, request, signal);
  assert.deepEqual(await take(stream, 1), ["bookmark"]);
  const within = await client.update(configMaps, { ...a, metadata: { ...a.metadata, labels: { in: "yes" } } });
  await client.update(configMaps, { ...within, metadata: { ...within.metadata, labels: { in: "no" } } });
  assert.deepEqual(await take(stream, 2), ["added a", "deleted a"]);
  await stream.return?.();
}

async function deletes({ client, namespace }: Case): Promise<void> {
  const key = { namespace, name: "a" };
  const held = configMap(namespace, "a");
  await client.create(configMaps, { ...held, metadata: { ...held.metadata, finalizers: ["example.com/hold"] } });
  await refused(client.delete(configMaps, key, { uid: "other" }), "Conflict");
  const waiting = await client.delete(configMaps, key);
  assert.ok(waiting.metadata.deletionTimestamp);
  await client.patch({ resource: configMaps, key }, { type: "merge", body: { metadata: { finalizers: null } } });
  await refused(client.get(configMaps, key), "NotFound");
  await refused(client.delete(configMaps, key), "NotFound");
}

async function deletesCollection({ client, namespace }: Case): Promise<void> {
  for (const name of ["a", "b"]) await client.create(configMaps, configMap(namespace, name, { labels: { name } }));
  await client.deleteCollection(configMaps, { namespace, labelSelector: "name=a" });
  const left = await client.list(configMaps, { namespace });
  assert.deepEqual(
    left.items.map((item) => item.metadata.name),
    ["b"],
  );
}

async function aborts({ client, namespace, signal }: Case): Promise<void> {
  const reason = new Error("enough");
  await assert.rejects(client.list(configMaps, { namespace }, AbortSignal.abort(reason)), reason);
  const abort = new AbortController();
  const stream = watch(client, { namespace }, AbortSignal.any([abort.signal, signal]));
  assert.deepEqual(await take(stream, 1), ["bookmark"]);
  const waiting = stream.next();
  abort.abort(reason);
  await assert.rejects(waiting, reason);
}

async function watchesFields({ client, namespace, signal }: Case): Promise<void> {
  const fields = { metadata: { name: true, resourceVersion: true, labels: true }, data: { a: true } } as const;
  const made = await client.create(
    configMaps,
    configMap(namespace, "one", { data: { a: "1", b: "2" }, labels: { x: "y" } }),
  );
  const stream = watch(client, { namespace, fields }, signal);
  const next = async (): Promise<unknown> => {
    const { value } = await stream.next();
    return JSON.parse(JSON.stringify(value));
  };
  const seen = (resourceVersion: string | undefined, data: object): object => ({
    metadata: { name: "one", resourceVersion, labels: { x: "y" } },
    data,
  });
  assert.deepEqual(await next(), { type: "added", object: seen(made.metadata.resourceVersion, { a: "1" }) });
  await next();
  const changed = await client.update(configMaps, { ...made, data: { b: "3" } });
  assert.deepEqual(await next(), { type: "modified", object: seen(changed.metadata.resourceVersion, {}) });
  await client.delete(configMaps, { namespace, name: "one" });
  // Holds because a deletion brings the object.
  const last = (await next()) as { readonly type: string; readonly object: Readonly<Record<string, unknown>> };
  assert.deepEqual([last.type, last.object["data"], Object.keys(last.object)], ["deleted", {}, ["metadata", "data"]]);
}
