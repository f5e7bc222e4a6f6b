import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { importJWK, jwtVerify, SignJWT } from "jose";
import { jwksOf, jwtKey, jwtKeysOf, JwtSigner, JwtVerifier, uncheckedClaims } from "./jwt.ts";
import { newKey } from "./x509.ts";

const nowMs = 1_800_000_000_000;
const claims = {
  iss: "https://kubernetes.default.svc",
  sub: "system:serviceaccount:default:x",
  aud: ["a"],
  exp: nowMs / 1000 + 60,
};
const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
const edKey = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
const keys = [newKey(), rsaKey, edKey];

test("what is signed here verifies here and elsewhere, for every kind of key", async () => {
  for (const pem of keys) {
    const signer = new JwtSigner(pem);
    const token = signer.sign(claims);
    const verifier = new JwtVerifier([jwtKey(keys[0] ?? ""), signer.key]);
    assert.deepEqual(verifier.verify(token, nowMs), { kind: "valid", claims });
    assert.deepEqual(uncheckedClaims(token), claims);
    const [jwk] = jwksOf([signer.key]).keys;
    const elsewhere = await jwtVerify(token, await importJWK({ ...jwk, kid: "" }), { currentDate: new Date(nowMs) });
    assert.deepEqual(elsewhere.payload, claims);
    assert.equal(elsewhere.protectedHeader.kid, signer.key.id);
  }
});

test("a token signed elsewhere verifies by the keys of a JWKS, cached or not", async () => {
  for (const pem of keys) {
    const signer = new JwtSigner(pem);
    const jwks = jwksOf([signer.key]);
    const { createPrivateKey } = await import("node:crypto");
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: signer.key.algorithm })
      .sign(createPrivateKey(pem));
    const verifier = new JwtVerifier(jwtKeysOf(jwks));
    for (let times = 2; times > 0; times -= 1) assert.equal(verifier.verify(token, nowMs).kind, "valid");
    assert.equal(verifier.verify(token, nowMs + 60_000).kind, "expired");
  }
});

test("only the private half is secret", () => {
  const pem = newKey();
  assert.ok(!JSON.stringify(jwksOf([jwtKey(pem)])).includes('"d"'));
  const publicPem = createPublicKey(pem).export({ type: "spki", format: "pem" });
  assert.equal(jwtKey(publicPem).id, jwtKey(pem).id);
});

test("tokens that are changed, stripped, of another key or of no form are invalid", () => {
  const signer = new JwtSigner(newKey());
  const verifier = new JwtVerifier([signer.key]);
  const token = signer.sign(claims);
  const [head = "", body = "", signature = ""] = token.split(".");
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const cases = [
    "",
    "x",
    "a.b.c",
    `${head}.${body}`,
    `${head}.${body}.`,
    `${token}.x`,
    `${head}.${encode({ ...claims, sub: "admin" })}.${signature}`,
    `${encode({ alg: "none" })}.${body}.`,
    `${encode({ alg: "HS256" })}.${body}.${signature}`,
    `${encode({ alg: "ES256", crit: ["b64"] })}.${body}.${signature}`,
    new JwtSigner(newKey()).sign(claims),
    new JwtSigner(rsaKey).sign(claims),
    "x".repeat(100_000),
  ];
  for (const broken of cases) assert.equal(verifier.verify(broken, nowMs).kind, "invalid", broken.slice(0, 100));
  const later = signer.sign({ ...claims, nbf: nowMs / 1000 + 1 });
  assert.equal(verifier.verify(later, nowMs).kind, "expired");
});
