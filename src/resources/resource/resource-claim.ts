/** ResourceClaim of resource.k8s.io/v1. */
import { condition } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import {
  bool,
  inline,
  list,
  listMap,
  map,
  object,
  of,
  oneOf,
  quantityText,
  rawExtension,
  str,
  string,
  time,
  type Infer,
} from "#machinery/shape.ts";
import { nodeSelectorShape } from "../core/affinity.ts";
import { deviceConfigurationShape } from "./device-configuration.ts";
import { deviceTolerationShape } from "./device-toleration.ts";
import { resourceClaimSpecShape } from "./resource-claim-spec.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkResourceClaim, defaultClaimSpec } from "./claim-rules.ts";

export const deviceRequestAllocationResultShape = object("api.resource.v1.DeviceRequestAllocationResult", {
  request: string(1).always(),
  driver: string(2).always(),
  pool: string(3).always(),
  device: string(4).always(),
  adminAccess: bool(5),
  tolerations: list(6, deviceTolerationShape),
  bindingConditions: list(7, str),
  bindingFailureConditions: list(8, str),
  shareID: string(9).keepZero(),
  consumedCapacity: map(10, quantityText),
});
export interface DeviceRequestAllocationResult extends Infer<typeof deviceRequestAllocationResultShape> {}

export const deviceAllocationConfigurationShape = object("api.resource.v1.DeviceAllocationConfiguration", {
  source: oneOf(1, ["FromClass", "FromClaim"]).always(),
  requests: list(2, str),
  deviceConfiguration: inline(3, deviceConfigurationShape),
});
export interface DeviceAllocationConfiguration extends Infer<typeof deviceAllocationConfigurationShape> {}

export const deviceAllocationResultShape = object("api.resource.v1.DeviceAllocationResult", {
  results: list(1, deviceRequestAllocationResultShape),
  config: list(2, deviceAllocationConfigurationShape),
});
export interface DeviceAllocationResult extends Infer<typeof deviceAllocationResultShape> {}

export const allocationResultShape = object("api.resource.v1.AllocationResult", {
  devices: of(1, deviceAllocationResultShape).always().unlisted(),
  nodeSelector: of(3, nodeSelectorShape),
  allocationTimestamp: time(5),
});
export interface AllocationResult extends Infer<typeof allocationResultShape> {}

export const resourceClaimConsumerReferenceShape = object("api.resource.v1.ResourceClaimConsumerReference", {
  apiGroup: string(1),
  resource: string(3).always(),
  name: string(4).always(),
  uid: string(5).always(),
});
export interface ResourceClaimConsumerReference extends Infer<typeof resourceClaimConsumerReferenceShape> {}

export const networkDeviceDataShape = object("api.resource.v1.NetworkDeviceData", {
  interfaceName: string(1),
  ips: list(2, str),
  hardwareAddress: string(3),
});
export interface NetworkDeviceData extends Infer<typeof networkDeviceDataShape> {}

export const allocatedDeviceStatusShape = object("api.resource.v1.AllocatedDeviceStatus", {
  driver: string(1).always(),
  pool: string(2).always(),
  device: string(3).always(),
  shareID: string(7).keepZero(),
  conditions: listMap(4, ["type"], condition).always().unlisted(),
  data: rawExtension(5),
  networkData: of(6, networkDeviceDataShape),
});
export interface AllocatedDeviceStatus extends Infer<typeof allocatedDeviceStatusShape> {}

export const resourceClaimStatusShape = object("api.resource.v1.ResourceClaimStatus", {
  allocation: of(1, allocationResultShape),
  reservedFor: listMap(2, ["uid"], resourceClaimConsumerReferenceShape).patchMerge("uid"),
  devices: listMap(4, ["driver", "device", "pool", "shareID"], allocatedDeviceStatusShape),
});
export interface ResourceClaimStatus extends Infer<typeof resourceClaimStatusShape> {}

export const resourceClaimShape = kind("api.resource.v1.ResourceClaim", {
  spec: of(2, resourceClaimSpecShape).always(),
  status: of(3, resourceClaimStatusShape).always().unlisted(),
});
export interface ResourceClaim extends Infer<typeof resourceClaimShape> {}

function stateText({ metadata, status }: ResourceClaim): string {
  const deleted = metadata.deletionTimestamp !== undefined;
  const states = deleted ? ["deleted"] : [];
  if (status.allocation) states.push("allocated", ...(status.reservedFor?.length ? ["reserved"] : []));
  else if (!deleted) states.push("pending");
  return states.join(",");
}

export const resourceClaims = resource<ResourceClaim>({
  group: "resource.k8s.io",
  version: "v1",
  kind: "ResourceClaim",
  plural: "resourceclaims",
  namespaced: true,
  shape: resourceClaimShape,
  columns: [nameColumn, text("State", stateText), ageColumn],
  generationFields: [],
  defaults: ({ spec }) => defaultClaimSpec(spec),
  check: checkResourceClaim,
});
