/** The API server as it is put together for a cluster: who may do what, and what admission makes of it. */
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
import { secrets } from "#resources/core/secret.ts";

const life = new AbortController();
let api: Api;
let server: TestApiServer;

before(async () => {
  const outcome = await readConfig("server", { args: [], env: {} });
  assert.equal(outcome.kind, "config");
  if (outcome.kind !== "config") return;
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
  for (const body of [
    { kind: "ServiceAccount", apiVersion: "v1", metadata: { name: "default" } },
    pod("here", { nodeName: "a", volumes: [{ name: "v", secret: { secretName: "used" } }] }),
    secret("used"),
    secret("other"),
  ])
    assert.equal((await create(body)).code, 201);
});

after(() => life.abort(new Error("the test is over")));

function pod(name: string, spec: object = {}): object {
  const containers = [{ name: "c", image: "i" }];
  return { kind: "Pod", apiVersion: "v1", metadata: { name }, spec: { containers, ...spec } };
}

function secret(name: string): object {
  return { kind: "Secret", apiVersion: "v1", metadata: { name } };
}

const paths: Readonly<Record<string, string>> = { ServiceAccount: "serviceaccounts", ResourceQuota: "resourcequotas" };

function create(
  body: object,
  as: { readonly user?: string; readonly organizations?: readonly string[] } = {},
): Promise<TestAnswer> {
  const { kind } = body as { kind: string };
  const plural = paths[kind] ?? `${kind.toLowerCase()}s`;
  return server.ask(`POST /api/v1/namespaces/default/${plural}`, { body, ...as });
}

const node = { user: "system:node:a", organizations: ["system:nodes"] };
const nobody = { user: "jane", organizations: [] };

const requests: readonly (readonly [who: typeof node, line: string, code: number])[] = [
  [nobody, "GET /api", 200],
  [nobody, "GET /version", 200],
  [nobody, "GET /api/v1/namespaces/default/pods", 403],
  [node, "GET /api/v1/namespaces/default/secrets/used", 200],
  [node, "GET /api/v1/namespaces/default/secrets/other", 403],
  [node, "GET /api/v1/namespaces/default/secrets", 403],
  [node, "GET /api/v1/pods?fieldSelector=spec.nodeName%3Da", 200],
  [node, "GET /api/v1/pods", 403],
  [node, "GET /api/v1/nodes/b", 403],
  [node, "DELETE /api/v1/namespaces/default/secrets/used", 403],
];

for (const [who, line, code] of requests)
  test(`${who.user}: ${line} is answered with ${code}`, async () => {
    assert.equal((await server.ask(line, who)).code, code);
  });

test("a node in this process watches the objects its pods use, one by one", async () => {
  const client = api.clientFor({ name: node.user, groups: node.organizations });
  const watchOf = (name: string) =>
    client.watch(secrets, { namespace: "default", fieldSelector: `metadata.name=${name}` }, life.signal);
  for await (const event of watchOf("used")) {
    assert.equal(event.type, "added");
    break;
  }
  await assert.rejects(watchOf("other")[Symbol.asyncIterator]().next(), /forbidden/);
});

test("a pod gets its account, its token, its tolerations and its priority", async () => {
  const made = await create(pod("full"));
  assert.equal(made.at("spec.serviceAccountName"), "default");
  assert.equal(made.at("spec.volumes.0.projected.sources.0.serviceAccountToken.path"), "token");
  assert.equal(made.at("spec.tolerations.1.key"), "node.kubernetes.io/unreachable");
  assert.equal(made.at("spec.priority"), 0);
});

test("a pod of an account that does not exist is refused", async () => {
  const refused = await create(pod("stray", { serviceAccountName: "ghost" }));
  assert.equal(refused.code, 403);
  assert.match(refused.text, /service account default\/ghost/);
});

test("services get addresses of their own, and keep them when a client leaves them out", async () => {
  const ports = [{ port: 80 }];
  const body = { kind: "Service", apiVersion: "v1", metadata: { name: "web" }, spec: { ports, type: "NodePort" } };
  const made = await create(body);
  const address = made.at("spec.clusterIP");
  const nodePort = made.at("spec.ports.0.nodePort");
  assert.match(String(address), /^10\.43\./);
  assert.ok(Number(nodePort) >= 30_000 && Number(nodePort) <= 32_767);
  const taken = { ...body, metadata: { name: "second" }, spec: { ports, clusterIP: address } };
  const refused = await create(taken);
  assert.equal(refused.code, 422);
  assert.match(refused.text, /provided IP is already allocated/);
  for (const clusterIP of ["10.43.0.0", "10.43.255.255"]) {
    const network = await create({ ...body, metadata: { name: "network" }, spec: { ports, clusterIP } });
    assert.equal(network.code, 422, network.text);
    assert.match(network.text, /the provided network does not match the current range/);
  }
  const kept = await server.ask("PUT /api/v1/namespaces/default/services/web", { body });
  assert.deepEqual([kept.at("spec.clusterIP"), kept.at("spec.ports.0.nodePort")], [address, nodePort]);
});

