import assert from "node:assert/strict";
import { createHash, createPrivateKey, sign, X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { must } from "#base/assert.ts";
import { textOf, utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { HttpClient } from "../http-client.ts";
import { type HttpServer, listen } from "../http-server.ts";
import { type CertifiedKey, issue, issueCa } from "../x509.ts";
import * as der from "../x509/der.ts";
import { toPem } from "../x509/pem.ts";

const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const ca = issueCa({ commonName: "ca", ...life });
const serving = issue(ca, { commonName: "s", usages: ["server"], names: ["127.0.0.1"], ...life });
const good = issue(ca, { commonName: "system:node:n", organizations: ["system:nodes"], usages: ["client"], ...life });

/** The certificate with another subject, signed by the same CA: what kedge itself never writes. */
function withSubject({ certificate, key }: CertifiedKey, subject: Uint8Array): CertifiedKey {
  const [body, algorithm] = der.inside(der.decodeAll(new X509Certificate(certificate).raw)[0], der.tags.sequence);
  const fields = der.inside(body, der.tags.sequence).map(({ raw }, at) => (at === 5 ? subject : raw));
  const forged = der.sequence(...fields);
  const signature = der.bitString(sign("sha256", forged, createPrivateKey(ca.key)));
  return { certificate: toPem("CERTIFICATE", der.sequence(forged, must(algorithm, "read above").raw, signature)), key };
}

function subject(...names: readonly string[]): Uint8Array {
  const set = (name: string): Uint8Array =>
    der.encode(der.tags.set, der.sequence(der.oid("2.5.4.3"), der.utf8String(name)));
  return der.sequence(...names.map(set));
}

let server: HttpServer;

before(async () => {
  const tls = { ...serving, clientCa: ca.certificate };
  server = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, (exchange) => {
    const { commonName, fingerprint } = exchange.peerCertificate() ?? {};
    const who = { commonName, fingerprint, refusal: exchange.peerCertificateRefusal() };
    exchange.reply(200, {}, utf8(JSON.stringify(who)));
  });
});

after(() => server.close(0));

async function whoIs(pair: CertifiedKey): Promise<unknown> {
  const url = `https://127.0.0.1:${server.port}`;
  const client = new HttpClient({ url, protocol: "h1", ca: ca.certificate, credentials: () => pair });
  try {
    const reply = await client.request({ method: "GET", target: "/", signal: AbortSignal.timeout(5_000) });
    return JSON.parse(textOf(await reply.bytes(10_000)));
  } finally {
    client.close();
  }
}

test("a client is the one common name of its certificate, and its fingerprint is the certificate's SHA-256", async () => {
  const fingerprint = createHash("sha256").update(new X509Certificate(good.certificate).raw).digest("hex");
  assert.deepEqual(await whoIs(good), { commonName: "system:node:n", fingerprint });
});

test("a certificate with two common names, or with none, is nobody's", async () => {
  const two = withSubject(good, subject("system:kube-controller-manager", "system:node:n"));
  assert.deepEqual(await whoIs(two), { refusal: "expected a subject with one common name, found 2" });
  assert.deepEqual(await whoIs(withSubject(good, subject())), {
    refusal: "expected a subject with one common name, found none",
  });
});
