import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Clock, machineClock } from "#base/clock.ts";
import { isSignedBy, readCertificate } from "#wire/x509.ts";
import {
  apiServerNames,
  ensureNodeCertificates,
  ensureServerCertificates,
  type ServerCertificates,
} from "./certificates.ts";

const data = mkdtempSync(join(tmpdir(), "kedge-certificates-"));
after(() => rmSync(data, { recursive: true }));

const startMs = Date.UTC(2026, 10, 20);
const dayMs = 24 * 3_600_000;
const clockAt = (nowMs: number): Clock => ({ ...machineClock, nowMs: () => nowMs });
const names = apiServerNames({
  clusterDomain: "cluster.local",
  serviceAddress: "10.43.0.1",
  nodeName: "n1",
  more: ["192.0.2.1", "FD00:0::1", "127.0.0.1"],
});

function ensure(folder: string, nowMs = startMs, wanted = names): ServerCertificates {
  return ensureServerCertificates({ folder: join(data, folder), clock: clockAt(nowMs), names: wanted, first: true });
}

/** As a start beside a database does. */
function ensureLater(folder: string): ServerCertificates {
  return ensureServerCertificates({ folder: join(data, folder), clock: clockAt(startMs), names, first: false });
}

test("the first start makes everything, the second reads it", () => {
  const first = ensure("a/tls");
  const leaves = [
    "client-auth-proxy",
    "client-admin",
    "client-kube-apiserver",
    "client-controller",
    "client-scheduler",
  ];
  const cas = ["server-ca", "kubelet-ca", "client-ca", "request-header-ca"];
  const pairs = [...cas, ...leaves, "client-kube-proxy", "serving-kube-apiserver"];
  assert.deepEqual([...first.renewed].sort(), [...pairs, "service"].sort());
  const files = pairs.flatMap((name) => [`${name}.crt`, `${name}.key`]);
  assert.deepEqual(readdirSync(join(data, "a/tls")).sort(), [...files, "service.key"].sort());
  for (const file of files) assert.equal(statSync(join(data, "a/tls", file)).mode & 0o777, 0o600);
  assert.equal(statSync(join(data, "a/tls")).mode & 0o777, 0o700);
  assert.deepEqual(ensure("a/tls"), { ...first, renewed: [] });
});

test("everybody shows a name of its own, signed by the right CA", () => {
  const made = ensure("b");
  const admin = readCertificate(made.clients.admin.certificate);
  assert.deepEqual([admin.commonName, admin.organizations], ["system:admin", ["system:masters"]]);
  assert.ok(isSignedBy(made.clients.admin.certificate, made.clientCa.certificate, startMs));
  assert.ok(isSignedBy(made.authProxy.certificate, made.requestHeaderCa.certificate, startMs));
  assert.ok(!isSignedBy(made.serving.certificate, made.clientCa.certificate, startMs));
  const serving = new X509Certificate(made.serving.certificate);
  for (const host of ["kubernetes.default.svc.cluster.local", "localhost", "n1"])
    assert.ok(serving.checkHost(host), host);
  for (const ip of ["10.43.0.1", "192.0.2.1", "fd00::1", "::1"]) assert.ok(serving.checkIP(ip), ip);
});

test("a leaf is renewed when a third of its life is left, and the CA is kept", () => {
  const first = ensure("c");
  assert.deepEqual(ensure("c", startMs + 242 * dayMs).renewed, []);
  const later = ensure("c", startMs + 245 * dayMs);
  assert.equal(later.renewed.length, 7);
  assert.equal(later.serverCa.certificate, first.serverCa.certificate);
  assert.equal(readCertificate(later.serving.certificate).notAfterMs, startMs + 610 * dayMs);
  // A leaf does not outlive its CA.
  const last = ensure("c", startMs + 3600 * dayMs);
  assert.equal(
    readCertificate(last.serving.certificate).notAfterMs,
    readCertificate(first.serverCa.certificate).notAfterMs,
  );
});

