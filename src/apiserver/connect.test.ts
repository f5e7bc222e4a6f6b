/** What is passed on to pods and kubelets, to which of them, and for whom. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";
import { HttpClient } from "#wire/http-client.ts";
import { listen, type HttpServer } from "#wire/http-server.ts";
import { connectHooks } from "./connect.ts";

const life = new AbortController();
const group = "rbac.authorization.k8s.io";
let api: ClusterApi;
let far: HttpServer;
let kubelet: HttpClient;

before(async () => {
  api = await startClusterApi(life.signal);
  // Tells what reached it.
  far = await listen({ host: "127.0.0.1", port: 0, log: silentLog }, (exchange) => {
    const { method, target, headers } = exchange;
    exchange.reply(200, { "content-type": "application/json" }, utf8(JSON.stringify({ method, target, headers })));
  });
  kubelet = new HttpClient({ url: `http://127.0.0.1:${far.port}`, protocol: "h1" });
  const destinationRefusal = ({ address }: { address: string }) =>
    address === "127.0.0.1" ? undefined : "refused by the test";
  const parts = { client: api.client, authorizer: api.authorizer, kubeletOf: () => kubelet, destinationRefusal };
  Object.assign(api.connect, connectHooks(parts));
  const account = { kind: "ServiceAccount", apiVersion: "v1", metadata: { name: "default" } };
  await api.server.ask("POST /api/v1/namespaces/default/serviceaccounts", { body: account });
  await api.server.ask("POST /api/v1/nodes", { body: { kind: "Node", apiVersion: "v1", metadata: { name: "n" } } });
  const merge = { "content-type": "application/merge-patch+json" };
  for (const [name, podIP] of [
    ["here", "127.0.0.1"],
    ["lies", "169.254.169.254"],
  ]) {
    const spec = { nodeName: "n", containers: [{ name: "c", image: "i" }] };
    const body = { kind: "Pod", apiVersion: "v1", metadata: { name }, spec };
    await api.server.ask("POST /api/v1/namespaces/default/pods", { body });
    const status = { status: { podIP, podIPs: [{ ip: podIP }] } };
    await api.server.ask(`PATCH /api/v1/namespaces/default/pods/${name}/status`, { body: status, headers: merge });
  }
  for (const [user, verbs] of [
    ["reader", ["get"]],
    ["maker", ["get", "create"]],
  ] as const) {
    const rules = [{ apiGroups: [""], resources: ["pods/exec", "pods/attach", "pods/portforward"], verbs }];
    const roleRef = { apiGroup: group, kind: "ClusterRole", name: user };
    const subjects = [{ kind: "User", apiGroup: group, name: user }];
    const apiVersion = `${group}/v1`;
    const role = { kind: "ClusterRole", apiVersion, metadata: { name: user }, rules };
    const binding = { kind: "ClusterRoleBinding", apiVersion, metadata: { name: user }, roleRef, subjects };
    await api.server.ask(`POST /apis/${group}/v1/clusterroles`, { body: role });
    await api.server.ask(`POST /apis/${group}/v1/clusterrolebindings`, { body: binding });
  }
});

after(async () => {
  kubelet.close();
  await far.close(0);
  life.abort(new Error("the test is over"));
});

const pods = "/api/v1/namespaces/default/pods";

test("what says who asks this server is not passed on to a pod", async () => {
  const headers = {
    authorization: "Bearer secret",
    cookie: "session=secret",
    "impersonate-user": "",
    "sec-websocket-protocol": "base64url.bearer.authorization.k8s.io.c2VjcmV0, v4.channel.k8s.io",
    "x-mine": "kept",
  };
  const answer = await api.server.ask(`GET ${pods}/here:${far.port}/proxy/a%2Fb?c=d`, { headers });
  assert.equal(answer.code, 200, answer.text);
  assert.equal(answer.at("target"), "/a%2Fb?c=d");
  assert.doesNotMatch(answer.text, /secret|c2VjcmV0|impersonate/);
  assert.equal(answer.at("headers.x-mine"), "kept");
  assert.equal(answer.at("headers.sec-websocket-protocol"), "v4.channel.k8s.io");
});

for (const [what, path, message] of [
  ["an address that is none of a pod", "lies:80/proxy/latest/meta-data", /address not allowed: refused by the test/],
  ["a port that is no number", "here:abc/proxy/", /expected a port between 1 and 65535, found \\"abc\\"/],
  ["a port beyond all", "here:65536/proxy/", /expected a port between 1 and 65535/],
  ["an escaped slash before proxy", "here%2Fproxy/x", /expected a path without escaped slashes/],
] as const)
  test(`a proxy request to ${what} is refused with 400`, async () => {
    const answer = await api.server.ask(`GET ${pods}/${path}`);
    assert.equal(answer.code, 400, answer.text);
    assert.match(answer.text, message);
  });

for (const line of ["exec?command=id", "attach", "portforward"])
  test(`${line} by GET asks for create as well`, async () => {
    const as = (user: string) => api.server.ask(`GET ${pods}/here/${line}`, { user, organizations: [] });
    const refused = await as("reader");
    assert.equal(refused.code, 403);
    const [subresource] = line.split("?");
    assert.match(
      refused.text,
      new RegExp(`User \\\\"reader\\\\" cannot create resource \\\\"pods/${subresource}\\\\"`),
    );
    assert.equal((await as("maker")).code, 200);
  });
