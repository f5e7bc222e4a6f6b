/** What upstream refuses and what looked harmless enough to be taken: each was found by asking both the same. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { TestApiServer } from "#testing/api-server.ts";

const server = new TestApiServer();
after(() => server.ending.abort());

const maps = "/api/v1/namespaces/default/configmaps";
const services = "/api/v1/namespaces/default/services";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
const json = { "content-type": "application/json" };
const merge = { "content-type": "application/merge-patch+json" };
const jsonPatch = { "content-type": "application/json-patch+json" };
const strategic = { "content-type": "application/strategic-merge-patch+json" };
const owner = { kind: "ConfigMap", name: "o", uid: "u" };

const containers = [{ name: "c", image: "i" }];
const template = { metadata: { labels: { a: "b" } }, spec: { containers } };
const deployment = { selector: { matchLabels: { a: "b" } }, template };

for (const [line, body] of [
  [`POST ${maps}`, { metadata: { name: "m" } }],
  [`POST ${services}`, { metadata: { name: "s" }, spec: { ports: [{ port: 80 }] } }],
  [`POST ${deployments}`, { metadata: { name: "d" }, spec: deployment }],
] as const)
  assert.equal((await server.ask(line, { body })).code, 201);

const scale = { apiVersion: "autoscaling/v1", kind: "Scale", spec: { replicas: 2 } };
const ingress = { status: { loadBalancer: { ingress: [{ ip: "192.0.2.9", ipMode: "VIP" }] } } };

for (const [what, line, headers, body, code, sentence] of [
  [
    "a deletion by update",
    `PATCH ${maps}/m`,
    merge,
    { metadata: { deletionTimestamp: "2020-01-01T00:00:00Z" } },
    422,
    /metadata\.deletionTimestamp: Invalid value: .*: field is immutable/,
  ],
  [
    "a name longer than any key of the store",
    "POST /apis/rbac.authorization.k8s.io/v1/clusterroles",
    json,
    { metadata: { name: "n".repeat(20_000) } },
    422,
    /metadata\.name: Too long: may not be more than 16\d\d\d bytes/,
  ],
  [
    "a grace period by update",
    `PATCH ${maps}/m`,
    merge,
    { metadata: { deletionGracePeriodSeconds: 5 } },
    422,
    /metadata\.deletionGracePeriodSeconds: Invalid value: 5: field is immutable/,
  ],
  [
    "a finalizer of nobody on a new object",
    `POST ${maps}`,
    json,
    { metadata: { name: "f", finalizers: ["mine"] } },
    422,
    /metadata\.finalizers\[0\]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully/,
  ],
  [
    "a finalizer of nobody by update",
    `PATCH ${maps}/m`,
    merge,
    { metadata: { finalizers: ["example.com/a", "mine"] } },
    422,
    /metadata\.finalizers\[1\]: Invalid value: "mine"/,
  ],
  [
    "a finalizer that is no name by update",
    `PATCH ${maps}/m`,
    merge,
    { metadata: { finalizers: ["A_b/c"] } },
    422,
    /metadata\.finalizers: Invalid value: "A_b\/c": prefix part a lowercase RFC 1123 subdomain/,
  ],
  [
    "an owner of no version",
    `PATCH ${maps}/m`,
    merge,
    { metadata: { ownerReferences: [{ ...owner, apiVersion: "a/b/c" }] } },
    422,
    /metadata\.ownerReferences\.apiVersion: Invalid value: "a\/b\/c": version must not be empty/,
  ],
  [
    "a scale of another object",
    `PUT ${deployments}/d/scale`,
    json,
    { ...scale, metadata: { name: "other" } },
    400,
    /the name of the object \(other\) does not match the name on the URL \(d\)/,
  ],
  [
    "a scale in another namespace",
    `PATCH ${deployments}/d/scale`,
    merge,
    { metadata: { namespace: "other" } },
    400,
    /the namespace of the provided object does not match the namespace sent on the request/,
  ],
  [
    "external addresses of a Service that is no load balancer",
    `PATCH ${services}/s/status`,
    merge,
    ingress,
    422,
    /status\.loadBalancer\.ingress: Forbidden: may only be used when `spec\.type` is 'LoadBalancer'/,
  ],
  [
    "options of a deletion that are another kind",
    `DELETE ${maps}/m`,
    json,
    { kind: "Pod" },
    400,
    /no kind "Pod" is registered for version "meta\.k8s\.io\/v1"/,
  ],
  [
    "a list that asks for events",
    `GET ${maps}?sendInitialEvents=true`,
    {},
    undefined,
    422,
    /sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list/,
  ],
  [
    "an integer written as 1.0 in a merge patch",
    `PATCH ${deployments}/d`,
    merge,
    '{"spec":{"minReadySeconds":1.0}}',
    422,
    /cannot unmarshal number 1\.0 into Go struct field .*minReadySeconds of type int32/,
  ],
  [
    "an integer written as 1e1 in a JSON patch",
    `PATCH ${deployments}/d`,
    jsonPatch,
    '[{"op":"add","path":"/spec/minReadySeconds","value":1e1}]',
    422,
    /cannot unmarshal number 1e1 into Go struct field .*minReadySeconds of type int32/,
  ],
  [
    "an integer written as 80.0 in a list that a JSON patch adds",
    `PATCH ${services}/s`,
    jsonPatch,
    '[{"op":"replace","path":"/spec/ports/0","value":{"port":80.0}}]',
    422,
    /cannot unmarshal number 80\.0 into Go struct field .*port of type int32/,
  ],
] as const)
  test(`${what} is refused`, async () => {
    const answer = await server.ask(line, { headers, ...(body === undefined ? {} : { body }) });
    assert.equal(answer.code, code, answer.text);
    assert.match(String(answer.at("message")), sentence);
  });

for (const [what, line, headers, body] of [
  ["a whole number in a strategic patch", `PATCH ${deployments}/d`, strategic, '{"spec":{"minReadySeconds":1.0}}'],
  ["a standard finalizer", `POST ${maps}?dryRun=All`, json, { metadata: { name: "g", finalizers: ["orphan"] } }],
  ["a limit below nothing", `GET ${maps}?limit=-1`, {}, undefined],
] as const)
  test(`${what} is taken`, async () => {
    const answer = await server.ask(line, { headers, ...(body === undefined ? {} : { body }) });
    assert.ok(answer.code < 300, answer.text);
  });

test("a watch of less than no time ends at once", async () => {
  const watch = server.watch(`${maps}?watch=true&timeoutSeconds=-1`);
  await watch.served;
  assert.equal(watch.code, 200);
});
