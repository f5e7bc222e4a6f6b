/** IPAddress of networking.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { object, of, string, type Infer } from "#machinery/shape.ts";

export const parentReferenceShape = object("api.networking.v1.ParentReference", {
  group: string(1),
  resource: string(2).required(),
  namespace: string(3),
  name: string(4).required(),
});
export interface ParentReference extends Infer<typeof parentReferenceShape> {}

export const ipAddressSpecShape = object("api.networking.v1.IPAddressSpec", {
  parentRef: of(1, parentReferenceShape).required(),
});
export interface IPAddressSpec extends Infer<typeof ipAddressSpecShape> {}

export const ipAddressShape = kind("api.networking.v1.IPAddress", {
  spec: of(2, ipAddressSpecShape).always().unlisted(),
});
export interface IPAddress extends Infer<typeof ipAddressShape> {}

export const ipAddresses = resource<IPAddress>({
  group: "networking.k8s.io",
  version: "v1",
  kind: "IPAddress",
  plural: "ipaddresses",
  shortNames: ["ip"],
  namespaced: false,
  shape: ipAddressShape,
});
