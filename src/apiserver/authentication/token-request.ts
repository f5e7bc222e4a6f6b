/**
 * The token subresource of service accounts: signs a token that is bound to what the request names.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
 */
import { rfc3339, type Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import { invalid as invalidField } from "#machinery/field-error.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { badRequest, conflict, invalid } from "#machinery/status.ts";
import type { TokenRequest } from "#resources/authentication/token-request.ts";
import { nodes } from "#resources/core/node.ts";
import { pods } from "#resources/core/pod.ts";
import { secrets } from "#resources/core/secret.ts";
import { serviceAccounts } from "#resources/core/service-account.ts";
import type { Authorizer, User } from "../access.ts";
import { nodeNameOf } from "../authorization/node.ts";
import { checkNodeToken } from "./node-token.ts";
import { claimsFor, type BoundClaims, type TokenClaims } from "./service-account-token.ts";

export interface TokenRequestOptions {
  readonly client: Client;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly random: Random;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly sign: (claims: TokenClaims) => Promise<string>;
}

const lifeSecondsMin = 600;
const lifeSecondsMax = 2 ** 32;
// What pods ask for by default is stretched to a year, so that clients that read their token once keep working.
const stretchedSeconds = 3607;
const yearSeconds = 365 * 24 * 3600;

/** Answers POST …/serviceaccounts/NAME/token. @throws StatusError */
export function tokenRequests(options: TokenRequestOptions) {
  return async (user: User, key: ObjectKey, request: TokenRequest): Promise<TokenRequest> => {
    const account = await options.client.get(serviceAccounts, key);
    const asked = request.spec.expirationSeconds ?? 3600;
    if (asked < lifeSecondsMin) throw badLife(asked, "may not specify a duration less than 10 minutes");
    if (asked > lifeSecondsMax) throw badLife(asked, "may not specify a duration larger than 2^32 seconds");
    const audiences = (request.spec.audiences ?? []).length > 0 ? request.spec.audiences : options.audiences;
    const node = nodeNameOf(user);
    if (node !== undefined) await checkNodeToken(options, { user, node, key, request });
    const bound = await boundTo(options.client, key, request);
    const forPods =
      asked === stretchedSeconds &&
      audiences.every((one) => options.audiences.includes(one)) &&
      bound.pod !== undefined;
    const claims = claimsFor(account, {
      issuer: options.issuer,
      audiences,
      nowMs: options.clock.nowMs(),
      lifeSeconds: forPods ? yearSeconds : asked,
      ...(forPods ? { warnAfterSeconds: asked } : {}),
      id: options.random.uuid(),
      bound,
    });
    const token = await options.sign(claims);
    return {
      ...request,
      metadata: { name: key.name, namespace: key.namespace, creationTimestamp: rfc3339(claims.iat * 1000) },
      spec: { ...request.spec, audiences, expirationSeconds: asked },
      // The holder renews by this time even where the token itself lives longer.
      status: { token, expirationTimestamp: rfc3339((claims.iat + asked) * 1000) },
    };
  };
}

function badLife(asked: number, why: string): Error {
  return invalid({ group: "authentication.k8s.io", resource: "TokenRequest", name: "" }, [
    invalidField("spec.expirationSeconds", asked, why),
  ]);
}

async function boundTo(
  client: Client,
  key: ObjectKey,
  request: TokenRequest,
): Promise<Pick<BoundClaims, "pod" | "node" | "secret">> {
  const reference = request.spec.boundObjectRef;
  if (!reference) return {};
  const { kind = "", name = "", uid = "" } = reference;
  const found = async <T extends KubeObject>(resource: ResourceDefinition<T>, namespace: string): Promise<T> => {
    const object = await client.get(resource, { namespace, name });
    if (uid !== "" && uid !== object.metadata.uid)
      throw conflict(
        { group: "", resource: resource.plural, name },
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    return object;
  };
  switch (`${reference.apiVersion ?? ""}/${kind}`) {
    case "v1/Pod": {
      const pod = await found(pods, key.namespace);
      if ((pod.spec.serviceAccountName ?? "") !== key.name)
        throw badRequest(
          `cannot bind token for serviceaccount "${key.name}" to pod running with different serviceaccount name.`,
        );
      const ids = { name, uid: pod.metadata.uid ?? "" };
      const onNode = pod.spec.nodeName;
      return onNode === undefined ? { pod: ids } : { pod: ids, node: await nodeIds(client, onNode) };
    }
    case "v1/Secret":
      return { secret: { name, uid: (await found(secrets, key.namespace)).metadata.uid ?? "" } };
    case "v1/Node":
      return { node: { name, uid: (await found(nodes, "")).metadata.uid ?? "" } };
    default:
      throw badRequest(
        `cannot bind token to object of type ${reference.apiVersion ?? ""}, Kind=${kind}: expected a Pod, a Secret or a Node of "v1"`,
      );
  }
}

async function nodeIds(client: Client, name: string): Promise<{ readonly name: string; readonly uid?: string }> {
  const node = await client.get(nodes, { namespace: "", name }).catch(() => undefined);
  return node?.metadata.uid === undefined ? { name } : { name, uid: node.metadata.uid };
}
