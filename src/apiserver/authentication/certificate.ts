/**
 * Client certificates: the common name is the user, each organization a group.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
 */
import type { Authenticator } from "../access.ts";

export const certificateAuthenticator: Authenticator = {
  authenticate: async ({ certificate }) => {
    if (!certificate || certificate.commonName === "") return undefined;
    return {
      name: certificate.commonName,
      groups: [...certificate.organizations],
      extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${certificate.fingerprint}`] },
    };
  },
};
