/**
 * What changes together with an object: nobody takes the last of a quota, an address or a port twice, be it at the same
 * moment, at another server of the same store, or in a write that fails.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openMemoryStore } from "#storage/memory.ts";
import type { Store } from "#storage/store.ts";
import type { TestAnswer } from "#testing/api-server.ts";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";

const life = new AbortController();
const merge = { "content-type": "application/merge-patch+json" };
const services = "/api/v1/namespaces/default/services";
const maps = "/api/v1/namespaces/default/configmaps";
const quotas = "/api/v1/namespaces/default/resourcequotas";
let commits = 0;
let servers: readonly [ClusterApi, ClusterApi];

before(async () => {
  const store = counted(openMemoryStore());
  servers = [await startClusterApi(life.signal, store), await startClusterApi(life.signal, store)];
});
after(() => life.abort(new Error("the test is over")));

function counted(store: Store): Store {
  return new Proxy(store, {
    get: (target, name: keyof Store) => {
      if (name === "commit") commits += 1;
      const member = target[name];
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** The same question often at once, at both servers in turns. */
function ask(times: number, question: (at: number) => readonly [string, object]): Promise<TestAnswer[]> {
  return Promise.all(
    Array.from({ length: times }, (_, at) => {
      const [line, body] = question(at);
      return servers[at % 2 === 0 ? 0 : 1].server.ask(line, { body });
    }),
  );
}

const codesOf = (answers: readonly TestAnswer[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { code } of answers) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
};

const configMap = (name: string): object => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
const service = (name: string, spec: object): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});

async function makeQuota(name: string, hard: object): Promise<void> {
  const [{ server }] = servers;
  const body = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name }, spec: { hard } };
  assert.equal((await server.ask(`POST ${quotas}`, { body })).code, 201);
  const status = await server.ask(`PATCH ${quotas}/${name}/status`, { body: { status: { hard } }, headers: merge });
  assert.equal(status.code, 200, status.text);
}

async function usedOf(name: string): Promise<unknown> {
  return (await servers[0].server.ask(`GET ${quotas}/${name}`)).at("status.used");
}

test("as many come in as a quota allows, whichever server they ask, and each is counted", async () => {
  await makeQuota("few", { configmaps: "30" });
  commits = 0;
  const answers = await ask(100, (at) => [`POST ${maps}`, configMap(`few-${at}`)]);
  assert.deepEqual(codesOf(answers), { 201: 30, 403: 70 });
  assert.deepEqual(await usedOf("few"), { configmaps: "30" });
  // One server's writes are charged together.
  assert(commits < 30, `found ${commits} commits`);
  const refused = answers.find(({ code }) => code === 403);
  assert.match(
    String(refused?.at("message")),
    /^configmaps "few-\d+" is forbidden: exceeded quota: few, requested: configmaps=1, used: configmaps=30, limited: configmaps=30$/,
  );
});

test("what is not written is not charged", async () => {
  await makeQuota("dry", { "count/secrets": "5" });
  const [{ server }] = servers;
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" } };
  const at = "POST /api/v1/namespaces/default/secrets";
  assert.equal((await server.ask(`${at}?dryRun=All`, { body: secret })).code, 201);
  assert.equal(await usedOf("dry"), undefined);
  assert.deepEqual(codesOf(await ask(20, () => [at, secret])), { 201: 1, 409: 19 });
  assert.deepEqual(await usedOf("dry"), { "count/secrets": "1" });
});

test("one of many gets an address or a port that all ask for", async () => {
  for (const spec of [{ clusterIP: "10.43.9.9" }, { type: "NodePort", ports: [{ port: 80, nodePort: 30_100 }] }]) {
    const kind = "clusterIP" in spec ? "ip" : "port";
    const answers = await ask(20, (at) => [`POST ${services}`, service(`${kind}-${at}`, spec)]);
    assert.deepEqual(codesOf(answers), { 201: 1, 422: 19 });
    assert.match(String(answers.find(({ code }) => code === 422)?.at("message")), /already allocated/);
  }
});

test("addresses and ports that are chosen for many at once all differ", async () => {
  const answers = await ask(60, (at) => [`POST ${services}`, service(`many-${at}`, { type: "NodePort" })]);
  assert.deepEqual(codesOf(answers), { 201: 60 });
  assert.equal(new Set(answers.map((answer) => answer.at("spec.clusterIP"))).size, 60);
  assert.equal(new Set(answers.map((answer) => answer.at("spec.ports.0.nodePort"))).size, 60);
});

test("an address is an object as long as its Service has it, and is free again in the same moment", async () => {
  const [{ server }, { server: other }] = servers;
  const address = "/apis/networking.k8s.io/v1/ipaddresses/10.43.8.8";
  const spec = { clusterIP: "10.43.8.8", type: "NodePort", ports: [{ port: 80, nodePort: 30_200 }] };
  for (const name of ["first", "second", "third"]) {
    assert.equal((await server.ask(`POST ${services}`, { body: service(name, spec) })).code, 201);
    const held = await other.ask(`GET ${address}`);
    assert.deepEqual(held.at("spec.parentRef"), { group: "", resource: "services", namespace: "default", name });
    if (name === "second") {
      // It goes by its last finalizer.
      const waiting = { metadata: { finalizers: ["example.com/wait"] } };
      await server.ask(`PATCH ${services}/${name}`, { body: waiting, headers: merge });
      await server.ask(`DELETE ${services}/${name}`);
      assert.equal((await other.ask(`GET ${address}`)).code, 200);
      await server.ask(`PATCH ${services}/${name}`, { body: { metadata: { finalizers: null } }, headers: merge });
    } else await server.ask(`DELETE ${services}/${name}`);
    assert.equal((await other.ask(`GET ${address}`)).code, 404);
  }
});

test("a Service that becomes another type gives back what it does not need any more", async () => {
  const [{ server }] = servers;
  const port = { port: 80, nodePort: 30_300 };
  await server.ask(`POST ${services}`, { body: service("turns", { type: "NodePort", ports: [port] }) });
  const body = { spec: { type: "ClusterIP", ports: [{ port: 80 }] } };
  assert.equal((await server.ask(`PATCH ${services}/turns`, { body, headers: merge })).code, 200);
  const next = await server.ask(`POST ${services}`, { body: service("takes", { type: "NodePort", ports: [port] }) });
  assert.equal(next.code, 201, next.text);
});

test("who deletes again what waits for its finalizer writes nothing", async () => {
  const [{ server }] = servers;
  const body = { ...configMap("waits"), metadata: { name: "waits", finalizers: ["example.com/wait"] } };
  await server.ask(`POST ${maps.replace("default", "kube-public")}`, { body });
  const at = `${maps.replace("default", "kube-public")}/waits`;
  const first = await server.ask(`DELETE ${at}`);
  const again = await server.ask(`DELETE ${at}`);
  assert.deepEqual([first.code, again.code], [200, 200]);
  assert.equal(again.at("metadata.resourceVersion"), first.at("metadata.resourceVersion"));
  assert.notEqual(again.at("metadata.deletionTimestamp"), undefined);
});
