/** What a write takes before it is made - quota, addresses, ports - and gives back when it is not. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { writeBootstrapObjects } from "#apiserver/bootstrap.ts";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import { machineRandom } from "#base/random.ts";
import { openMemoryStore } from "#storage/memory.ts";
import { TestApiServer, type TestAnswer } from "#testing/api-server.ts";
import { newKey } from "#wire/x509.ts";
import { readConfig } from "../config.ts";
import { Destinations } from "./destinations.ts";
import { createApi, type Api } from "./api.ts";

const life = new AbortController();
let api: Api;
let server: TestApiServer;

before(async () => {
  const outcome = await readConfig("server", { args: [], env: {} });
  assert(outcome.kind === "config");
  const destinations = new Destinations({ nodeName: "", serviceCidr: "10.43.0.0/16", apiPort: () => 6443 });
  const kubeletOf = (): never => assert.fail("no kubelet is asked here");
  const parts = { store: openMemoryStore(), clock: machineClock, random: machineRandom, log: silentLog };
  const options = { ...parts, config: outcome.config, metrics: new Metrics(), serviceKey: newKey(), checks: [] };
  api = createApi({ ...options, kubeletOf, destinations }, life.signal);
  server = new TestApiServer(api.server);
  const addresses = { serviceCidr: "10.43.0.0/16", serviceAddress: "10.43.0.1", advertiseAddress: "192.0.2.1" };
  const bootstrap = { ...addresses, client: api.system, advertisePort: 6443, clientCa: "", requestHeaderCa: "" };
  await writeBootstrapObjects(bootstrap, life.signal);
  await api.whenReady(life.signal);
});

after(() => life.abort(new Error("the test is over")));

const services = "/api/v1/namespaces/default/services";
const merge = { "content-type": "application/merge-patch+json" };

function service(name: string, spec: object = {}, more: object = {}): object {
  const ports = [{ port: 80 }];
  return { kind: "Service", apiVersion: "v1", metadata: { name, ...more }, spec: { ports, ...spec } };
}

function post(path: string, body: object): Promise<TestAnswer> {
  return server.ask(`POST ${path}`, { body });
}

async function must(code: number, answer: Promise<TestAnswer>): Promise<TestAnswer> {
  const found = await answer;
  assert.equal(found.code, code, found.text);
  return found;
}

test("an address and a port that a deleted Service had can be taken again", async () => {
  const spec = { type: "NodePort", clusterIP: "10.43.7.7", ports: [{ port: 80, nodePort: 30_777 }] };
  for (let round = 0; round < 3; round += 1) {
    await must(201, post(services, service("again", spec)));
    await must(200, server.ask(`DELETE ${services}/again`));
  }
});

for (const [what, path, code] of [
  ["is refused since its name is taken", services, 409],
  ["is not valid", services, 422],
  ["is a dry run", `${services}?dryRun=All`, 201],
] as const)
  test(`an address that a create which ${what} asked for stays free`, async () => {
    const clusterIP = "10.43.7.8";
    await must(201, post(services, service("taken")));
    const name = code === 409 ? "taken" : "fresh";
    const spec =
      code === 422 ? { clusterIP, ports: [{ port: 80, nodePort: 30_778, protocol: "Bogus" }] } : { clusterIP };
    await must(code, post(path, service(name, spec)));
    await must(201, post(services, service("fresh", { clusterIP })));
    for (const each of ["taken", "fresh"]) await must(200, server.ask(`DELETE ${services}/${each}`));
  });

test("of many creates at once that ask for one address one gets it", async () => {
  const creates = Array.from({ length: 20 }, (_, at) =>
    post(services, service(`race-${at}`, { clusterIP: "10.43.7.9" })),
  );
  const codes = (await Promise.all(creates)).map(({ code }) => code);
  assert.equal(codes.filter((code) => code === 201).length, 1);
  assert.equal(codes.filter((code) => code === 422).length, 19);
});

test("the addresses of the API and of the cluster's DNS are not a tenant's to take", async () => {
  for (const clusterIP of ["10.43.0.1", "10.43.0.10"]) {
    const answer = await must(422, post(services, service("thief", { clusterIP })));
    assert.match(answer.text, /provided IP is already allocated/);
  }
  await must(201, post("/api/v1/namespaces/kube-system/services", service("kube-dns", { clusterIP: "10.43.0.10" })));
});

test("a quota can be patched while its namespace is written to", { timeout: 20_000 }, async () => {
  await must(201, post("/api/v1/namespaces", { kind: "Namespace", apiVersion: "v1", metadata: { name: "busy" } }));
  const quotas = "/api/v1/namespaces/busy/resourcequotas";
  const spec = { hard: { configmaps: "1000", resourcequotas: "5" } };
  await must(201, post(quotas, { kind: "ResourceQuota", apiVersion: "v1", metadata: { name: "q" }, spec }));
  await must(200, server.ask(`PATCH ${quotas}/q/status`, { headers: merge, body: { status: spec } }));
  const creates = Array.from({ length: 60 }, (_, at) =>
    post("/api/v1/namespaces/busy/configmaps", { kind: "ConfigMap", apiVersion: "v1", metadata: { name: `m-${at}` } }),
  );
  const patches = Array.from({ length: 20 }, (_, at) =>
    server.ask(`PATCH ${quotas}/q`, { headers: merge, body: { metadata: { labels: { at: String(at) } } } }),
  );
  const codes = (await Promise.all([...creates, ...patches])).map(({ code }) => code);
  assert.deepEqual(new Set(codes), new Set([201, 200]));
  assert.equal((await server.ask(`GET ${quotas}/q`)).at("status.used.configmaps"), "60");
});

test("what a write that was refused had charged is given back", async () => {
  await must(201, post("/api/v1/namespaces", { kind: "Namespace", apiVersion: "v1", metadata: { name: "once" } }));
  const quotas = "/api/v1/namespaces/once/resourcequotas";
  const spec = { hard: { configmaps: "10" } };
  await must(201, post(quotas, { kind: "ResourceQuota", apiVersion: "v1", metadata: { name: "q" }, spec }));
  await must(200, server.ask(`PATCH ${quotas}/q/status`, { headers: merge, body: { status: spec } }));
  const body = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "same" } };
  const answers = await Promise.all(Array.from({ length: 8 }, () => post("/api/v1/namespaces/once/configmaps", body)));
  assert.equal(answers.filter(({ code }) => code === 201).length, 1);
  assert.equal((await server.ask(`GET ${quotas}/q`)).at("status.used.configmaps"), "1");
});
