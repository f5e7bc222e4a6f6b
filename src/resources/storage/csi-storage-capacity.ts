/** CSIStorageCapacity of storage.k8s.io/v1. */
import { labelSelector } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { of, quantity, string, type Infer } from "#machinery/shape.ts";
import { nameColumn, text } from "#machinery/table.ts";
import { checkCsiStorageCapacity } from "./storage-rules.ts";

export const csiStorageCapacityShape = kind("api.storage.v1.CSIStorageCapacity", {
  nodeTopology: of(2, labelSelector),
  storageClassName: string(3).always(),
  capacity: quantity(4),
  maximumVolumeSize: quantity(5),
});
export interface CSIStorageCapacity extends Infer<typeof csiStorageCapacityShape> {}

export const csiStorageCapacities = resource<CSIStorageCapacity>({
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSIStorageCapacity",
  plural: "csistoragecapacities",
  namespaced: true,
  shape: csiStorageCapacityShape,
  columns: [
    nameColumn,
    text("StorageClassName", (one) => one.storageClassName),
    text("Capacity", (one) => one.capacity ?? "<unset>"),
  ],
  check: checkCsiStorageCapacity,
});
