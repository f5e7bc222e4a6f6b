/** Puts the authenticators in their order and names everyone who showed nothing. */
import type { Clock } from "#base/clock.ts";
import type { Client } from "#client/client.ts";
import { unauthorized } from "#machinery/status.ts";
import { anonymous, type Authenticator, type Credentials, type User } from "./access.ts";
import { bootstrapTokenAuthenticator } from "./authentication/bootstrap-token.ts";
import { certificateAuthenticator } from "./authentication/certificate.ts";
import { ServiceAccountTokens, type TokenVerifier } from "./authentication/service-account-token.ts";

export interface AuthenticationOptions {
  /** Looks up accounts, pods and secrets that tokens are bound to. */
  readonly client: Client;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly issuer: string;
  readonly audiences: readonly string[];
}

export interface Authentication {
  /** @throws StatusError 401 when credentials were shown and do not hold. */
  authenticate(credentials: Credentials, signal: AbortSignal): Promise<User>;
  readonly serviceAccountTokens: ServiceAccountTokens;
}

const authenticated = "system:authenticated";

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const serviceAccountTokens = new ServiceAccountTokens(options);
  const inOrder: readonly Authenticator[] = [
    certificateAuthenticator,
    serviceAccountTokens,
    bootstrapTokenAuthenticator(options),
  ];
  return {
    serviceAccountTokens,
    authenticate: async (credentials, signal) => {
      for (const authenticator of inOrder) {
        const user = await authenticator.authenticate(credentials, signal);
        if (user)
          return user.groups.includes(authenticated) ? user : { ...user, groups: [...user.groups, authenticated] };
      }
      if (credentials.bearerToken !== undefined && credentials.bearerToken !== "") throw unauthorized();
      return anonymous;
    },
  };
}
