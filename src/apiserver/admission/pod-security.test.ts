/** What namespaces with pod security labels let in, and what they say about it: upstream's words. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TestAnswer } from "#testing/api-server.ts";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";

const life = new AbortController();
let api: ClusterApi;
const merge = { "content-type": "application/merge-patch+json" };
const prefix = "pod-security.kubernetes.io/";

async function namespace(name: string, labels: Readonly<Record<string, string>>): Promise<TestAnswer> {
  const named = Object.fromEntries(Object.entries(labels).map(([key, value]) => [prefix + key, value]));
  const body = { kind: "Namespace", apiVersion: "v1", metadata: { name, labels: named } };
  const made = await api.server.ask("POST /api/v1/namespaces", { body });
  const account = { kind: "ServiceAccount", apiVersion: "v1", metadata: { name: "default" } };
  if (made.code === 201) await api.server.ask(`POST /api/v1/namespaces/${name}/serviceaccounts`, { body: account });
  return made;
}

function pod(name: string, spec: object = {}, metadata: object = {}): object {
  const containers = [{ name: "c", image: "i" }];
  return { kind: "Pod", apiVersion: "v1", metadata: { name, ...metadata }, spec: { containers, ...spec } };
}

function create(space: string, body: object): Promise<TestAnswer> {
  return api.server.ask(`POST /api/v1/namespaces/${space}/pods`, { body });
}

function warningsOf(answer: TestAnswer): string[] {
  return [answer.headers["warning"] ?? []].flat().map((text) => JSON.parse(text.slice("299 - ".length)));
}

before(async () => {
  api = await startClusterApi(life.signal);
  await namespace("open", {});
  await namespace("baseline", { enforce: "baseline" });
  await namespace("restricted", { enforce: "restricted", "enforce-version": "v1.30" });
  await namespace("warns", { warn: "restricted", audit: "baseline" });
});

after(() => life.abort(new Error("the test is over")));

const unrestricted =
  'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
  'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
  'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
  'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")';

test("a privileged pod with the host's root is refused where baseline is enforced, and let in elsewhere", async () => {
  const spec = {
    hostPID: true,
    volumes: [{ name: "root", hostPath: { path: "/" } }],
    containers: [{ name: "c", image: "i", securityContext: { privileged: true } }],
  };
  const refused = await create("baseline", pod("a", spec));
  assert.equal(refused.code, 403);
  assert.equal(
    refused.at("message"),
    'pods "a" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true), hostPath volumes (volume "root"), privileged (container "c" must not set securityContext.privileged=true)',
  );
  assert.equal((await create("open", pod("a", spec))).code, 201);
  assert.equal((await create("baseline", pod("plain"))).code, 201);
});

test("an ordinary pod is refused where restricted is enforced, with all it lacks", async () => {
  const refused = await create("restricted", pod("a"));
  assert.equal(
    refused.at("message"),
    `pods "a" is forbidden: violates PodSecurity "restricted:v1.30": ${unrestricted}`,
  );
});

test("a pod that gives up what restricted asks for is let in, also with volumes that have their default", async () => {
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  const made = await create("restricted", good("good", { containers: [{ name: "c", image: "i", securityContext }] }));
  assert.equal(made.code, 201, made.text);
  assert.deepEqual(warningsOf(made), []);
});

function good(name: string, spec: object): object {
  const securityContext = { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };
  return pod(name, { securityContext, volumes: [{ name: "v" }], ...spec });
}

test("warn and audit let a pod in, and say and count what would be refused", async () => {
  const made = await create("warns", pod("a", { hostNetwork: true }));
  assert.equal(made.code, 201);
  assert.deepEqual(warningsOf(made), [
    `would violate PodSecurity "restricted:latest": host namespaces (hostNetwork=true), ${unrestricted}`,
  ]);
  const audited =
    /pod_security_evaluations_total\{decision="deny",mode="audit",policy_level="baseline"[^}]*resource="pod"[^}]*\} 1/;
  assert.match(api.metrics.text(), audited);
});

test("a deployment is never refused for its template, only warned of, where restricted is enforced", async () => {
  const labels = { a: "b" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } };
  const spec = { selector: { matchLabels: labels }, template };
  const body = { kind: "Deployment", apiVersion: "apps/v1", metadata: { name: "d" }, spec };
  const made = await api.server.ask("POST /apis/apps/v1/namespaces/restricted/deployments", { body });
  assert.equal(made.code, 201);
  assert.deepEqual(warningsOf(made), [`would violate PodSecurity "restricted:v1.30": ${unrestricted}`]);
});

test("an ephemeral container is held to the standard, and labels of a pod that was let in before are not", async () => {
  await namespace("later", {});
  await create("later", pod("old", { hostNetwork: true }));
  const strict = { metadata: { labels: { [`${prefix}enforce`]: "baseline" } } };
  await api.server.ask("PATCH /api/v1/namespaces/later", { body: strict, headers: merge });
  const path = "/api/v1/namespaces/later/pods/old";
  const labelled = await api.server.ask(`PATCH ${path}`, {
    body: { metadata: { labels: { a: "b" } } },
    headers: merge,
  });
  assert.equal(labelled.code, 200, labelled.text);
  const image = { spec: { containers: [{ name: "c", image: "other" }] } };
  const headers = { "content-type": "application/strategic-merge-patch+json" };
  assert.equal((await api.server.ask(`PATCH ${path}`, { body: image, headers })).code, 403);
  const added = { spec: { ephemeralContainers: [{ name: "e", image: "i", securityContext: { privileged: true } }] } };
  const debug = await api.server.ask(`PATCH ${path}/ephemeralcontainers`, { body: added, headers });
  assert.equal(debug.code, 403);
  assert.match(debug.text, /privileged \(container \\"e\\" must not set securityContext.privileged=true\)/);
});

test("labels that name no standard are refused, unless they were there before", async () => {
  const refused = await namespace("bad", { enforce: "bogus", "warn-version": "1.2" });
  assert.equal(refused.code, 422);
  assert.equal(
    refused.at("message"),
    'Namespace "bad" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "bogus": must be one of privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.2": must be "latest" or "v1.x"]',
  );
});

test("who makes a namespace stricter hears which of its pods would not be let in", async () => {
  await namespace("tightened", {});
  const controller = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "u", controller: true };
  for (const name of ["b", "a", "c"])
    await create("tightened", pod(name, { hostNetwork: true }, { ownerReferences: [controller] }));
  await create("tightened", pod("d", { hostPID: true }));
  await create("tightened", pod("fine"));
  const body = { metadata: { labels: { [`${prefix}enforce`]: "baseline" } } };
  const answer = await api.server.ask("PATCH /api/v1/namespaces/tightened", { body, headers: merge });
  assert.equal(answer.code, 200);
  assert.deepEqual(warningsOf(answer), [
    'existing pods in namespace "tightened" violate the new PodSecurity enforce level "baseline:latest"',
    "a (and 3 other pods): host namespaces",
  ]);
});
