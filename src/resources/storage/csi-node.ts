/** CSINode of storage.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int32, list, listMap, object, of, str, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, integer } from "#machinery/table.ts";
import { checkCsiNode } from "./storage-rules.ts";

export const volumeNodeResourcesShape = object("api.storage.v1.VolumeNodeResources", {
  count: int32(1),
});
export interface VolumeNodeResources extends Infer<typeof volumeNodeResourcesShape> {}

export const csiNodeDriverShape = object("api.storage.v1.CSINodeDriver", {
  name: string(1).always(),
  nodeID: string(2).always(),
  topologyKeys: list(3, str).always().unlisted(),
  allocatable: of(4, volumeNodeResourcesShape),
});
export interface CSINodeDriver extends Infer<typeof csiNodeDriverShape> {}

export const csiNodeSpecShape = object("api.storage.v1.CSINodeSpec", {
  drivers: listMap(1, ["name"], csiNodeDriverShape).patchMerge("name").always(),
});
export interface CSINodeSpec extends Infer<typeof csiNodeSpecShape> {}

export const csiNodeShape = kind("api.storage.v1.CSINode", {
  spec: of(2, csiNodeSpecShape).always(),
});
export interface CSINode extends Infer<typeof csiNodeShape> {}

export const csiNodes = resource<CSINode>({
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSINode",
  plural: "csinodes",
  namespaced: false,
  shape: csiNodeShape,
  columns: [nameColumn, integer("Drivers", (one) => one.spec.drivers.length), ageColumn],
  generationFields: [],
  check: checkCsiNode,
});
