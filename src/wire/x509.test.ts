import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { messageOf } from "#base/assert.ts";
import { addressBytes, addressText } from "./x509/address.ts";
import * as der from "./x509/der.ts";
import { onlyCommonName, readName } from "./x509/name.ts";
import {
  createRequest,
  type GrantOptions,
  isSignedBy,
  issue,
  issueCa,
  newKey,
  matches,
  readCertificate,
  readRequest,
  signRequest,
} from "./x509.ts";

const hourMs = 3_600_000;
const nowMs = Math.floor(Date.now() / 1000) * 1000;
const life = { notBeforeMs: nowMs - hourMs, notAfterMs: nowMs + hourMs };
const ca = issueCa({ commonName: "kedge-client-ca@1", ...life });

test("a leaf repeats what it was asked for and is signed by its CA", () => {
  const leaf = issue(ca, {
    commonName: "system:admin",
    organizations: ["system:masters", "a"],
    usages: ["client", "server"],
    names: ["kubernetes.default.svc", "10.43.0.1", "fd00::1:0:5"],
    ...life,
  });
  assert.deepEqual(readCertificate(leaf.certificate), {
    commonName: "system:admin",
    organizations: ["a", "system:masters"],
    names: ["kubernetes.default.svc", "10.43.0.1", "fd00::1:0:5"],
    isCa: false,
    ...life,
  });
  assert.ok(matches(leaf));
  assert.ok(isSignedBy(leaf.certificate, ca.certificate, nowMs));
  assert.ok(!isSignedBy(leaf.certificate, ca.certificate, nowMs + 2 * hourMs));
  assert.ok(!isSignedBy(leaf.certificate, issueCa({ commonName: "kedge-client-ca@1", ...life }).certificate, nowMs));
  const read = new X509Certificate(leaf.certificate);
  assert.deepEqual(read.keyUsage, ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]);
  assert.equal(read.checkHost("kubernetes.default.svc"), "kubernetes.default.svc");
});

test("a renewed leaf keeps its key", () => {
  const first = issue(ca, { commonName: "n", usages: ["client"], ...life });
  const second = issue(ca, { commonName: "n", usages: ["client"], key: first.key, ...life });
  assert.equal(second.key, first.key);
  assert.ok(matches({ certificate: second.certificate, key: first.key }));
});

test("a certificate valid beyond 2049 keeps its date", () => {
  const far = issueCa({ commonName: "far", notBeforeMs: nowMs, notAfterMs: Date.UTC(2055, 0, 2, 3, 4, 5) });
  assert.equal(readCertificate(far.certificate).notAfterMs, Date.UTC(2055, 0, 2, 3, 4, 5));
});

test("addresses become bytes and text again", () => {
  for (const text of ["1.2.3.4", "::", "::1", "fd00::1:0:0:5", "1:2:3:4:5:6:7:8"]) {
    assert.equal(addressText(addressBytes(text)), text);
  }
});

// Made once with `openssl req -new`: CN=system:node:n1, O=system:nodes, SAN DNS:n1, IP:10.0.0.1, IP:fd00::1.
const requests = {
  ec: `-----BEGIN CERTIFICATE REQUEST-----
MIIBJDCBygIBADAwMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxFzAVBgNVBAMMDnN5
c3RlbTpub2RlOm4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhmIiwW/EYhuT
oz5jQpFCFpuqWCmwmW52sYz2gn2pVC3YI7LyRvtnQVc/hcOVJcPuTHmQDIdXq/Vk
2LLHO9k5RKA4MDYGCSqGSIb3DQEJDjEpMCcwJQYDVR0RBB4wHIICbjGHBAoAAAGH
EP0AAAAAAAAAAAAAAAAAAAEwCgYIKoZIzj0EAwIDSQAwRgIhAPAZTrYL6v2AbxaG
czrGdvxiLIU1rGOnA4fuRzniVmr5AiEAnfqaPBHH9vz8kZfzv+zFOqKKTzSwEKVu
HdzpRDs20s8=
-----END CERTIFICATE REQUEST-----
`,
  rsa: `-----BEGIN CERTIFICATE REQUEST-----
MIICrTCCAZUCAQAwMDEVMBMGA1UECgwMc3lzdGVtOm5vZGVzMRcwFQYDVQQDDA5z
eXN0ZW06bm9kZTpuMTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBANoC
mapjZ7GwC7MFYItkcY1VxcOQKyZ5d5LCXMtxdgmBWBuvJIbsy4oUfSbobRQWbfbY
4L6jwGKErPlUKT1C6cGNCgw//DK7a2QgfO3v4M7hNiAwq+m0FTLzBkxcGTjouG/h
W3oYJysiaJfSFMvTq+ui6dvPBwRkm3CIKqQgAaOan/D3J4eIUriBhvGShDUzuy1V
hIOjvI9kHGthWixxBOIImr9H6oOKogMpSARbBHa+FzJMgDm0zUNyXwbYemHDkBg8
tDOmnuzfTucIAQ5JPAq5dloqHXWNfTSjqvNW1t5SpWSSGmOBdrXV+9HXnVgS/Zvu
YpRX5Mri0CwkrFNWEDsCAwEAAaA4MDYGCSqGSIb3DQEJDjEpMCcwJQYDVR0RBB4w
HIICbjGHBAoAAAGHEP0AAAAAAAAAAAAAAAAAAAEwDQYJKoZIhvcNAQELBQADggEB
ACo3OVAGoPBxYN+nmA8GdZXYA2JWSVD43u49jKDAQaHhn8T3yGbmT+Q1luV8jmmC
F5WbGjZpqn/jx4vkDcLzIZmHd2jWfx2kRjQt2IVMekf9mg2WwDCNpc4PnrZGGr7c
jBelcosOFo/UqfRW8mggXyIqrcUuX6gLbHxOCzU1wA8VmwC6Sgm7aG7trcVT2Mt6
nvJVII8YjfY6bZnH0Zb6gPN0VlUvzPhtaY6UlUlUzvKAmRr7YGaDWeUyL4QJPpqQ
xglkHNagh6F95yZfwZgfudgBsCQgqLXyCbojIAgPWQtWOXQMqkzbpAOqAbwqkFFQ
p09fGpMEP4De+2XWA4gmtbY=
-----END CERTIFICATE REQUEST-----
`,
};

