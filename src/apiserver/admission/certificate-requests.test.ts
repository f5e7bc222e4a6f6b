/** Who asks for a certificate, and who may let them have it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TestAnswer } from "#testing/api-server.ts";
import { startClusterApi, type ClusterApi } from "#testing/cluster-api.ts";
import { createRequest, newKey } from "#wire/x509.ts";

const key = newKey();
const life = new AbortController();
let api: ClusterApi;
const group = "rbac.authorization.k8s.io";
const requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const merge = { "content-type": "application/merge-patch+json" };
const clientSigner = "kubernetes.io/kube-apiserver-client";

function asking(
  name: string,
  commonName: string,
  more: { signerName?: string; organizations?: string[]; spec?: object } = {},
): object {
  const { signerName = clientSigner, organizations = [], spec = {} } = more;
  const text = Buffer.from(createRequest(key, { commonName, organizations })).toString("base64");
  const full = { request: text, signerName, usages: ["client auth"], ...spec };
  return { kind: "CertificateSigningRequest", apiVersion: "certificates.k8s.io/v1", metadata: { name }, spec: full };
}

before(async () => {
  api = await startClusterApi(life.signal);
  const csr = { apiGroups: ["certificates.k8s.io"] };
  const resources = [
    "certificatesigningrequests",
    "certificatesigningrequests/approval",
    "certificatesigningrequests/status",
  ];
  const may = { ...csr, resources, verbs: ["create", "get", "update", "patch"] };
  const grants: readonly (readonly [string, object[]])[] = [
    ["jane", [may]],
    ["approver", [may, { ...csr, resources: ["signers"], resourceNames: ["example.com/*"], verbs: ["approve"] }]],
    ["signer", [may, { ...csr, resources: ["signers"], resourceNames: ["example.com/own"], verbs: ["sign"] }]],
  ];
  for (const [name, rules] of grants) {
    const apiVersion = `${group}/v1`;
    const role = { kind: "ClusterRole", apiVersion, metadata: { name }, rules };
    const roleRef = { apiGroup: group, kind: "ClusterRole", name };
    const subjects = [{ kind: "User", apiGroup: group, name }];
    const binding = { kind: "ClusterRoleBinding", apiVersion, metadata: { name }, roleRef, subjects };
    await api.server.ask(`POST /apis/${group}/v1/clusterroles`, { body: role });
    await api.server.ask(`POST /apis/${group}/v1/clusterrolebindings`, { body: binding });
  }
  for (const [name, signerName] of [
    ["theirs", "example.com/own"],
    ["api", clientSigner],
  ] as const)
    assert.equal((await ask("jane", `POST ${requests}`, asking(name, "jane", { signerName }))).code, 201);
});

after(() => life.abort(new Error("the test is over")));

function ask(user: string, line: string, body: object): Promise<TestAnswer> {
  const headers = line.startsWith("PATCH") ? merge : {};
  return api.server.ask(line, { user, organizations: ["staff"], body, headers });
}

test("who asks is what the server saw, whatever the request says, and stays", async () => {
  const spec = { username: "system:admin", uid: "1", groups: ["system:masters"], extra: { a: ["b"] } };
  const made = await ask("jane", `POST ${requests}`, asking("forged", "jane", { spec }));
  assert.equal(made.code, 201, made.text);
  const { username, uid, groups, extra } = made.at("spec") as Record<string, unknown>;
  assert.deepEqual(
    { username, uid, groups, extra },
    { username: "jane", uid: undefined, groups: ["staff", "system:authenticated"], extra: undefined },
  );
  const changed = await ask("approver", `PATCH ${requests}/forged`, { spec: { username: "system:admin", groups: [] } });
  assert.equal(changed.at("spec.username"), "jane", changed.text);
});

test("nobody asks for a certificate of the masters' group", async () => {
  const refused = await ask("jane", `POST ${requests}`, asking("masters", "x", { organizations: ["system:masters"] }));
  assert.equal(refused.code, 403);
  assert.match(
    refused.text,
    /use of kubernetes.io\/kube-apiserver-client signer with system:masters group is not allowed/,
  );
});

const condition = (type: string): object => ({
  status: { conditions: [{ type, status: "True", reason: "r", message: "m" }] },
});
const issued = (text: string): object => ({
  status: {
    certificate: Buffer.from(`-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`).toString("base64"),
  },
});
const certificate = issued("AAAA");
const notApproved = /user not permitted to approve requests with signerName/;
const notSigned = /user not permitted to sign requests with signerName/;

for (const [what, user, line, body, refusal] of [
  ["approves without a right to", "jane", `PATCH ${requests}/theirs/approval`, condition("Approved"), notApproved],
  ["approves for another signer", "approver", `PATCH ${requests}/api/approval`, condition("Approved"), notApproved],
  [
    "approves for a signer of their domain",
    "approver",
    `PATCH ${requests}/theirs/approval`,
    condition("Approved"),
    undefined,
  ],
  ["signs for another signer", "signer", `PATCH ${requests}/api/status`, certificate, notSigned],
  ["signs with a right to approve only", "approver", `PATCH ${requests}/theirs/status`, certificate, notSigned],
  ["fails a request of another signer", "signer", `PATCH ${requests}/api/status`, condition("Failed"), notSigned],
] as const)
  test(`who ${what} is ${refusal ? "refused" : "let"}`, async () => {
    const answer = await ask(user, line, body);
    assert.equal(answer.code, refusal ? 403 : 200, answer.text);
    if (refusal) assert.match(answer.text, refusal);
  });

test("what was decided is not undone, and what was issued is not exchanged", async () => {
  const made = await ask("jane", `POST ${requests}`, asking("decided", "jane", { signerName: "example.com/own" }));
  assert.equal(made.code, 201, made.text);
  const at = `${requests}/decided`;
  assert.equal((await ask("approver", `PATCH ${at}/approval`, condition("Approved"))).code, 200);
  for (const body of [condition("Denied"), { status: { conditions: [] } }]) {
    const undone = await ask("approver", `PATCH ${at}/approval`, body);
    assert.equal(undone.code, 422, undone.text);
    assert.match(undone.text, /status.conditions: Forbidden: updates may not remove a condition of type ..Approved/);
  }
  const nothing = { status: { certificate: Buffer.from("x").toString("base64") } };
  assert.match((await ask("signer", `PATCH ${at}/status`, nothing)).text, /at least one CERTIFICATE PEM block/);
  assert.equal((await ask("signer", `PATCH ${at}/status`, certificate)).code, 200);
  const exchanged = await ask("signer", `PATCH ${at}/status`, issued("BBBB"));
  assert.equal(exchanged.code, 422, exchanged.text);
  assert.match(exchanged.text, /updates may not modify existing certificate content/);
});

for (const [what, spec, message] of [
  ["of the signer that was before signers", { signerName: "kubernetes.io/legacy-unknown" }, /the legacy signerName/],
  ["whose domain has capitals", { signerName: "Example.com/x" }, /validating label ."Example.": a lowercase RFC 1123/],
  ["whose path is no name", { signerName: "example.com/X_y" }, /Invalid value: ."X_y.": validating label/],
  ["without a domain", { signerName: "own" }, /must be a fully qualified domain and path/],
  ["for the same use twice", { usages: ["client auth", "client auth"] }, /usages\[1\]: Duplicate value: ."client auth/],
] as const)
  test(`a request ${what} is refused with 422`, async () => {
    const answer = await ask("jane", `POST ${requests}`, asking("wrong", "jane", { spec }));
    assert.equal(answer.code, 422, answer.text);
    assert.match(answer.text.replaceAll("\\", "."), message);
  });
