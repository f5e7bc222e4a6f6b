/** Services get addresses and ports of their ranges, and nothing else that the nodes serve at. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";

const life = new AbortController();
let api: ClusterApi;
const services = "/api/v1/namespaces/default/services";
const merge = { "content-type": "application/merge-patch+json" };
const ports = [{ port: 80 }];
const healthChecked = { type: "LoadBalancer", externalTrafficPolicy: "Local", ports };

const service = (name: string, spec: object): object => ({
  kind: "Service",
  apiVersion: "v1",
  metadata: { name },
  spec: { ports, ...spec },
});

before(async () => {
  api = await startClusterApi(life.signal);
  const answer = await api.server.ask(`POST ${services}`, {
    body: service("local", { ...healthChecked, healthCheckNodePort: 30_999 }),
  });
  assert.equal(answer.code, 201, answer.text);
});

after(() => life.abort(new Error("the test is over")));

const outOfRange = /provided port is not in the valid range. The range of valid ports is 30000-32767/;
const noAddress = /the provided network does not match the current range/;

for (const [what, spec, refusal] of [
  ["a health check at a port of the system", { ...healthChecked, healthCheckNodePort: 22 }, outOfRange],
  ["a health check at the API's port", { ...healthChecked, healthCheckNodePort: 6443 }, outOfRange],
  ["another one's health check port", { ...healthChecked, healthCheckNodePort: 30_999 }, /already allocated/],
  ["the address of the service network", { clusterIP: "10.43.0.0" }, noAddress],
  ["its last address", { clusterIP: "10.43.255.255" }, noAddress],
  [
    "two addresses that differ",
    { clusterIP: "10.43.3.4", clusterIPs: ["10.43.3.5"] },
    /spec.clusterIPs: Invalid value: \["10.43.3.5"\]: first value must match `clusterIP`/,
  ],
] as const)
  test(`who asks for ${what} is refused`, async () => {
    const answer = await api.server.ask(`POST ${services}`, { body: service("new", spec) });
    assert.equal(answer.code, 422, answer.text);
    assert.match(String(answer.at("message")), refusal);
  });

test("a health check port stays, and is not given away for one that nobody may have", async () => {
  const labelled = await api.server.ask(`PATCH ${services}/local`, {
    body: { metadata: { labels: { a: "b" } } },
    headers: merge,
  });
  assert.deepEqual([labelled.code, labelled.at("spec.healthCheckNodePort")], [200, 30_999]);
  const moved = await api.server.ask(`PATCH ${services}/local`, {
    body: { spec: { healthCheckNodePort: 22 } },
    headers: merge,
  });
  assert.equal(moved.code, 422, moved.text);
});
