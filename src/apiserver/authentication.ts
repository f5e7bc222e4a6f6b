/** The authenticators, in their order. Who shows nothing any of them knows is anonymous (identify.ts). */
import type { Clock } from "#base/clock.ts";
import type { Client } from "#client/client.ts";
import type { Authenticator } from "./access.ts";
import { bootstrapTokenAuthenticator } from "./authentication/bootstrap-token.ts";
import { certificateAuthenticator } from "./authentication/certificate.ts";
import { ServiceAccountTokens, type TokenVerifier } from "./authentication/service-account-token.ts";

export { bootstrapTokenAuthenticator } from "./authentication/bootstrap-token.ts";
export { serviceAccountClaims } from "./authentication/token-claims.ts";
export { serviceAccountUser, type TokenClaims, type TokenVerifier } from "./authentication/service-account-token.ts";
export { tokenRequests } from "./authentication/token-request.ts";

export interface AuthenticationOptions {
  /** Looks up accounts, pods and secrets that tokens are bound to. */
  readonly client: Client;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly issuer: string;
  readonly audiences: readonly string[];
}

export interface Authentication {
  readonly inOrder: readonly Authenticator[];
  readonly serviceAccountTokens: ServiceAccountTokens;
}

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const serviceAccountTokens = new ServiceAccountTokens(options);
  return {
    serviceAccountTokens,
    inOrder: [certificateAuthenticator, serviceAccountTokens, bootstrapTokenAuthenticator(options)],
  };
}
