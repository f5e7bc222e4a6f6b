/**
 * Tokens of service accounts: signed statements that are bound to an account and, mostly, to a pod, and end with it.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
 */
import type { Clock } from "#base/clock.ts";
import type { Client } from "#client/client.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason, unauthorized } from "#machinery/status.ts";
import { nodes } from "#resources/core/node.ts";
import { pods } from "#resources/core/pod.ts";
import { secrets } from "#resources/core/secret.ts";
import { serviceAccounts, type ServiceAccount } from "#resources/core/service-account.ts";
import type { Authenticator, User } from "../access.ts";

/** The private claims of a token, under "kubernetes.io". */
export interface BoundClaims {
  readonly namespace: string;
  readonly serviceaccount: { readonly name: string; readonly uid: string };
  readonly pod?: { readonly name: string; readonly uid: string };
  readonly node?: { readonly name: string; readonly uid?: string };
  readonly secret?: { readonly name: string; readonly uid: string };
  /** Seconds since the epoch after which the holder is told to renew. */
  readonly warnafter?: number;
}

export interface TokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly "kubernetes.io": BoundClaims;
}

/** Checks signatures and nothing else. */
export interface TokenVerifier {
  /** The issuer written in an unverified token; undefined when the text is no token at all. */
  issuerOf(token: string): string | undefined;
  /** @throws Error when the signature does not hold. */
  verify(token: string): Promise<TokenClaims>;
}

export interface TokenOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly issuer: string;
  /** The audiences of this API server; a token must be for one of them. */
  readonly audiences: readonly string[];
}

export interface TokenReviewResult {
  readonly user: User;
  /** Those of the token that were asked for. */
  readonly audiences: readonly string[];
}

// As upstream: a token that was good is not looked at again for so long.
const goodForMs = 10_000;
const goodMax = 2_000;

export class ServiceAccountTokens implements Authenticator {
  private readonly options: TokenOptions;
  // By the clock that only goes forward. Invariant: at most goodMax tokens. The oldest goes first.
  private readonly good = new Map<string, { readonly user: User; readonly untilMs: number }>();

  constructor(options: TokenOptions) {
    this.options = options;
  }

  async authenticate({ bearerToken = "" }: { readonly bearerToken: string | undefined }): Promise<User | undefined> {
    const nowMs = this.options.clock.monotonicMs();
    const known = this.good.get(bearerToken);
    if (known && nowMs < known.untilMs) return known.user;
    if (this.options.verifier.issuerOf(bearerToken) !== this.options.issuer) return undefined;
    this.good.delete(bearerToken);
    const { user } = await this.review(bearerToken, this.options.audiences);
    const [oldest] = this.good.keys();
    if (oldest !== undefined && this.good.size >= goodMax) this.good.delete(oldest);
    this.good.set(bearerToken, { user, untilMs: nowMs + goodForMs });
    return user;
  }

  /** @throws StatusError 401 saying what does not hold. */
  async review(token: string, audiences: readonly string[]): Promise<TokenReviewResult> {
    const claims = await this.options.verifier.verify(token).catch((cause: unknown) => {
      throw unauthorized(`invalid bearer token: ${cause instanceof Error ? cause.message : "unreadable"}`);
    });
    const nowSeconds = this.options.clock.nowMs() / 1000;
    if (claims.exp <= nowSeconds) throw unauthorized("invalid bearer token: service account token has expired");
    if (claims.nbf > nowSeconds + 10)
      throw unauthorized("invalid bearer token: service account token is not valid yet");
    const shared = claims.aud.filter((audience) => audiences.includes(audience));
    if (shared.length === 0)
      throw unauthorized(
        `invalid bearer token: token audiences ${JSON.stringify(claims.aud)} is invalid for the target audiences ${JSON.stringify(audiences)}`,
      );
    return { user: await this.userOf(claims), audiences: shared };
  }

  private async userOf(claims: TokenClaims): Promise<User> {
    const bound = claims["kubernetes.io"];
    const { namespace, serviceaccount } = bound;
    await this.mustExist(serviceAccounts, { namespace, name: serviceaccount.name }, serviceaccount.uid);
    const extra: Record<string, readonly string[]> = {
      "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`],
    };
    if (bound.pod) {
      await this.mustExist(pods, { namespace, name: bound.pod.name }, bound.pod.uid);
      extra["authentication.kubernetes.io/pod-name"] = [bound.pod.name];
      extra["authentication.kubernetes.io/pod-uid"] = [bound.pod.uid];
    }
    if (bound.secret) await this.mustExist(secrets, { namespace, name: bound.secret.name }, bound.secret.uid);
    if (bound.node) {
      // A node named beside a pod is information; alone it is what the token is bound to.
      if (!bound.pod) await this.mustExist(nodes, { namespace: "", name: bound.node.name }, bound.node.uid ?? "");
      extra["authentication.kubernetes.io/node-name"] = [bound.node.name];
      if (bound.node.uid !== undefined) extra["authentication.kubernetes.io/node-uid"] = [bound.node.uid];
    }
    return { ...serviceAccountUser(namespace, serviceaccount.name), uid: serviceaccount.uid, extra };
  }

  private async mustExist<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    key: ObjectKey,
    uid: string,
  ): Promise<void> {
    const what = `${resource.singular} ${JSON.stringify(key.name)}`;
    const found = await this.options.client.get(resource, key).catch((error: unknown) => {
      if (isReason(error, "NotFound")) throw unauthorized(`invalid bearer token: ${what} has been deleted`);
      throw error;
    });
    if (found.metadata.uid !== uid)
      throw unauthorized(`invalid bearer token: ${what} is not the one the token is bound to`);
  }
}

export function serviceAccountUser(namespace: string, name: string): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
  };
}

/** The statement to sign for an account; `bound` is what it ends with. */
export function claimsFor(
  account: ServiceAccount,
  request: {
    readonly issuer: string;
    readonly audiences: readonly string[];
    readonly nowMs: number;
    readonly lifeSeconds: number;
    /** Later than lifeSeconds when clients of old libraries are given grace. */
    readonly warnAfterSeconds?: number;
    readonly id: string;
    readonly bound: Pick<BoundClaims, "pod" | "node" | "secret">;
  },
): TokenClaims {
  const iat = Math.floor(request.nowMs / 1000);
  const { name = "", namespace = "", uid = "" } = account.metadata;
  return {
    aud: request.audiences,
    exp: iat + request.lifeSeconds,
    iat,
    iss: request.issuer,
    jti: request.id,
    "kubernetes.io": {
      namespace,
      serviceaccount: { name, uid },
      ...request.bound,
      ...(request.warnAfterSeconds === undefined ? {} : { warnafter: iat + request.warnAfterSeconds }),
    },
    nbf: iat,
    sub: `system:serviceaccount:${namespace}:${name}`,
  };
}