test("a service that turns into a name gives back what its type needed", async () => {
  const body = { kind: "Service", apiVersion: "v1", metadata: { name: "turns" } };
  await create({ ...body, spec: { type: "NodePort", ports: [{ port: 80 }] } });
  const path = "/api/v1/namespaces/default/services/turns";
  const headers = { "content-type": "application/merge-patch+json" };
  const patch = { spec: { type: "ExternalName", externalName: "example.com" } };
  const turned = await server.ask(`PATCH ${path}`, { body: patch, headers });
  assert.deepEqual(turned.at("spec"), {
    ...patch.spec,
    ports: [{ protocol: "TCP", port: 80, targetPort: 80 }],
    sessionAffinity: "None",
    internalTrafficPolicy: "Cluster",
  });
});

test("a role may only grant what its writer has", async () => {
  const verbs = ["create"];
  const mine = { apiGroups: ["authorization.k8s.io"], resources: ["selfsubjectaccessreviews"], verbs };
  const foreign = { apiGroups: [""], resources: ["secrets"], verbs: ["get"] };
  const writer = {
    kind: "ClusterRole",
    apiVersion: "rbac.authorization.k8s.io/v1",
    metadata: { name: "writer" },
    rules: [{ apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles"], verbs }],
  };
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "writer" };
  const binding = {
    kind: "ClusterRoleBinding",
    apiVersion: "rbac.authorization.k8s.io/v1",
    metadata: { name: "writer" },
    roleRef,
    subjects: [{ kind: "User", name: "jane", apiGroup: roleRef.apiGroup }],
  };
  const group = "/apis/rbac.authorization.k8s.io/v1";
  assert.equal((await server.ask(`POST ${group}/clusterroles`, { body: writer })).code, 201);
  assert.equal((await server.ask(`POST ${group}/clusterrolebindings`, { body: binding })).code, 201);
  const role = (name: string, rule: object): object => ({ ...writer, metadata: { name }, rules: [rule] });
  assert.equal((await server.ask(`POST ${group}/clusterroles`, { body: role("mine", mine), ...nobody })).code, 201);
  const refused = await server.ask(`POST ${group}/clusterroles`, { body: role("foreign", foreign), ...nobody });
  assert.equal(refused.code, 403);
  assert.match(refused.text, /attempting to grant RBAC permissions not currently held/);
});

test("a token of an account is good while the pod it is bound to lives", async () => {
  const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: "bound" };
  await create(pod("bound"));
  const body = { kind: "TokenRequest", apiVersion: "authentication.k8s.io/v1", spec: { boundObjectRef } };
  const made = await server.ask("POST /api/v1/namespaces/default/serviceaccounts/default/token", { body });
  assert.equal(made.code, 201);
  const review = {
    kind: "TokenReview",
    apiVersion: "authentication.k8s.io/v1",
    spec: { token: made.at("status.token") },
  };
  const ask = (): Promise<TestAnswer> =>
    server.ask("POST /apis/authentication.k8s.io/v1/tokenreviews", { body: review });
  assert.equal((await ask()).at("status.user.username"), "system:serviceaccount:default:default");
  await server.ask("DELETE /api/v1/namespaces/default/pods/bound?gracePeriodSeconds=0");
  const ended = await ask();
  assert.notEqual(ended.at("status.authenticated"), true);
  assert.match(String(ended.at("status.error")), /pod "bound" has been deleted/);
});

test("a quota is held when two writes come at once", async () => {
  const quota = {
    kind: "ResourceQuota",
    apiVersion: "v1",
    metadata: { name: "q" },
    spec: { hard: { "count/configmaps": "1" } },
  };
  assert.equal((await create(quota)).code, 201);
  const status = { ...quota, status: { hard: { "count/configmaps": "1" }, used: { "count/configmaps": "0" } } };
  await server.ask("PUT /api/v1/namespaces/default/resourcequotas/q/status", { body: status });
  const configMap = (name: string): object => ({ kind: "ConfigMap", apiVersion: "v1", metadata: { name } });
  const answers = await Promise.all(["one", "two", "three"].map((name) => create(configMap(name))));
  assert.deepEqual(
    answers.map(({ code }) => code).toSorted((a, b) => a - b),
    [201, 403, 403],
  );
  const refused = answers.find(({ code }) => code === 403);
  assert.match(
    refused?.text ?? "",
    /exceeded quota: q, requested: count\/configmaps=1, used: count\/configmaps=1, limited: count\/configmaps=1/,
  );
});

test("limits of a namespace are filled in and held", async () => {
  const limits = [{ type: "Container", default: { cpu: "200m" }, defaultRequest: { cpu: "100m" }, max: { cpu: "1" } }];
  const range = { kind: "LimitRange", apiVersion: "v1", metadata: { name: "r" }, spec: { limits } };
  assert.equal((await create(range)).code, 201);
  const made = await create(pod("limited"));
  assert.deepEqual(
    [made.at("spec.containers.0.resources.requests.cpu"), made.at("spec.containers.0.resources.limits.cpu")],
    ["100m", "200m"],
  );
  const greedy = { containers: [{ name: "c", image: "i", resources: { limits: { cpu: "2" } } }] };
  const refused = await create(pod("greedy", greedy));
  assert.equal(refused.code, 403);
  assert.match(refused.text, /maximum cpu usage per Container is 1, but limit is 2/);
});

test("nothing is created in a namespace that does not exist, and default stays", async () => {
  const body = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" } };
  assert.equal((await server.ask("POST /api/v1/namespaces/nowhere/configmaps", { body })).code, 404);
  assert.equal((await server.ask("DELETE /api/v1/namespaces/default")).code, 403);
});
