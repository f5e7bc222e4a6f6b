/**
 * Who sends a request: authentication, and impersonation by those who may.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/
 */
import { own } from "#base/own.ts";
import { badRequest, forbidden, unauthorized } from "#machinery/status.ts";
import type { Exchange, RequestHeaders } from "#wire/http.ts";
import {
  anonymous,
  type Attributes,
  type Authenticator,
  type Authorizer,
  type Credentials,
  type User,
} from "./access.ts";

const authenticated = "system:authenticated";
const unauthenticated = "system:unauthenticated";
const accountPrefix = "system:serviceaccount:";

/** @throws StatusError 401 when credentials are shown that do not hold. */
export async function authenticate(
  exchange: Exchange,
  authenticators: readonly Authenticator[],
  signal: AbortSignal,
): Promise<User> {
  const credentials = credentialsOf(exchange);
  for (const authenticator of authenticators) {
    const user = await authenticator.authenticate(credentials, signal);
    if (user) return withGroup(user, authenticated);
  }
  if (credentials.bearerToken !== undefined || exchange.peerCertificateRefusal() !== undefined) throw unauthorized();
  return anonymous;
}

function credentialsOf(exchange: Exchange): Credentials {
  const certificate = exchange.peerCertificate();
  const header = exchange.header("authorization") ?? "";
  const bearer = /^Bearer +(\S+)$/i.exec(header)?.[1];
  return {
    certificate: certificate && {
      commonName: certificate.commonName,
      organizations: certificate.organizations,
      fingerprint: certificate.fingerprint,
    },
    bearerToken: bearer ?? websocketToken(exchange.header("sec-websocket-protocol")),
  };
}

const websocketPrefix = "base64url.bearer.authorization.k8s.io.";

/** Browsers cannot set headers on a WebSocket: the token may be one of the protocols asked for. */
function websocketToken(protocols: string | undefined): string | undefined {
  const found = protocols?.split(",").find(isTokenProtocol);
  return found && Buffer.from(found.trim().slice(websocketPrefix.length), "base64url").toString("utf8");
}

/** True for the "protocol" that is a token, which is for this server alone. */
export function isTokenProtocol(protocol: string): boolean {
  return protocol.trim().startsWith(websocketPrefix);
}

function withGroup(user: User, group: string): User {
  return user.groups.includes(group) ? user : { ...user, groups: [...user.groups, group] };
}

/** The user that the request wants to be seen as. @throws StatusError 403 */
export function impersonate(exchange: Exchange, user: User, authorizer: Authorizer): User {
  const { headers } = exchange;
  const name = exchange.header("impersonate-user") ?? "";
  const groups = valuesOf(headers, "impersonate-group");
  const uid = exchange.header("impersonate-uid") ?? "";
  const extra = extraOf(headers);
  if (name === "") {
    if (groups.length > 0 || uid !== "" || Object.keys(extra).length > 0)
      throw badRequest("requested group, uid or extra impersonation without impersonating a user");
    return user;
  }
  const may = (asked: Asked): void => check(authorizer, user, asked);
  const account = accountOf(name);
  if (account) may({ resource: "serviceaccounts", ...account });
  else may({ resource: "users", name });
  for (const group of groups) may({ resource: "groups", name: group });
  if (uid !== "") may({ group: "authentication.k8s.io", version: "v1", resource: "uids", name: uid });
  for (const [key, values] of Object.entries(extra))
    for (const value of values)
      may({ group: "authentication.k8s.io", version: "v1", resource: "userextras", subresource: key, name: value });
  const implied = account ? ["system:serviceaccounts", `system:serviceaccounts:${account.namespace}`] : [];
  const given = groups.length > 0 ? groups : implied;
  const last = name === anonymous.name ? unauthenticated : authenticated;
  // Who asks to be seen as unauthenticated is.
  const all = given.includes(last) || given.includes(unauthenticated) ? given : [...given, last];
  return { name, groups: all, ...(uid === "" ? {} : { uid }), ...(Object.keys(extra).length === 0 ? {} : { extra }) };
}

interface Asked {
  readonly group?: string;
  readonly version?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
}

function check(authorizer: Authorizer, user: User, asked: Asked): void {
  const attributes: Attributes = {
    kind: "resource",
    user,
    verb: "impersonate",
    group: "",
    version: "v1",
    subresource: "",
    namespace: "",
    fieldSelector: "",
    labelSelector: "",
    ...asked,
  };
  const decision = authorizer.authorize(attributes);
  if (decision.kind !== "allowed") throw refusal(attributes, decision.reason);
}

function accountOf(name: string): { namespace: string; name: string } | undefined {
  if (!name.startsWith(accountPrefix)) return undefined;
  const [namespace = "", account = "", ...rest] = name.slice(accountPrefix.length).split(":");
  return namespace !== "" && account !== "" && rest.length === 0 ? { namespace, name: account } : undefined;
}

function valuesOf(headers: RequestHeaders, name: string): readonly string[] {
  const found = own(headers, name);
  if (found === undefined) return [];
  return typeof found === "string" ? found.split(",").map((value) => value.trim()) : found;
}

const extraPrefix = "impersonate-extra-";

function extraOf(headers: RequestHeaders): Record<string, readonly string[]> {
  // Keys are the client's words: entries are members of their own whatever they are called.
  const found = Object.keys(headers).filter((name) => name.startsWith(extraPrefix));
  return Object.fromEntries(found.map((name) => [extraKey(name.slice(extraPrefix.length)), valuesOf(headers, name)]));
}

function extraKey(escaped: string): string {
  try {
    return decodeURIComponent(escaped);
  } catch {
    throw badRequest(
      `expected valid percent escapes after "Impersonate-Extra-" in the name of a header, found ${JSON.stringify(escaped)}`,
    );
  }
}

/** "pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"". */
export function refusal(attributes: Attributes, reason: string): Error {
  const { user, verb } = attributes;
  const end = reason === "" ? "" : `: ${reason}`;
  if (attributes.kind === "path") {
    const why = `User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(attributes.path)}${end}`;
    return forbidden({ group: "", resource: "", name: "" }, why);
  }
  const { group, resource, subresource, namespace, name } = attributes;
  const what = subresource === "" ? resource : `${resource}/${subresource}`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  const why = `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}${end}`;
  return forbidden({ group, resource, name }, why);
}
