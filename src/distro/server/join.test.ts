/** What somebody who knows the token, and nobody else's secrets, gets by joining. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { silentLog } from "#base/log.ts";
import { bootstrapTokenAuthenticator } from "#apiserver/authentication.ts";
import { nodes } from "#resources/core/node.ts";
import { secrets } from "#resources/core/secret.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { TestExchange, type TestRequest } from "#testing/exchange.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { createRequest, isSignedBy, newKey, readCertificate } from "#wire/x509.ts";
import { apiServerNames, ensureServerCertificates, type ServerCertificates } from "../certificates.ts";
import { readConfig } from "../config.ts";
import { TokenVerifier } from "../tokens.ts";
import { joinAnswers, type JoinAnswer, type JoinRequest } from "./join.ts";
import { takeNodeName, takeOwnNodeName } from "./node-names.ts";

const clock = new VirtualClock();
const api = new MemoryApi(clock);
const folder = mkdtempSync(join(tmpdir(), "kedge-join-"));
const peer = "192.0.2.7";
const apiNames = apiServerNames({
  clusterDomain: "cluster.local",
  serviceAddress: "10.43.0.1",
  nodeName: "server",
  more: ["192.0.2.1", "api.example.com"],
});
let certificates: ServerCertificates;
let answers: ReturnType<typeof joinAnswers>;

before(async () => {
  const outcome = await readConfig("server", { args: ["--disable", "dns"], env: {} });
  assert.ok(outcome.kind === "config");
  certificates = ensureServerCertificates({ folder, clock, names: apiNames, first: true });
  answers = joinAnswers({
    config: outcome.config,
    authorities: certificates,
    apiNames,
    verifier: new TokenVerifier("secret"),
    bootstrapTokens: bootstrapTokenAuthenticator({ client: api, clock }),
    client: api,
    clock,
    log: silentLog,
  });
});

after(() => rmSync(folder, { recursive: true }));

const key = newKey();

interface Wanted {
  readonly nodeName?: string;
  readonly nodePassword?: string;
  /** Of the serving certificate. */
  readonly names?: readonly string[];
}

function requestFor({ nodeName = "n1", nodePassword = "p", names = [nodeName, peer] }: Wanted = {}): JoinRequest {
  const subject = { commonName: `system:node:${nodeName}`, organizations: ["system:nodes"] };
  const [clientRequest, servingRequest] = [createRequest(key, subject), createRequest(key, { ...subject, names })];
  return { nodeName, nodePassword, clientRequest, servingRequest };
}

async function ask(body: object | string | null, more: Partial<TestRequest> = {}): Promise<TestExchange> {
  const exchange = new TestExchange({
    method: "POST",
    target: "/v1-kedge/join",
    headers: { authorization: "Bearer secret" },
    remoteAddress: peer,
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...more,
  });
  assert.equal(await answers(exchange), true);
  return exchange;
}

async function refuses(exchange: Promise<TestExchange>, code: number, sentence: RegExp): Promise<void> {
  const { code: found, sent } = await exchange;
  assert.match(sent.toString(), sentence);
  assert.match(sent.toString(), /^[^\n]+\n$/, "expected one sentence");
  assert.equal(found, code);
}

const clientAuth = "1.3.6.1.5.5.7.3.2";
const serverAuth = "1.3.6.1.5.5.7.3.1";

test("a node is told which components are not to run", async () => {
  const answer = JSON.parse((await ask(requestFor())).sent.toString()) as JoinAnswer;
  assert.deepEqual(answer.settings.disable, ["dns"]);
});

test("a node gets certificates for its own name and the address it comes from, each for one use", async () => {
  const exchange = await ask(requestFor());
  assert.equal(exchange.code, 200, exchange.sent.toString());
  // Answered by joinAnswers itself.
  const answer = JSON.parse(exchange.sent.toString()) as JoinAnswer;
  const subject = { commonName: "system:node:n1", organizations: ["system:nodes"] };
  const client = readCertificate(answer.clientCertificate);
  assert.deepEqual(client, { ...client, ...subject, names: [], isCa: false });
  assert.ok(isSignedBy(answer.clientCertificate, certificates.clientCa.certificate, clock.nowMs()));
  const serving = readCertificate(answer.servingCertificate);
  assert.deepEqual(serving, { ...serving, ...subject, names: ["n1", peer], isCa: false });
  assert.ok(isSignedBy(answer.servingCertificate, certificates.kubeletCa.certificate, clock.nowMs()));
  assert.ok(!isSignedBy(answer.servingCertificate, certificates.serverCa.certificate, clock.nowMs()));
  for (const [pem, use] of [
    [answer.clientCertificate, clientAuth],
    [answer.servingCertificate, serverAuth],
  ] as const) {
    const read = new X509Certificate(pem);
    assert.deepEqual(read.keyUsage, [use]);
    // Key usage, critical: digital signature and key encipherment.
    assert.ok(read.raw.toString("hex").includes("0603551d0f0101ff0404030205a0"));
  }
});

