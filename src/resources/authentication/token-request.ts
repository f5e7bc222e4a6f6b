/** TokenRequest of authentication.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int64, list, object, of, str, string, time, type Infer } from "#machinery/shape.ts";

export const boundObjectReferenceShape = object("api.authentication.v1.BoundObjectReference", {
  kind: string(1),
  apiVersion: string(2),
  name: string(3),
  uid: string(4),
});
export interface BoundObjectReference extends Infer<typeof boundObjectReferenceShape> {}

export const tokenRequestSpecShape = object("api.authentication.v1.TokenRequestSpec", {
  audiences: list(1, str).always().unlisted(),
  expirationSeconds: int64(4).default(3600),
  boundObjectRef: of(3, boundObjectReferenceShape),
});
export interface TokenRequestSpec extends Infer<typeof tokenRequestSpecShape> {}

export const tokenRequestStatusShape = object("api.authentication.v1.TokenRequestStatus", {
  token: string(1).always().unlisted(),
  expirationTimestamp: time(2).always().unlisted(),
});
export interface TokenRequestStatus extends Infer<typeof tokenRequestStatusShape> {}

export const tokenRequestShape = kind("api.authentication.v1.TokenRequest", {
  spec: of(2, tokenRequestSpecShape).always().unlisted(),
  status: of(3, tokenRequestStatusShape).always().unlisted(),
});
export interface TokenRequest extends Infer<typeof tokenRequestShape> {}

export const tokenRequests = resource<TokenRequest>({
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenRequest",
  plural: "tokenrequests",
  namespaced: true,
  shape: tokenRequestShape,
  verbs: [],
});
