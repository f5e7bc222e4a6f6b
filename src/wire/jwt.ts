/**
 * JSON Web Tokens: signed with a private key, verified with a set of public keys, published as a JWKS. Written on
 * node:crypto, which has every algorithm; only signatures by asymmetric keys are known, so none can be stripped.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7515
 * @see https://www.rfc-editor.org/rfc/rfc7519
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
  type webcrypto,
} from "node:crypto";
import { own } from "#base/own.ts";

export type Claims = Readonly<Record<string, unknown>>;

/** A key as JSON (RFC 7517). */
export type Jwk = webcrypto.JsonWebKey & { readonly kid?: string | undefined };

/** A public key by which tokens are verified. */
export interface JwtKey {
  readonly id: string | undefined;
  readonly algorithm: string;
  readonly key: KeyObject;
}

export type Verdict =
  | { readonly kind: "valid"; readonly claims: Claims }
  /** The signature or the form is wrong, or no key fits. */
  | { readonly kind: "invalid"; readonly why: string }
  /** All is well but the time. */
  | { readonly kind: "expired"; readonly claims: Claims; readonly why: string };

interface Algorithm {
  readonly hash: string | null;
  /** ECDSA signatures stand in tokens as two numbers side by side, not in DER. */
  readonly dsaEncoding?: "ieee-p1363";
}

const algorithms: Readonly<Record<string, Algorithm>> = {
  RS256: { hash: "sha256" },
  RS384: { hash: "sha384" },
  RS512: { hash: "sha512" },
  ES256: { hash: "sha256", dsaEncoding: "ieee-p1363" },
  ES384: { hash: "sha384", dsaEncoding: "ieee-p1363" },
  ES512: { hash: "sha512", dsaEncoding: "ieee-p1363" },
  EdDSA: { hash: null },
};
const curveAlgorithms: Readonly<Record<string, string>> = {
  prime256v1: "ES256",
  secp384r1: "ES384",
  secp521r1: "ES512",
};

const tokenBytesMax = 64 * 1024;
const cachedMax = 2_000;

/** A key in PEM, private or public, with the identifier upstream gives it: the hash of its public half. */
export function jwtKey(pem: string): JwtKey {
  const key = createPublicKey(pem);
  const id = createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64url");
  return { id, algorithm: algorithmOf(key), key };
}

/** The keys of a JWKS that can verify signatures; others are left out. */
export function jwtKeysOf(jwks: { readonly keys: readonly Jwk[] }): JwtKey[] {
  return jwks.keys
    .filter(({ kty, use }) => (kty === "RSA" || kty === "EC" || kty === "OKP") && use !== "enc")
    .map((jwk) => {
      const key = createPublicKey({ key: jwk, format: "jwk" });
      return { id: jwk.kid, algorithm: typeof jwk["alg"] === "string" ? jwk["alg"] : algorithmOf(key), key };
    });
}

/** What `/openid/v1/jwks` answers. */
export function jwksOf(keys: readonly JwtKey[]): { readonly keys: readonly Jwk[] } {
  return {
    keys: keys.map(({ id, algorithm, key }) => ({
      use: "sig",
      kid: id,
      alg: algorithm,
      ...key.export({ format: "jwk" }),
    })),
  };
}

export class JwtSigner {
  readonly key: JwtKey;
  private readonly privateKey: KeyObject;
  private readonly header: string;

  constructor(privatePem: string) {
    this.privateKey = createPrivateKey(privatePem);
    this.key = jwtKey(privatePem);
    this.header = base64url({ alg: this.key.algorithm, kid: this.key.id });
  }

  sign(claims: Claims): string {
    const signed = `${this.header}.${base64url(claims)}`;
    const { hash, ...encoding } = own(algorithms, this.key.algorithm) ?? { hash: "sha256" };
    return `${signed}.${sign(hash, Buffer.from(signed), { key: this.privateKey, ...encoding }).toString("base64url")}`;
  }
}

/** Verifies tokens, and remembers the good ones: a signature costs 100 µs, and clients send one token for hours. */
export class JwtVerifier {
  private readonly keys: readonly JwtKey[];
  // Invariant: at most cachedMax tokens, all of which verified. The oldest goes first.
  private readonly verified = new Map<string, Claims>();

  constructor(keys: readonly JwtKey[]) {
    this.keys = keys;
  }

  /** Checks form, signature and time (`exp`, `nbf`); issuer, audience and the rest are the caller's. */
  verify(token: string, nowMs: number): Verdict {
    let claims = this.verified.get(token);
    if (!claims) {
      const read = this.read(token);
      if (typeof read === "string") return { kind: "invalid", why: read };
      claims = read;
      this.remember(token, claims);
    }
    const { exp, nbf } = claims;
    if (typeof exp === "number" && nowMs >= exp * 1000) {
      return { kind: "expired", claims, why: `expected a token that is valid now, found one that expired at ${exp}` };
    }
    if (typeof nbf === "number" && nowMs < nbf * 1000) {
      return { kind: "expired", claims, why: `expected a token that is valid now, found one valid from ${nbf}` };
    }
    return { kind: "valid", claims };
  }

  /** The claims of a token whose signature holds, or why it does not. */
  private read(token: string): Claims | string {
    if (token.length > tokenBytesMax) return `expected a token of at most ${tokenBytesMax} bytes, found a longer one`;
    const [head = "", body = "", signature = "", rest] = token.split(".");
    const header = objectIn(head);
    const claims = objectIn(body);
    if (!header || !claims || signature === "" || rest !== undefined) return "expected a signed JSON Web Token";
    if (header["crit"] !== undefined) return "expected a token without critical extensions";
    const fitting = this.keys.filter(
      ({ id, algorithm }) =>
        algorithm === header["alg"] && (header["kid"] === undefined || id === undefined || id === header["kid"]),
    );
    const signed = Buffer.from(`${head}.${body}`);
    const bits = Buffer.from(signature, "base64url");
    const good = fitting.some(({ algorithm, key }) => {
      const known = own(algorithms, algorithm);
      if (!known) return false;
      const { hash, ...encoding } = known;
      return verify(hash, signed, { key, ...encoding }, bits);
    });
    return good ? claims : "expected a token signed with a key that is known here, found another signature";
  }

  private remember(token: string, claims: Claims): void {
    if (this.verified.size >= cachedMax) {
      const [oldest] = this.verified.keys();
      if (oldest !== undefined) this.verified.delete(oldest);
    }
    this.verified.set(token, claims);
  }
}

/**
 * The claims of a token whose signature nobody has checked.
 *
 * @returns undefined when it has not the form of a token.
 */
export function uncheckedClaims(token: string): Claims | undefined {
  const parts = token.split(".");
  return parts.length === 3 ? objectIn(parts[1] ?? "") : undefined;
}

function algorithmOf(key: KeyObject): string {
  const type = key.asymmetricKeyType;
  if (type === "rsa") return "RS256";
  if (type === "ed25519") return "EdDSA";
  const curve = key.asymmetricKeyDetails?.namedCurve ?? "";
  const algorithm = own(curveAlgorithms, curve);
  if (!algorithm)
    throw new Error(`expected a key of kind RSA, EC (P-256, P-384, P-521) or Ed25519, found "${type} ${curve}"`);
  return algorithm;
}

function base64url(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function objectIn(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    // A JSON object's fields are unknown until they are looked at, which is what Claims says.
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    // Not JSON, so not a token; the caller says so.
    return undefined;
  }
}