test("a signing request is read, and its key is signed with what the signer grants and nothing else", () => {
  for (const pem of [requests.ec, requests.rsa]) {
    const request = readRequest(pem);
    assert.deepEqual(request.subject, {
      commonNames: ["system:node:n1"],
      organizations: ["system:nodes"],
      others: [],
    });
    assert.deepEqual(request.dnsNames, ["n1"]);
    assert.deepEqual(request.ipAddresses, ["10.0.0.1", "fd00::1"]);
    const subject = { commonName: "granted", organizations: ["a"] };
    const signed = signRequest(ca, request, {
      subject,
      names: ["n1"],
      usages: ["digital signature", "server auth"],
      ...life,
    });
    assert.ok(isSignedBy(signed, ca.certificate, nowMs));
    assert.deepEqual(readCertificate(signed), { ...subject, names: ["n1"], isCa: false, ...life });
    const read = new X509Certificate(signed);
    assert.deepEqual(read.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
    // The key usage extension: critical, one bit.
    assert.ok(read.raw.toString("hex").includes("0603551d0f0101ff040403020780"));
    assert.deepEqual(read.publicKey, request.publicKey);
  }
});

test("a usage that is not in the table does not compile", () => {
  const grant: GrantOptions = {
    subject: { commonName: "n", organizations: [] },
    names: [],
    // @ts-expect-error "client" is no usage of the CertificateSigningRequest API.
    usages: ["client"],
    ...life,
  };
  assert.equal(grant.usages.length, 1);
});

test("a signing request made here says what it was asked to say", () => {
  const subject = { commonName: "system:node:n2", organizations: ["system:nodes"] };
  const read = readRequest(createRequest(newKey(), { ...subject, names: ["n2", "10.0.0.2"] }));
  assert.deepEqual(read.subject, { commonNames: [subject.commonName], organizations: ["system:nodes"], others: [] });
  assert.deepEqual([read.dnsNames, read.ipAddresses], [["n2"], ["10.0.0.2"]]);
  assert.deepEqual(readRequest(createRequest(newKey(), subject)).dnsNames, []);
});

test("every common name of a subject is read, in one set or in several", () => {
  // CN=a, CN=b beside each other, then CN=c and an organizational unit in one set.
  const attribute = (oid: string, text: string, tag = 0x0c): Uint8Array =>
    der.sequence(der.oid(oid), der.encode(tag, Buffer.from(text)));
  const set = (...parts: readonly Uint8Array[]): Uint8Array => der.encode(der.tags.set, ...parts);
  const name = (...sets: readonly Uint8Array[]): ReturnType<typeof readName> => {
    const [value] = der.decodeAll(der.sequence(...sets));
    assert.ok(value);
    return readName(value);
  };
  const commonName = "2.5.4.3";
  const facts = name(
    set(attribute(commonName, "a")),
    set(attribute(commonName, "b", 0x13)),
    set(attribute(commonName, "c"), attribute("2.5.4.11", "u")),
  );
  assert.deepEqual(facts, { commonNames: ["a", "b", "c"], organizations: [], others: ["2.5.4.11"] });
  assert.throws(() => onlyCommonName(facts), /expected a subject with one common name, found 3/);
  assert.throws(() => onlyCommonName(name()), /one common name, found none/);
  assert.equal(onlyCommonName(name(set(attribute(commonName, "a")))), "a");
  // The same bytes are other names to who reads them as another encoding.
  assert.throws(() => name(set(attribute(commonName, "\0a", 0x1e))), /UTF-8 or ASCII/);
  assert.throws(() => name(set(attribute(commonName, "a\0b"))), /without NUL/);
});

test("a request with a weak or unknown key is refused", () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const weak = createRequest(privateKey.export({ type: "pkcs8", format: "pem" }), { commonName: "n" });
  assert.throws(
    () => readRequest(weak),
    (error: Error) => /RSA \(2048 to 8192 bits\).*found "rsa 1024"/.test(messageOf(error)),
  );
});

test("broken signing requests are refused", () => {
  assert.throws(() => readRequest("hello"), /PEM block of type CERTIFICATE REQUEST/);
  const body = requests.ec.split("\n");
  body[2] = body[2]?.replace(/^./, (letter) => (letter === "A" ? "B" : "A")) ?? "";
  assert.throws(() => readRequest(body.join("\n")), /signing request that can be read/);
  assert.throws(() => readRequest(requests.ec.replace(/\n.*\n-----END/, "\n-----END")), /can be read/);
});

test("openssl accepts the chain, where it is installed", (context) => {
  const leaf = issue(ca, { commonName: "x", usages: ["server"], names: ["localhost"], ...life });
  let version = "";
  try {
    version = execFileSync("openssl", ["version"], { encoding: "utf8" });
  } catch {
    context.skip("openssl is not installed");
    return;
  }
  assert.match(version, /OpenSSL/);
  const text = execFileSync("openssl", ["x509", "-noout", "-text"], { input: leaf.certificate, encoding: "utf8" });
  assert.match(text, /X509v3 Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
  assert.match(text, /Version: 3/);
});