test("new names, broken files and keys that do not fit are renewed", () => {
  ensure("d");
  assert.deepEqual(ensure("d", startMs, [...names, "example.com"]).renewed, ["serving-kube-apiserver"]);
  writeFileSync(join(data, "d/client-admin.crt"), "garbage");
  writeFileSync(join(data, "d/client-scheduler.key"), readFileSync(join(data, "d/client-controller.key")));
  assert.deepEqual(ensure("d", startMs, [...names, "example.com"]).renewed, ["client-admin", "client-scheduler"]);
});

test("a first start that was cut off is completed; a CA without its key is refused", () => {
  const first = ensure("e");
  rmSync(join(data, "e/server-ca.crt"));
  const second = ensure("e");
  assert.equal(second.serverCa.key, first.serverCa.key);
  rmSync(join(data, "e/client-ca.key"));
  assert.throws(
    () => ensure("e"),
    /^Error: expected the key of the CA .*client-ca\.crt in .*client-ca\.key, found no such file/,
  );
  writeFileSync(join(data, "e/client-ca.key"), first.serverCa.key);
  assert.throws(() => ensure("e"), /found another key; restore both files from a backup$/);
});

test("an authority or key that is missing beside a cluster is lost, and no new one is made", () => {
  for (const file of ["server-ca.crt", "client-ca.crt", "request-header-ca.crt", "service.key"]) {
    const folder = `lost/${file}`;
    ensure(folder);
    rmSync(join(data, folder, file));
    assert.throws(
      () => ensureLater(folder),
      /^Error: expected .*, found no such file; restore the folder "server" from/,
    );
    assert.ok(!readdirSync(join(data, folder)).includes(file));
  }
});

test("a damaged authority or key is told in one sentence without OpenSSL's words", () => {
  for (const [file, expected] of [
    ["server-ca.crt", /^Error: expected the certificate of a CA in .*server-ca\.crt, found something else; restore/],
    ["client-ca.key", /^Error: expected the key of the CA .*client-ca\.crt in .*, found something else; restore/],
    ["service.key", /^Error: expected a private key in PEM in .*service\.key, found something else; restore/],
  ] as const) {
    ensure(`damaged/${file}`);
    writeFileSync(join(data, "damaged", file, file), "garbage");
    assert.throws(() => ensureLater(`damaged/${file}`), expected);
  }
});

test("a cluster of before kubelets had an authority of their own gets one, and its node a certificate of it", () => {
  const first = ensure("g/server");
  const options = { folder: join(data, "g/agent"), clock: clockAt(startMs), nodeName: "n1", addresses: ["192.0.2.7"] };
  // As the certificates were: all servers' by one CA.
  ensureNodeCertificates({ ...first, kubeletCa: first.serverCa }, options);
  for (const ending of ["crt", "key"]) rmSync(join(data, `g/server/kubelet-ca.${ending}`));
  const later = ensureLater("g/server");
  assert.deepEqual(later.renewed, ["kubelet-ca"]);
  assert.deepEqual(ensureNodeCertificates(later, options).renewed, ["serving-kubelet"]);
});

test("what a node serves with is not trusted as the API, and names nothing but the node", () => {
  const cas = ensure("h/server");
  const options = { folder: join(data, "h/agent"), clock: clockAt(startMs), nodeName: "n1", addresses: ["192.0.2.7"] };
  const { serving } = ensureNodeCertificates(cas, options);
  assert.ok(isSignedBy(serving.certificate, cas.kubeletCa.certificate, startMs));
  assert.ok(!isSignedBy(serving.certificate, cas.serverCa.certificate, startMs));
  assert.deepEqual(readCertificate(serving.certificate).names, ["n1", "192.0.2.7"]);
});

test("a node has its own name in both directions", () => {
  const cas = ensure("f/server");
  const options = { folder: join(data, "f/agent"), clock: clockAt(startMs), nodeName: "n1", addresses: ["192.0.2.7"] };
  const node = ensureNodeCertificates(cas, options);
  const client = readCertificate(node.client.certificate);
  assert.deepEqual([client.commonName, client.organizations], ["system:node:n1", ["system:nodes"]]);
  assert.ok(new X509Certificate(node.serving.certificate).checkIP("192.0.2.7"));
  assert.equal(readFileSync(join(data, "f/agent/server-ca.crt"), "utf8"), cas.serverCa.certificate);
  assert.deepEqual(ensureNodeCertificates(cas, options).renewed, []);
});
