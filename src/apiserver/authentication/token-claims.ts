/**
 * What a token of a service account says, read from its claims. The signature was checked before; a claim that is not
 * as this server writes it means that somebody else has the key, or that it is no such token.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
 */
import { own } from "#base/own.ts";
import type { BoundClaims, TokenClaims } from "./service-account-token.ts";

type Members = Readonly<Record<string, unknown>>;

/** @throws Error saying which claim is missing or is not what it should be. */
export function serviceAccountClaims(claims: Members): TokenClaims {
  const bound = membersAt(claims, "kubernetes.io");
  const account = membersAt(bound, "serviceaccount");
  const namespace = textAt(bound, "namespace");
  const serviceaccount = { name: textAt(account, "name"), uid: textAt(account, "uid") };
  const sub = textAt(claims, "sub");
  const expected = `system:serviceaccount:${namespace}:${serviceaccount.name}`;
  if (sub !== expected) throw new Error(`expected the claim "sub" to be "${expected}", found "${sub}"`);
  const node = optionalAt(bound, "node");
  const nodeUid = node && own(node, "uid");
  return {
    iss: textAt(claims, "iss"),
    sub,
    aud: audiencesOf(claims),
    exp: numberAt(claims, "exp"),
    iat: numberAt(claims, "iat"),
    nbf: numberAt(claims, "nbf"),
    jti: textAt(claims, "jti"),
    "kubernetes.io": {
      namespace,
      serviceaccount,
      ...named(bound, "pod"),
      ...named(bound, "secret"),
      ...(node
        ? { node: { name: textAt(node, "name"), ...(typeof nodeUid === "string" ? { uid: nodeUid } : {}) } }
        : {}),
    },
  };
}

function named(bound: Members, claim: "pod" | "secret"): Pick<BoundClaims, "pod" | "secret"> {
  const members = optionalAt(bound, claim);
  return members ? { [claim]: { name: textAt(members, "name"), uid: textAt(members, "uid") } } : {};
}

function audiencesOf(claims: Members): readonly string[] {
  const found = own(claims, "aud");
  const all: readonly unknown[] = Array.isArray(found) ? found : [found];
  const texts = all.filter((one): one is string => typeof one === "string");
  if (texts.length === 0 || texts.length !== all.length)
    throw new Error('expected the claim "aud" to be a text or a list of texts');
  return texts;
}

function textAt(members: Members, claim: string): string {
  const found = own(members, claim);
  if (typeof found !== "string" || found === "") throw new Error(`expected the claim "${claim}" to be a text`);
  return found;
}

function numberAt(members: Members, claim: string): number {
  const found = own(members, claim);
  if (typeof found !== "number" || !Number.isFinite(found))
    throw new Error(`expected the claim "${claim}" to be a number of seconds`);
  return found;
}

function optionalAt(members: Members, claim: string): Members | undefined {
  return own(members, claim) === undefined ? undefined : membersAt(members, claim);
}

function membersAt(members: Members, claim: string): Members {
  const found = own(members, claim);
  if (typeof found !== "object" || found === null || Array.isArray(found))
    throw new Error(`expected the claim "${claim}" to be an object`);
  // Holds because arrays and null are excluded above.
  return found as Members;
}