// Made once with `openssl req -new -subj "/O=system:nodes/CN=system:kube-controller-manager/CN=system:node:evil"`.
const twoNames = `-----BEGIN CERTIFICATE REQUEST-----
MIIBFTCBvQIBADBbMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxJzAlBgNVBAMMHnN5
c3RlbTprdWJlLWNvbnRyb2xsZXItbWFuYWdlcjEZMBcGA1UEAwwQc3lzdGVtOm5v
ZGU6ZXZpbDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJEPuaJWOBnKMc4sQOCU
WkOFZ1Pk35kOL+Ardm3SIrrgaLhC4VYS1+EGR0OWb0jdWs+/tlPzqvTPplfGkPcd
SwWgADAKBggqhkjOPQQDAgNHADBEAiBtcYEk8JD9cv+V2CUfCm0qLJk6izJAS1w2
QBS+391c8QIgS8yHARjzout4rZq5vlW+3rr6DLNjPog8wEOVvHbxE/k=
-----END CERTIFICATE REQUEST-----
`;

test("a request with two common names is refused, in either certificate", async () => {
  const request = requestFor({ nodeName: "evil" });
  for (const which of ["clientRequest", "servingRequest"])
    await refuses(ask({ ...request, [which]: twoNames }), 403, /exactly CN=system:node:evil .*kube-controller-manager/);
});

test("a request for another subject is refused", async () => {
  for (const subject of [
    { commonName: "system:node:other", organizations: ["system:nodes"] },
    { commonName: "system:node:n1", organizations: ["system:nodes", "system:masters"] },
    { commonName: "system:node:n1", organizations: [] },
    { commonName: "admin", organizations: ["system:masters"] },
    { commonName: "", organizations: ["system:nodes"] },
  ])
    await refuses(
      ask({ ...requestFor(), clientRequest: createRequest(key, subject) }),
      403,
      /^expected a certificate request for exactly CN=system:node:n1 and O=system:nodes, found/,
    );
});

test("a serving certificate for anything but the node and its address is refused", async () => {
  for (const name of [
    "10.43.0.1",
    "127.0.0.1",
    "192.0.2.1",
    "::1",
    "localhost",
    "kubernetes.default.svc",
    "n2",
    "server",
  ])
    await refuses(
      ask(requestFor({ names: ["n1", peer, name] })),
      403,
      /found one for .*; start the agent with --node-ip/,
    );
});

test("nobody joins from the address of the server or of another node", async () => {
  for (const remoteAddress of ["127.0.0.1", "10.43.0.1", "192.0.2.1", "::1"])
    await refuses(
      ask(requestFor({ names: ["n1", remoteAddress] }), { remoteAddress }),
      403,
      /which is that of the server/,
    );
  const addresses = [{ type: "InternalIP", address: "192.0.2.9" }];
  const { apiVersion, kind } = nodes;
  await api.create(nodes, {
    apiVersion,
    kind,
    metadata: { name: "n9" },
    spec: {},
    status: { addresses, daemonEndpoints: { kubeletEndpoint: { Port: 0 } } } as never,
  });
  const from = { remoteAddress: "192.0.2.9" };
  await refuses(ask(requestFor({ names: ["n1", "192.0.2.9"] }), from), 403, /192\.0\.2\.9, which is that of node "n9"/);
  assert.equal((await ask(requestFor({ nodeName: "n9", names: ["n9", "192.0.2.9"] }), from)).code, 200);
});

