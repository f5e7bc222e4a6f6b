/** StorageClass of storage.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, list, map, oneOf, str, string, type Infer } from "#machinery/shape.ts";
import { topologySelectorTermShape } from "../core/references.ts";

export const storageClassShape = kind("api.storage.v1.StorageClass", {
  provisioner: string(2).always(),
  parameters: map(3, str),
  reclaimPolicy: oneOf(4, ["Recycle", "Delete", "Retain"]).keepZero(),
  mountOptions: list(5, str),
  allowVolumeExpansion: bool(6),
  volumeBindingMode: oneOf(7, ["Immediate", "WaitForFirstConsumer"]).keepZero(),
  allowedTopologies: list(8, topologySelectorTermShape),
});
export interface StorageClass extends Infer<typeof storageClassShape> {}

export const storageClasses = resource<StorageClass>({
  group: "storage.k8s.io",
  version: "v1",
  kind: "StorageClass",
  plural: "storageclasses",
  shortNames: ["sc"],
  namespaced: false,
  shape: storageClassShape,
});
