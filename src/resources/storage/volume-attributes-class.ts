/** VolumeAttributesClass of storage.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { map, str, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkVolumeAttributesClass } from "./storage-rules.ts";

export const volumeAttributesClassShape = kind("api.storage.v1.VolumeAttributesClass", {
  driverName: string(2).always(),
  parameters: map(3, str),
});
export interface VolumeAttributesClass extends Infer<typeof volumeAttributesClassShape> {}

export const volumeAttributesClasses = resource<VolumeAttributesClass>({
  group: "storage.k8s.io",
  version: "v1",
  kind: "VolumeAttributesClass",
  plural: "volumeattributesclasses",
  shortNames: ["vac"],
  namespaced: false,
  shape: volumeAttributesClassShape,
  columns: [nameColumn, text("DriverName", (one) => one.driverName), ageColumn],
  check: checkVolumeAttributesClass,
});
