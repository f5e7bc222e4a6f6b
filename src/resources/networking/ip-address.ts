/** IPAddress of networking.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { object, of, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkIpAddress } from "./ingress-rules.ts";

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

function parentText({ spec }: IPAddress): string {
  // Absent in objects that were not held to the rules yet.
  const parentRef: ParentReference | undefined = spec.parentRef;
  if (parentRef === undefined) return "<none>";
  const { group = "", resource, namespace = "", name } = parentRef;
  const owner = (group === "" ? resource : `${resource}.${group}`).toLowerCase();
  return [owner, namespace, name].filter((part, index) => index !== 1 || part !== "").join("/");
}

export const ipAddresses = resource<IPAddress>({
  group: "networking.k8s.io",
  version: "v1",
  kind: "IPAddress",
  plural: "ipaddresses",
  shortNames: ["ip"],
  namespaced: false,
  shape: ipAddressShape,
  nameRule: "path",
  columns: [nameColumn, text("ParentRef", parentText), ageColumn],
  generationFields: [],
  check: checkIpAddress,
});
