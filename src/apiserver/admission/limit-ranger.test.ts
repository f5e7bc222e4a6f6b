/** Limits of a namespace hold however a pod comes to its amounts. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";

const life = new AbortController();
let api: ClusterApi;
const space = "/api/v1/namespaces/default";

before(async () => {
  api = await startClusterApi(life.signal);
  const account = { kind: "ServiceAccount", apiVersion: "v1", metadata: { name: "default" } };
  await api.server.ask(`POST ${space}/serviceaccounts`, { body: account });
  const spec = { limits: [{ type: "Container", max: { cpu: "1" } }] };
  await api.server.ask(`POST ${space}/limitranges`, {
    body: { kind: "LimitRange", apiVersion: "v1", metadata: { name: "r" }, spec },
  });
  const resources = { requests: { cpu: "500m" }, limits: { cpu: "500m" } };
  const pod = { containers: [{ name: "c", image: "i", resources }] };
  const made = await api.server.ask(`POST ${space}/pods`, {
    body: { kind: "Pod", apiVersion: "v1", metadata: { name: "p" }, spec: pod },
  });
  assert.equal(made.code, 201, made.text);
});

after(() => life.abort(new Error("the test is over")));

for (const [cpu, code] of [
  ["800m", 200],
  ["2", 403],
] as const)
  test(`a resize to ${cpu} below a limit of 1 is answered with ${code}`, async () => {
    const containers = [{ name: "c", resources: { requests: { cpu }, limits: { cpu } } }];
    const headers = { "content-type": "application/strategic-merge-patch+json" };
    const answer = await api.server.ask(`PATCH ${space}/pods/p/resize`, { body: { spec: { containers } }, headers });
    assert.equal(answer.code, code, answer.text);
    if (code === 403) assert.match(answer.text, /maximum cpu usage per Container is 1, but limit is 2/);
  });

test("a resize is given the defaults of a range that came after its pod, as upstream has it", async () => {
  const spec = { limits: [{ type: "Container", default: { memory: "64Mi" }, defaultRequest: { memory: "32Mi" } }] };
  const range = { kind: "LimitRange", apiVersion: "v1", metadata: { name: "late" }, spec };
  assert.equal((await api.server.ask(`POST ${space}/limitranges`, { body: range })).code, 201);
  const containers = [{ name: "c", resources: { requests: { cpu: "600m" } } }];
  const headers = { "content-type": "application/strategic-merge-patch+json" };
  const answer = await api.server.ask(`PATCH ${space}/pods/p/resize`, { body: { spec: { containers } }, headers });
  assert.equal(answer.code, 200, answer.text);
  assert.deepEqual(answer.at("spec.containers.0.resources"), {
    limits: { cpu: "800m", memory: "64Mi" },
    requests: { cpu: "600m", memory: "32Mi" },
  });
});
