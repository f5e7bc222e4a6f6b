/** ServiceCIDR of networking.k8s.io/v1. */
import { condition } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { list, listMap, object, of, str, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkServiceCidr } from "./ingress-rules.ts";

export const serviceCIDRSpecShape = object("api.networking.v1.ServiceCIDRSpec", {
  cidrs: list(1, str),
});
export interface ServiceCIDRSpec extends Infer<typeof serviceCIDRSpecShape> {}

export const serviceCIDRStatusShape = object("api.networking.v1.ServiceCIDRStatus", {
  conditions: listMap(1, ["type"], condition).patchMerge("type"),
});
export interface ServiceCIDRStatus extends Infer<typeof serviceCIDRStatusShape> {}

export const serviceCIDRShape = kind("api.networking.v1.ServiceCIDR", {
  spec: of(2, serviceCIDRSpecShape).always().unlisted(),
  status: of(3, serviceCIDRStatusShape).always().unlisted(),
});
export interface ServiceCIDR extends Infer<typeof serviceCIDRShape> {}

export const serviceCIDRs = resource<ServiceCIDR>({
  group: "networking.k8s.io",
  version: "v1",
  kind: "ServiceCIDR",
  plural: "servicecidrs",
  namespaced: false,
  shape: serviceCIDRShape,
  columns: [nameColumn, text("CIDRs", (one) => (one.spec.cidrs ?? []).join(",")), ageColumn],
  generationFields: [],
  check: checkServiceCidr,
});
