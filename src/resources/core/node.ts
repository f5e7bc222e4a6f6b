/** Node of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import {
  bool,
  int32,
  int64,
  list,
  listMap,
  map,
  object,
  of,
  oneOf,
  quantityText,
  set,
  str,
  string,
  time,
  type Infer,
} from "#machinery/shape.ts";
import { nodeColumns } from "./node-columns.ts";
import { checkNode } from "./node-rules.ts";

export const taintShape = object("api.core.v1.Taint", {
  key: string(1).always(),
  value: string(2),
  effect: oneOf(3, ["NoSchedule", "PreferNoSchedule", "NoExecute"]).always(),
  timeAdded: time(4),
});
export interface Taint extends Infer<typeof taintShape> {}

export const configMapNodeConfigSourceShape = object("api.core.v1.ConfigMapNodeConfigSource", {
  namespace: string(1).always(),
  name: string(2).always(),
  uid: string(3),
  resourceVersion: string(4),
  kubeletConfigKey: string(5).always(),
});
export interface ConfigMapNodeConfigSource extends Infer<typeof configMapNodeConfigSourceShape> {}

export const nodeConfigSourceShape = object("api.core.v1.NodeConfigSource", {
  configMap: of(2, configMapNodeConfigSourceShape),
});
export interface NodeConfigSource extends Infer<typeof nodeConfigSourceShape> {}

export const nodeSpecShape = object("api.core.v1.NodeSpec", {
  podCIDR: string(1),
  podCIDRs: set(7, str).patchMerge(),
  providerID: string(3),
  unschedulable: bool(4).dropZero(),
  taints: list(5, taintShape),
  configSource: of(6, nodeConfigSourceShape),
  externalID: string(2),
});
export interface NodeSpec extends Infer<typeof nodeSpecShape> {}

export const nodeConditionShape = object("api.core.v1.NodeCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastHeartbeatTime: time(3),
  lastTransitionTime: time(4),
  reason: string(5),
  message: string(6),
});
export interface NodeCondition extends Infer<typeof nodeConditionShape> {}

export const nodeAddressShape = object("api.core.v1.NodeAddress", {
  type: string(1).always(),
  address: string(2).always(),
});
export interface NodeAddress extends Infer<typeof nodeAddressShape> {}

export const daemonEndpointShape = object("api.core.v1.DaemonEndpoint", {
  Port: int32(1).always(),
});
export interface DaemonEndpoint extends Infer<typeof daemonEndpointShape> {}

export const nodeDaemonEndpointsShape = object("api.core.v1.NodeDaemonEndpoints", {
  kubeletEndpoint: of(1, daemonEndpointShape).always().unlisted(),
});
export interface NodeDaemonEndpoints extends Infer<typeof nodeDaemonEndpointsShape> {}

export const nodeSwapStatusShape = object("api.core.v1.NodeSwapStatus", {
  capacity: int64(1),
});
export interface NodeSwapStatus extends Infer<typeof nodeSwapStatusShape> {}

export const nodeSystemInfoShape = object("api.core.v1.NodeSystemInfo", {
  machineID: string(1).always(),
  systemUUID: string(2).always(),
  bootID: string(3).always(),
  kernelVersion: string(4).always(),
  osImage: string(5).always(),
  containerRuntimeVersion: string(6).always(),
  kubeletVersion: string(7).always(),
  kubeProxyVersion: string(8).always(),
  operatingSystem: string(9).always(),
  architecture: string(10).always(),
  swap: of(11, nodeSwapStatusShape),
});
export interface NodeSystemInfo extends Infer<typeof nodeSystemInfoShape> {}

export const containerImageShape = object("api.core.v1.ContainerImage", {
  names: list(1, str).always().unlisted(),
  sizeBytes: int64(2).dropZero(),
});
export interface ContainerImage extends Infer<typeof containerImageShape> {}

export const attachedVolumeShape = object("api.core.v1.AttachedVolume", {
  name: string(1).always(),
  devicePath: string(2).always(),
});
export interface AttachedVolume extends Infer<typeof attachedVolumeShape> {}

export const nodeConfigStatusShape = object("api.core.v1.NodeConfigStatus", {
  assigned: of(1, nodeConfigSourceShape),
  active: of(2, nodeConfigSourceShape),
  lastKnownGood: of(3, nodeConfigSourceShape),
  error: string(4),
});
export interface NodeConfigStatus extends Infer<typeof nodeConfigStatusShape> {}

export const nodeRuntimeHandlerFeaturesShape = object("api.core.v1.NodeRuntimeHandlerFeatures", {
  recursiveReadOnlyMounts: bool(1),
  userNamespaces: bool(2),
});
export interface NodeRuntimeHandlerFeatures extends Infer<typeof nodeRuntimeHandlerFeaturesShape> {}

export const nodeRuntimeHandlerShape = object("api.core.v1.NodeRuntimeHandler", {
  name: string(1).always().unlisted(),
  features: of(2, nodeRuntimeHandlerFeaturesShape),
});
export interface NodeRuntimeHandler extends Infer<typeof nodeRuntimeHandlerShape> {}

export const nodeFeaturesShape = object("api.core.v1.NodeFeatures", {
  supplementalGroupsPolicy: bool(1),
});
export interface NodeFeatures extends Infer<typeof nodeFeaturesShape> {}

export const nodeStatusShape = object("api.core.v1.NodeStatus", {
  capacity: map(1, quantityText),
  allocatable: map(2, quantityText),
  phase: oneOf(3, ["Pending", "Running", "Terminated"]),
  conditions: listMap(4, ["type"], nodeConditionShape).patchMerge("type"),
  addresses: listMap(5, ["type"], nodeAddressShape).patchMerge("type"),
  daemonEndpoints: of(6, nodeDaemonEndpointsShape).always().unlisted(),
  nodeInfo: of(7, nodeSystemInfoShape).always().unlisted(),
  images: list(8, containerImageShape),
  volumesInUse: list(9, str),
  volumesAttached: list(10, attachedVolumeShape),
  config: of(11, nodeConfigStatusShape),
  runtimeHandlers: list(12, nodeRuntimeHandlerShape),
  features: of(13, nodeFeaturesShape),
  declaredFeatures: list(14, str),
});
export interface NodeStatus extends Infer<typeof nodeStatusShape> {}

export const nodeShape = kind("api.core.v1.Node", {
  spec: of(2, nodeSpecShape).always().unlisted(),
  status: of(3, nodeStatusShape).always().unlisted(),
});
export interface Node extends Infer<typeof nodeShape> {}

export const nodes = resource<Node>({
  group: "",
  version: "v1",
  kind: "Node",
  plural: "nodes",
  shortNames: ["no"],
  namespaced: false,
  shape: nodeShape,
  columns: nodeColumns,
  generationFields: [],
  defaults: ({ status }) => {
    if (status.capacity) status.allocatable ??= { ...status.capacity };
  },
  creatorSetsStatus: true,
  selectableFields: {
    "spec.unschedulable": ({ spec }) => String(spec.unschedulable ?? false),
  },
  check: checkNode,
});
