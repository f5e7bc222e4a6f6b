/** What clients see of each verb, over the memory store and without sockets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "#testing/api-server.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";

function configMap(name: string, more: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...more }, data: { key: "value" } };
}

test("create() answers 201 with stamped metadata, get the same bytes", async () => {
  const server = new TestApiServer();
  const made = await server.ask(`POST ${maps}`, { body: configMap("a", { labels: { x: "y" }, uid: "forged" }) });
  assert.equal(made.code, 201);
  assert.match(String(made.at("metadata.uid")), /^[0-9a-f-]{36}$/);
  assert.match(String(made.at("metadata.creationTimestamp")), /^\d{4}-.*Z$/);
  assert.equal(made.at("metadata.namespace"), "default");
  assert.equal(made.at("metadata.managedFields.0.operation"), "Update");
  assert.equal((await server.ask(`GET ${maps}/a`)).text, made.text);
});

for (const [what, line, options, code, message] of [
  ["a taken name", `POST ${maps}`, { body: configMap("a") }, 409, 'configmaps "a" already exists'],
  ["an object that is not there", `GET ${maps}/b`, {}, 404, 'configmaps "b" not found'],
  [
    "another namespace than that of the URL",
    `POST ${maps}`,
    { body: configMap("b", { namespace: "other" }) },
    400,
    "the namespace of the provided object does not match the namespace sent on the request",
  ],
  [
    "an invalid name",
    `POST ${maps}`,
    { body: configMap("A_b") },
    422,
    /^ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must/,
  ],
  [
    "an unknown field under strict validation",
    `POST ${maps}?fieldValidation=Strict`,
    { body: { ...configMap("b"), dada: 1 } },
    400,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dada"',
  ],
  [
    "a duplicate field under strict validation",
    `POST ${maps}?fieldValidation=Strict`,
    { body: '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"b"},"data":{"a":"1","a":"2"}}' },
    400,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a"',
  ],
  [
    "another kind",
    `POST ${maps}`,
    { body: { ...configMap("b"), apiVersion: "apps/v1" } },
    400,
    "the API version in the data (apps/v1) does not match the expected API version (v1)",
  ],
  ["text that is no JSON", `POST ${maps}`, { body: "{" }, 400, /^the object provided is unrecognized/],
  [
    "an unknown media type",
    `POST ${maps}`,
    { body: "{}", headers: { "content-type": "text/plain" } },
    415,
    /^the body of the request was in an unknown format/,
  ],
  [
    "an Accept it cannot serve",
    `GET ${maps}/a`,
    { headers: { accept: "text/html" } },
    406,
    /^only the following media/,
  ],
  [
    "a resourceVersion that has passed",
    `PUT ${maps}/a`,
    { body: configMap("a", { resourceVersion: "1" }) },
    409,
    /has been modified/,
  ],
  ["another uid", `PUT ${maps}/a`, { body: configMap("a", { uid: "x" }) }, 409, /UID in precondition: x/],
  [
    "another name than that of the URL",
    `PUT ${maps}/a`,
    { body: configMap("b") },
    400,
    /does not match the name on the URL/,
  ],
  [
    "a delete with another uid",
    `DELETE ${maps}/a`,
    { body: { preconditions: { uid: "x" } } },
    409,
    /UID in the precondition \(x\)/,
  ],
  ["a method that is not there", `PATCH ${maps}`, {}, 405, /does not allow this method/],
  ["a dry run that says nothing", `POST ${maps}?dryRun=`, { body: configMap("b") }, 422, /dryRun: Unsupported value/],
  [
    "a deletion of a collection with options that are none, even of nothing",
    `DELETE ${maps}?labelSelector=none`,
    { body: { dryRun: ["Some"] } },
    422,
    /dryRun: Unsupported value/,
  ],
  ["a dry run that is neither", `POST ${maps}?dryRun=Some`, { body: configMap("b") }, 422, /Unsupported value/],
  [
    "a user without rights",
    `GET ${maps}`,
    { user: "eve", organizations: [] },
    403,
    'configmaps is forbidden: User "eve" cannot list resource "configmaps" in API group "" in the namespace "default"',
  ],
  ["an unknown field selector", `GET ${maps}?fieldSelector=a%3Db`, {}, 400, /is not a known field selector/],
  [
    "a list of a past that never was",
    `GET ${maps}?resourceVersion=7&resourceVersionMatch=Most`,
    {},
    422,
    /resourceVersionMatch: Unsupported value: "Most"/,
  ],
] as const)
  test(`refuses ${what} with ${code}`, async () => {
    const server = new TestApiServer();
    await server.ask(`POST ${maps}`, { body: configMap("before") });
    await server.ask(`POST ${maps}`, { body: configMap("a") });
    const refused = await server.ask(line, options);
    assert.equal(refused.code, code, refused.text);
    if (typeof message === "string") assert.equal(refused.at("message"), message);
    else assert.match(String(refused.at("message")), message);
    assert.equal(refused.at("kind"), "Status");
    assert.equal(refused.at("code"), code);
  });

test("an unknown path is not found, an unknown resource too", async () => {
  const server = new TestApiServer();
  assert.equal((await server.ask("GET /nothing")).text, "404 page not found\n");
  assert.equal((await server.ask("GET /api/v1/nothings")).code, 404);
});

test("warns of unknown fields unless told otherwise", async () => {
  const server = new TestApiServer();
  const made = await server.ask(`POST ${maps}`, { body: { ...configMap("a"), dada: 1 } });
  assert.equal(made.code, 201);
  assert.deepEqual(made.headers["warning"], ['299 - "unknown field \\"dada\\""']);
});

test("generateName is ended at random", async () => {
  const server = new TestApiServer();
  const made = await server.ask(`POST ${maps}`, {
    body: { kind: "ConfigMap", apiVersion: "v1", metadata: { generateName: "a-" } },
  });
  assert.match(String(made.at("metadata.name")), /^a-[a-z0-9]{5}$/);
});

test("a dry run changes nothing", async () => {
  const server = new TestApiServer();
  assert.equal((await server.ask(`POST ${maps}?dryRun=All`, { body: configMap("a") })).code, 201);
  assert.equal((await server.ask(`GET ${maps}/a`)).code, 404);
  await server.ask(`POST ${maps}`, { body: configMap("a") });
  const before = (await server.ask(`GET ${maps}/a`)).text;
  const patch = { body: { data: { key: "new" } }, headers: { "content-type": "application/merge-patch+json" } };
  assert.equal((await server.ask(`PATCH ${maps}/a?dryRun=All`, patch)).at("data.key"), "new");
  assert.equal((await server.ask(`DELETE ${maps}/a?dryRun=All`)).code, 200);
  assert.equal((await server.ask(`GET ${maps}/a`)).text, before);
});

for (const [type, body, data] of [
  ["application/json-patch+json", [{ op: "add", path: "/data/b", value: "1" }], { key: "value", b: "1" }],
  ["application/merge-patch+json", { data: { key: null, b: "1" } }, { b: "1" }],
  ["application/strategic-merge-patch+json", { data: { b: "1" } }, { key: "value", b: "1" }],
  ["application/apply-patch+yaml", { apiVersion: "v1", kind: "ConfigMap", data: { b: "1" } }, { key: "value", b: "1" }],
] as const)
  test(`patches by ${type}`, async () => {
    const server = new TestApiServer();
    await server.ask(`POST ${maps}`, { body: configMap("a") });
    const headers = { "content-type": type };
    const patched = await server.ask(`PATCH ${maps}/a?fieldManager=me`, { body, headers });
    assert.equal(patched.code, 200, patched.text);
    assert.deepEqual(patched.at("data"), data);
  });

test("apply creates what is not there, with 201", async () => {
  const server = new TestApiServer();
  const headers = { "content-type": "application/apply-patch+yaml" };
  const body = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {k: v}\n";
  const made = await server.ask(`PATCH ${maps}/a?fieldManager=me`, { body, headers });
  assert.equal(made.code, 201, made.text);
  assert.equal(made.at("metadata.managedFields.0.operation"), "Apply");
});

test("a write that changes nothing keeps the resourceVersion", async () => {
  const server = new TestApiServer();
  const made = await server.ask(`POST ${maps}`, { body: configMap("a") });
  const again = await server.ask(`PUT ${maps}/a`, { body: configMap("a") });
  assert.equal(again.at("metadata.resourceVersion"), made.at("metadata.resourceVersion"));
});

test("status and spec are written apart, and only a change of spec counts a generation", async () => {
  const server = new TestApiServer();
  const path = "/apis/apps/v1/namespaces/default/replicasets";
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const spec = { replicas: 2, selector: { matchLabels: { a: "b" } }, template };
  const body = { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "a" }, spec, status: { replicas: 9 } };
  const made = await server.ask(`POST ${path}`, { body });
  assert.deepEqual([made.at("status.replicas"), made.at("metadata.generation")], [0, 1], made.text);
  const headers = { "content-type": "application/merge-patch+json" };
  const both = { spec: { replicas: 3 }, status: { replicas: 7 } };
  const status = await server.ask(`PATCH ${path}/a/status`, { body: both, headers });
  assert.deepEqual([status.at("spec.replicas"), status.at("status.replicas")], [2, 7]);
  assert.equal(status.at("metadata.generation"), 1);
  const main = await server.ask(`PATCH ${path}/a`, { body: both, headers });
  assert.deepEqual([main.at("spec.replicas"), main.at("status.replicas")], [3, 7]);
  assert.equal(main.at("metadata.generation"), 2);
  const scale = await server.ask(`GET ${path}/a/scale`);
  assert.deepEqual(scale.at("status"), { replicas: 7, selector: "a=b" });
  const scaled = await server.ask(`PATCH ${path}/a/scale`, { body: { spec: { replicas: 5 } }, headers });
  assert.equal(scaled.at("spec.replicas"), 5, scaled.text);
  assert.equal((await server.ask(`GET ${path}/a`)).at("spec.replicas"), 5);
});

test("finalizers hold a deletion until the last is gone", async () => {
  const server = new TestApiServer();
  await server.ask(`POST ${maps}`, { body: configMap("a", { finalizers: ["x.io/y"] }) });
  const waiting = await server.ask(`DELETE ${maps}/a?propagationPolicy=Foreground`);
  assert.deepEqual(waiting.at("metadata.finalizers"), ["x.io/y", "foregroundDeletion"]);
  assert.notEqual(waiting.at("metadata.deletionTimestamp"), undefined);
  const headers = { "content-type": "application/merge-patch+json" };
  assert.equal((await server.ask(`PATCH ${maps}/a`, { body: { metadata: { finalizers: null } }, headers })).code, 200);
  assert.equal((await server.ask(`GET ${maps}/a`)).code, 404);
});

test("a deletion answers with a Status that names what is gone", async () => {
  const server = new TestApiServer();
  const made = await server.ask(`POST ${maps}`, { body: configMap("a") });
  const gone = await server.ask(`DELETE ${maps}/a`);
  assert.deepEqual(gone.at("details"), { name: "a", kind: "configmaps", uid: made.at("metadata.uid") });
});

function pod(name: string, more: object = {}): object {
  const spec = { containers: [{ name: "c", image: "i" }], ...more };
  return { apiVersion: "v1", kind: "Pod", metadata: { name, labels: { app: "a" } }, spec };
}

test("a bound pod gets its grace period, an unbound one goes at once", async () => {
  const server = new TestApiServer();
  await server.ask(`POST ${pods}`, { body: pod("unbound") });
  await server.ask(`DELETE ${pods}/unbound`);
  assert.equal((await server.ask(`GET ${pods}/unbound`)).code, 404);
  await server.ask(`POST ${pods}`, { body: pod("bound") });
  const target = { apiVersion: "v1", kind: "Node", name: "n" };
  const body = { apiVersion: "v1", kind: "Binding", metadata: { name: "bound" }, target };
  const bind = await server.ask(`POST ${pods}/bound/binding`, { body });
  assert.equal(bind.code, 201, bind.text);
  assert.equal((await server.ask(`GET ${pods}/bound`)).at("metadata.generation"), 1);
  const again = await server.ask(`POST ${pods}/bound/binding`, { body });
  assert.deepEqual(
    [again.code, again.at("message")],
    [409, 'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "n"'],
  );
  const first = await server.ask(`DELETE ${pods}/bound`);
  assert.equal(first.at("metadata.deletionGracePeriodSeconds"), 30);
  const shorter = await server.ask(`DELETE ${pods}/bound?gracePeriodSeconds=5`);
  assert.equal(shorter.at("metadata.deletionGracePeriodSeconds"), 5);
  await server.ask(`DELETE ${pods}/bound?gracePeriodSeconds=0`);
  assert.equal((await server.ask(`GET ${pods}/bound`)).code, 404);
});

test("a change through a subresource counts a generation", async () => {
  const server = new TestApiServer();
  const made = await server.ask(`POST ${pods}`, { body: pod("a") });
  const ephemeralContainers = [{ name: "e", image: "i", terminationMessagePolicy: "File", imagePullPolicy: "Always" }];
  const changed = await server.ask(`PATCH ${pods}/a/ephemeralcontainers`, {
    body: { spec: { ephemeralContainers } },
    headers: { "content-type": "application/merge-patch+json" },
  });
  assert.deepEqual([made.at("metadata.generation"), changed.code, changed.at("metadata.generation")], [1, 200, 2]);
});

test("an eviction is refused with 429 while the budget allows none", async () => {
  const server = new TestApiServer();
  const merge = { "content-type": "application/merge-patch+json" };
  await server.ask(`POST ${pods}`, { body: pod("a", { nodeName: "n" }) });
  const ready = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
  await server.ask(`PATCH ${pods}/a/status`, { body: { status: ready }, headers: merge });
  const budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  const spec = { minAvailable: 1, selector: { matchLabels: { app: "a" } } };
  await server.ask(`POST ${budgets}`, {
    body: { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "b" }, spec },
  });
  const status = {
    observedGeneration: 1,
    disruptionsAllowed: 0,
    currentHealthy: 1,
    desiredHealthy: 1,
    expectedPods: 1,
  };
  await server.ask(`PATCH ${budgets}/b/status`, { body: { status }, headers: merge });
  const eviction = { body: { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "a" } } };
  const refused = await server.ask(`POST ${pods}/a/eviction`, eviction);
  assert.equal(refused.code, 429, refused.text);
  assert.equal(
    refused.at("details.causes.0.message"),
    "The disruption budget b needs 1 healthy pods and has 1 currently",
  );
  await server.ask(`PATCH ${budgets}/b/status`, { body: { status: { disruptionsAllowed: 1 } }, headers: merge });
  assert.equal((await server.ask(`POST ${pods}/a/eviction`, eviction)).code, 201);
  const after = await server.ask(`GET ${budgets}/b`);
  assert.equal(after.at("status.disruptionsAllowed"), 0);
  assert.equal((await server.ask(`GET ${pods}/a`)).at("metadata.deletionGracePeriodSeconds"), 30);
});

test("a namespace is Terminating until it is finalized", async () => {
  const server = new TestApiServer();
  const made = await server.ask("POST /api/v1/namespaces", {
    body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } },
  });
  assert.deepEqual(made.at("spec.finalizers"), ["kubernetes"]);
  assert.equal(made.at("status.phase"), "Active");
  assert.equal((await server.ask("DELETE /api/v1/namespaces/n")).at("status.phase"), "Terminating");
  const held = await server.ask("GET /api/v1/namespaces/n");
  const body = { ...(JSON.parse(held.text) as object), spec: {} };
  assert.equal((await server.ask("PUT /api/v1/namespaces/n/finalize", { body })).code, 200);
  assert.equal((await server.ask("GET /api/v1/namespaces/n")).code, 404);
});

test("PUT creates a lease, which updates need the resourceVersion of", async () => {
  const server = new TestApiServer();
  const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
  const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "l" }, spec: {} };
  assert.equal((await server.ask(`PUT ${path}`, { body })).code, 201);
  const refused = await server.ask(`PUT ${path}`, { body });
  assert.equal(refused.code, 422);
  assert.equal(refused.at("details.causes.0.field"), "metadata.resourceVersion");
});

test("objects of one storage are served in each of its versions", async () => {
  const server = new TestApiServer();
  const event = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e" },
    involvedObject: { kind: "Pod", name: "p", namespace: "default" },
    reason: "R",
    message: "m",
    type: "Normal",
  };
  assert.equal((await server.ask("POST /api/v1/namespaces/default/events", { body: event })).code, 201);
  const other = await server.ask("GET /apis/events.k8s.io/v1/namespaces/default/events/e");
  assert.deepEqual([other.at("note"), other.at("apiVersion")], ["m", "events.k8s.io/v1"]);
});

test("impersonation is for those who may", async () => {
  const server = new TestApiServer();
  const headers = { "impersonate-user": "eve" };
  const refused = await server.ask(`GET ${maps}`, { headers });
  assert.match(String(refused.at("message")), /User "eve" cannot list resource "configmaps"/);
  const both = await server.ask(`GET ${maps}`, { headers, user: "bob", organizations: [] });
  assert.match(String(both.at("message")), /User "bob" cannot impersonate resource "users"/);
});

test("a namespace's own finalizers are changed by its part alone, so that nothing in it is left behind", async () => {
  const server = new TestApiServer();
  await server.ask("POST /api/v1/namespaces", { body: { metadata: { name: "going" } } });
  const at = "/api/v1/namespaces/going";
  const without = { body: { metadata: { name: "going" }, spec: { finalizers: [] } } };
  assert.equal((await server.ask(`DELETE ${at}`)).at("status.phase"), "Terminating");
  assert.deepEqual((await server.ask(`PUT ${at}`, without)).at("spec.finalizers"), ["kubernetes"]);
  const merge = { "content-type": "application/merge-patch+json" };
  for (const line of [`PATCH ${at}`, `PATCH ${at}/status`])
    assert.deepEqual((await server.ask(line, { body: { spec: null }, headers: merge })).at("spec.finalizers"), [
      "kubernetes",
    ]);
  assert.equal((await server.ask(`GET ${at}`)).code, 200);
  await server.ask(`PUT ${at}/finalize`, without);
  assert.equal((await server.ask(`GET ${at}`)).code, 404);
});

for (const [path, spec] of [
  ["storage.k8s.io/v1/volumeattachments", { attacher: "a.b", nodeName: "n", source: { persistentVolumeName: "v" } }],
  ["networking.k8s.io/v1/servicecidrs", { cidrs: ["10.199.0.0/24"] }],
] as const)
  test(`who may write the status of ${path} may not write its metadata`, async () => {
    const server = new TestApiServer();
    const made = await server.ask(`POST /apis/${path}`, {
      body: { metadata: { name: "a", finalizers: ["a/b"] }, spec },
    });
    assert.equal(made.code, 201, made.text);
    const written = await server.ask(`PATCH /apis/${path}/a/status`, {
      body: { metadata: { labels: { a: "b" }, finalizers: null } },
      headers: { "content-type": "application/merge-patch+json" },
    });
    assert.equal(written.code, 200, written.text);
    assert.deepEqual([written.at("metadata.labels"), written.at("metadata.finalizers")], [undefined, ["a/b"]]);
  });
