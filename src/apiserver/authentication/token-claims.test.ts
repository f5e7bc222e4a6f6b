/** Only claims as this server writes them are a service account. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceAccountClaims } from "./token-claims.ts";

const good = {
  iss: "i",
  sub: "system:serviceaccount:default:a",
  aud: "x",
  exp: 2,
  iat: 1,
  nbf: 1,
  jti: "j",
  "kubernetes.io": { namespace: "default", serviceaccount: { name: "a", uid: "u" }, pod: { name: "p", uid: "v" } },
};

test("claims of a service account are read, one audience as a list", () => {
  assert.deepEqual(serviceAccountClaims(good), { ...good, aud: ["x"] });
});

for (const [what, change, message] of [
  ["no expiry", { exp: undefined }, /"exp" to be a number/],
  ["an expiry that is no number", { exp: "9" }, /"exp" to be a number/],
  ["no audience", { aud: undefined }, /"aud" to be a text or a list/],
  ["an empty list of audiences", { aud: [] }, /"aud" to be a text or a list/],
  ["an audience that is no text", { aud: ["x", 1] }, /"aud" to be a text or a list/],
  ["another subject", { sub: "system:serviceaccount:kube-system:a" }, /"sub" to be "system:serviceaccount:default:a"/],
  ["nothing of Kubernetes", { "kubernetes.io": undefined }, /"kubernetes.io" to be an object/],
  ["a pod that is none", { "kubernetes.io": { ...good["kubernetes.io"], pod: { name: "p" } } }, /"uid" to be a text/],
] as const)
  test(`a token with ${what} is refused`, () => {
    assert.throws(() => serviceAccountClaims({ ...good, ...change }), message);
  });
