/**
 * The tokens a node may ask for: bound to a pod that runs there, for an audience that the pod asks for.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
 */
import type { Client } from "#client/client.ts";
import { isReason, forbidden, type Target } from "#machinery/status.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { TokenRequest } from "#resources/authentication/token-request.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes } from "#resources/core/persistent-volume.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import type { Volume } from "#resources/core/volume.ts";
import { csiDrivers } from "#resources/storage/csi-driver.ts";
import type { Authorizer, User } from "../access.ts";

export interface NodeTokenParts {
  readonly client: Client;
  readonly authorizer: Authorizer;
}

export interface NodeTokenRequest {
  readonly user: User;
  readonly node: string;
  /** Of the service account. */
  readonly key: ObjectKey;
  readonly request: TokenRequest;
}

/** @throws StatusError 403, 404 when there is no such pod. */
export async function checkNodeToken(parts: NodeTokenParts, asked: NodeTokenRequest): Promise<void> {
  const { key, node, request } = asked;
  const target: Target = { group: "", resource: "serviceaccounts", name: key.name };
  const { apiVersion = "", kind = "", name = "", uid = "" } = request.spec.boundObjectRef ?? {};
  if (apiVersion !== "v1" || kind !== "Pod" || name === "")
    throw forbidden(target, "node requested token not bound to a pod");
  if (uid === "") throw forbidden(target, "node requested token with a pod binding without a uid");
  const pod = await parts.client.get(pods, { namespace: key.namespace, name });
  if (uid !== pod.metadata.uid)
    throw forbidden(
      target,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec.nodeName !== node)
    throw forbidden(target, "node requested token bound to a pod scheduled on a different node");
  const { audiences } = request.spec;
  if (audiences.length > 1) throw forbidden(target, "node may only request 0 or 1 audiences");
  const audience = audiences[0] ?? "";
  if ((await asksFor(parts.client, pod, audience)) || mayAskFor(parts.authorizer, asked, audience)) return;
  throw forbidden(
    target,
    `audience ${JSON.stringify(audience)} not found in pod spec volume, ${asked.user.name} is not authorized to request tokens for this audience`,
  );
}

/** True for an audience of a projected token, or of a storage driver whose volume the pod has. */
async function asksFor(client: Client, pod: Pod, audience: string): Promise<boolean> {
  const volumes = pod.spec.volumes ?? [];
  const projected = volumes.flatMap((volume) => volume.projected?.sources ?? []);
  if (
    projected.some(
      ({ serviceAccountToken }) => serviceAccountToken && (serviceAccountToken.audience ?? "") === audience,
    )
  )
    return true;
  for (const volume of volumes) {
    const driver = await driverOf(client, pod, volume);
    const found = driver === undefined ? undefined : await known(client, csiDrivers, { namespace: "", name: driver });
    if (found?.spec.tokenRequests?.some((one) => one.audience === audience) === true) return true;
  }
  return false;
}

async function driverOf(client: Client, pod: Pod, volume: Volume): Promise<string | undefined> {
  if (volume.csi) return volume.csi.driver;
  const claimName = volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : volume.persistentVolumeClaim?.claimName;
  if (claimName === undefined) return undefined;
  const claim = await known(client, persistentVolumeClaims, {
    namespace: pod.metadata.namespace ?? "",
    name: claimName,
  });
  const name = claim?.spec.volumeName ?? "";
  return name === "" ? undefined : (await known(client, persistentVolumes, { namespace: "", name }))?.spec.csi?.driver;
}

async function known<T extends KubeObject>(
  client: Client,
  resource: ResourceDefinition<T>,
  key: ObjectKey,
): Promise<T | undefined> {
  try {
    return await client.get(resource, key);
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}

function mayAskFor(authorizer: Authorizer, { user, key }: NodeTokenRequest, audience: string): boolean {
  const decision = authorizer.authorize({
    kind: "resource",
    user,
    verb: "request-serviceaccounts-token-audience",
    group: "",
    version: "v1",
    resource: audience,
    subresource: "",
    ...key,
    fieldSelector: "",
    labelSelector: "",
  });
  return decision.kind === "allowed";
}
