/** ResourceSlice of resource.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import {
  bool,
  flag,
  i64,
  int64,
  list,
  map,
  object,
  of,
  oneOf,
  quantity,
  quantityText,
  str,
  string,
  time,
  type Infer,
} from "#machinery/shape.ts";
import { nodeSelectorShape } from "../core/affinity.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkResourceSlice } from "./claim-rules.ts";

export const resourcePoolShape = object("api.resource.v1.ResourcePool", {
  name: string(1).always(),
  generation: int64(2).always(),
  resourceSliceCount: int64(3).always(),
});
export interface ResourcePool extends Infer<typeof resourcePoolShape> {}

export const deviceAttributeShape = object("api.resource.v1.DeviceAttribute", {
  int: int64(2),
  bool: bool(3),
  string: string(4).keepZero(),
  version: string(5).keepZero(),
  ints: list(6, i64),
  bools: list(7, flag),
  strings: list(8, str),
  versions: list(9, str),
});
export interface DeviceAttribute extends Infer<typeof deviceAttributeShape> {}

export const capacityRequestPolicyRangeShape = object("api.resource.v1.CapacityRequestPolicyRange", {
  min: quantity(1).required(),
  max: quantity(2),
  step: quantity(3),
});
export interface CapacityRequestPolicyRange extends Infer<typeof capacityRequestPolicyRangeShape> {}

export const capacityRequestPolicyShape = object("api.resource.v1.CapacityRequestPolicy", {
  default: quantity(1),
  validValues: list(3, quantityText),
  validRange: of(4, capacityRequestPolicyRangeShape),
});
export interface CapacityRequestPolicy extends Infer<typeof capacityRequestPolicyShape> {}

export const deviceCapacityShape = object("api.resource.v1.DeviceCapacity", {
  value: quantity(1).always(),
  requestPolicy: of(2, capacityRequestPolicyShape),
});
export interface DeviceCapacity extends Infer<typeof deviceCapacityShape> {}

export const counterShape = object("api.resource.v1.Counter", {
  value: quantity(1).always(),
});
export interface Counter extends Infer<typeof counterShape> {}

export const deviceCounterConsumptionShape = object("api.resource.v1.DeviceCounterConsumption", {
  counterSet: string(1).always(),
  counters: map(2, counterShape).required(),
});
export interface DeviceCounterConsumption extends Infer<typeof deviceCounterConsumptionShape> {}

export const deviceTaintShape = object("api.resource.v1.DeviceTaint", {
  key: string(1).always(),
  value: string(2),
  effect: oneOf(3, ["None", "NoSchedule", "NoExecute"]).always(),
  timeAdded: time(4),
});
export interface DeviceTaint extends Infer<typeof deviceTaintShape> {}

export const nodeAllocatableResourceMappingShape = object("api.resource.v1.NodeAllocatableResourceMapping", {
  capacityKey: string(1).keepZero(),
  allocationMultiplier: quantity(2),
});
export interface NodeAllocatableResourceMapping extends Infer<typeof nodeAllocatableResourceMappingShape> {}

export const deviceShape = object("api.resource.v1.Device", {
  name: string(1).always(),
  attributes: map(2, deviceAttributeShape),
  capacity: map(3, deviceCapacityShape),
  consumesCounters: list(4, deviceCounterConsumptionShape),
  nodeName: string(5).keepZero(),
  nodeSelector: of(6, nodeSelectorShape),
  allNodes: bool(7),
  taints: list(8, deviceTaintShape),
  bindsToNode: bool(9),
  bindingConditions: list(10, str),
  bindingFailureConditions: list(11, str),
  allowMultipleAllocations: bool(12),
  nodeAllocatableResourceMappings: map(13, nodeAllocatableResourceMappingShape),
});
export interface Device extends Infer<typeof deviceShape> {}

export const counterSetShape = object("api.resource.v1.CounterSet", {
  name: string(1).always(),
  counters: map(2, counterShape).required(),
});
export interface CounterSet extends Infer<typeof counterSetShape> {}

export const resourceSliceSpecShape = object("api.resource.v1.ResourceSliceSpec", {
  driver: string(1).always(),
  pool: of(2, resourcePoolShape).always(),
  nodeName: string(3).keepZero(),
  nodeSelector: of(4, nodeSelectorShape),
  allNodes: bool(5),
  devices: list(6, deviceShape),
  perDeviceNodeSelection: bool(7),
  sharedCounters: list(8, counterSetShape),
});
export interface ResourceSliceSpec extends Infer<typeof resourceSliceSpecShape> {}

export const resourceSliceShape = kind("api.resource.v1.ResourceSlice", {
  spec: of(2, resourceSliceSpecShape).always(),
});
export interface ResourceSlice extends Infer<typeof resourceSliceShape> {}

export const resourceSlices = resource<ResourceSlice>({
  group: "resource.k8s.io",
  version: "v1",
  kind: "ResourceSlice",
  plural: "resourceslices",
  namespaced: false,
  shape: resourceSliceShape,
  columns: [
    nameColumn,
    text("Node", (one) => one.spec.nodeName ?? ""),
    text("Driver", (one) => one.spec.driver),
    text("Pool", (one) => one.spec.pool.name),
    ageColumn,
  ],
  selectableFields: {
    "spec.nodeName": ({ spec }) => spec.nodeName ?? "",
    "spec.driver": ({ spec }) => spec.driver,
  },
  check: checkResourceSlice,
});