test("nobody joins under the server's name, under a name of the API, or under a name that is none", async () => {
  for (const nodeName of ["server", "localhost", "kubernetes", "kubernetes.default.svc", "api.example.com"])
    await refuses(ask(requestFor({ nodeName })), 403, /found the server's ".*"; give --node-name/);
  for (const nodeName of ["N1", "a..b", "-a", "a/b", "x".repeat(64), "../n1"])
    await refuses(ask(requestFor({ nodeName })), 400, /^expected a node name of at most 63 lower-case/);
});

test("a name belongs to who took it first, also when two come at once", async () => {
  assert.equal((await ask(requestFor({ nodeName: "mine" }))).code, 200);
  assert.equal((await ask(requestFor({ nodeName: "mine" }))).code, 200);
  await refuses(
    ask(requestFor({ nodeName: "mine", nodePassword: "other" })),
    403,
    /found another: choose another --node-name, or delete the Secret mine\.node-password\.kedge/,
  );
  const both = await Promise.all(
    ["a", "b"].map((nodePassword) => ask(requestFor({ nodeName: "raced", nodePassword }))),
  );
  assert.deepEqual(
    both.map(({ code }) => code).toSorted((a, b) => a - b),
    [200, 403],
  );
});

test("the server takes its own name, also back from somebody who joined under it", async () => {
  assert.equal(await takeOwnNodeName(api, { name: "own", password: "server" }), false);
  assert.equal(await takeOwnNodeName(api, { name: "own", password: "server" }), false);
  assert.equal((await takeNodeName(api, { name: "own", password: "guest" })).kind, "foreign");
  assert.equal((await takeNodeName(api, { name: "stolen", password: "guest" })).kind, "taken");
  assert.equal(await takeOwnNodeName(api, { name: "stolen", password: "server" }), true);
  assert.equal((await takeNodeName(api, { name: "stolen", password: "guest" })).kind, "foreign");
});

test("only a right token lets in, and a malformed one is refused like a wrong one", async () => {
  for (const authorization of [
    "",
    "Bearer wrong",
    "Bearer K10abc::x",
    "Bearer a:b",
    "Basic secret",
    "Bearer abcdef.0123456789abcdef",
  ])
    await refuses(ask(requestFor(), { headers: { authorization } }), 401, /^expected the token in server\/agent-token/);
});

test("a node behind translated addresses is told that they are the reason", async () => {
  const request = requestFor({ names: ["n1", "10.0.0.5"] });
  await refuses(
    ask(request),
    403,
    /^expected the request to join to come from 10\.0\.0\.5.*\(NAT\).*--node-ip 192\.0\.2\.7/,
  );
});

test("a bootstrap token lets in until it expires", async () => {
  const data = {
    "token-id": "abcdef",
    "token-secret": "0123456789abcdef",
    "usage-bootstrap-authentication": "true",
    expiration: new Date(clock.nowMs() + 60_000).toISOString(),
  };
  const encoded = Object.entries(data).map(([name, value]) => [name, Buffer.from(value).toString("base64")]);
  await api.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "kube-system", name: "bootstrap-token-abcdef" },
    type: "bootstrap.kubernetes.io/token",
    data: Object.fromEntries(encoded) as Record<string, string>,
  });
  const headers = { authorization: "Bearer abcdef.0123456789abcdef" };
  assert.equal((await ask(requestFor(), { headers })).code, 200);
  await refuses(ask(requestFor(), { headers: { authorization: "Bearer abcdef.0123456789abcdee" } }), 401, /./);
  await clock.advance(61_000);
  await refuses(ask(requestFor(), { headers }), 401, /./);
});

test("malformed requests are refused with 400 and a sentence", async () => {
  const good = requestFor();
  for (const body of ["", "{", "null", "1", '"text"'])
    await refuses(ask(body), 400, /^expected a JSON object as a request to join/);
  for (const body of [[], {}, { ...good, nodeName: 1 }, { ...good, nodePassword: "" }, { ...good, clientRequest: {} }])
    await refuses(
      ask(body),
      400,
      /^expected text as ".*" of a request to join, found .*; use an agent of this version/,
    );
  for (const pem of ["hello", twoNames.replace("MIIB", "MIIC"), twoNames.replace("8JD9", "8JD8")])
    await refuses(ask({ ...good, clientRequest: pem }), 400, /^expected a (?:PEM block|signing request)/);
  await refuses(ask({ ...good, nodePassword: "x".repeat(257) }), 400, /at most 256 characters/);
  await refuses(ask("x".repeat(70_000)), 413, /at most 65536 bytes/);
});

test("a request that is not sent whole within ten seconds is refused", async () => {
  const slow = new TestExchange({
    method: "POST",
    target: "/v1-kedge/join",
    headers: { authorization: "Bearer secret" },
    remoteAddress: peer,
  });
  slow.body = (_, signal?: AbortSignal) =>
    new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
  const answered = answers(slow);
  await clock.advance(10_000);
  assert.equal(await answered, true);
  assert.equal(slow.code, 408);
});
