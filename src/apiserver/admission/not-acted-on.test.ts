/** What is stored and not acted on says so, to who writes it and on the object. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TestAnswer } from "#testing/api-server.ts";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";

const life = new AbortController();
let api: ClusterApi;

before(async () => {
  api = await startClusterApi(life.signal);
});

after(() => life.abort(new Error("the test is over")));

function warningsOf(answer: TestAnswer): string[] {
  return [answer.headers["warning"] ?? []].flat().map((text) => JSON.parse(text.slice("299 - ".length)));
}

const space = "/api/v1/namespaces/default/services";
const service = (name: string, type: string): object => ({
  kind: "Service",
  apiVersion: "v1",
  metadata: { name },
  spec: { type, ports: [{ port: 80 }] },
});
const webhook = (kind: string): object => ({
  kind,
  apiVersion: "admissionregistration.k8s.io/v1",
  metadata: { name: "w" },
});

for (const [line, body, message] of [
  [
    "POST /apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
    {
      kind: "NetworkPolicy",
      apiVersion: "networking.k8s.io/v1",
      metadata: { name: "deny" },
      spec: { podSelector: {} },
    },
    /does not enforce network policies yet/,
  ],
  [`POST ${space}`, service("lb", "LoadBalancer"), /no load balancer yet/],
  [
    "POST /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    webhook("ValidatingWebhookConfiguration"),
    /does not call admission webhooks yet/,
  ],
  [
    "POST /apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    {
      kind: "HorizontalPodAutoscaler",
      apiVersion: "autoscaling/v2",
      metadata: { name: "h" },
      spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" } },
    },
    /does not scale by horizontal pod autoscalers yet/,
  ],
] as const)
  test(`${line} is warned of, with an event`, async () => {
    const answer = await api.server.ask(line, { body });
    assert.equal(answer.code, 201, answer.text);
    const [warning = ""] = warningsOf(answer);
    assert.match(warning, message);
    const { kind, metadata } = body as { kind: string; metadata: { name: string } };
    assert.ok(api.recorded.includes(`${kind} ${metadata.name}: ${warning}`), api.recorded.join("\n"));
  });

test("a Service is warned of when it becomes a load balancer, once with an event, and others are not", async () => {
  assert.deepEqual(warningsOf(await api.server.ask(`POST ${space}`, { body: service("plain", "ClusterIP") })), []);
  const headers = { "content-type": "application/merge-patch+json" };
  const patch = (body: object): Promise<TestAnswer> => api.server.ask(`PATCH ${space}/plain`, { body, headers });
  assert.equal(warningsOf(await patch({ spec: { type: "LoadBalancer" } })).length, 1);
  assert.equal(warningsOf(await patch({ metadata: { labels: { a: "b" } } })).length, 1);
  assert.equal(api.recorded.filter((one) => one.startsWith("Service plain:")).length, 1);
});

test("what was not written has no event", async () => {
  const answer = await api.server.ask(`POST ${space}?dryRun=All`, { body: service("dry", "LoadBalancer") });
  assert.equal(warningsOf(answer).length, 1);
  assert.ok(!api.recorded.some((one) => one.startsWith("Service dry:")));
});
