/** Persistent volume claim spec: messages that kinds of core/v1 are made of. */
import { labelSelector, objectMeta } from "#machinery/meta.ts";
import { enumShape, list, map, object, of, oneOf, quantityText, string, type Infer } from "#machinery/shape.ts";
import { typedLocalObjectReferenceShape, typedObjectReferenceShape } from "./references.ts";

export const volumeResourceRequirementsShape = object("api.core.v1.VolumeResourceRequirements", {
  limits: map(1, quantityText),
  requests: map(2, quantityText),
});
export interface VolumeResourceRequirements extends Infer<typeof volumeResourceRequirementsShape> {}

export const persistentVolumeClaimSpecShape = object("api.core.v1.PersistentVolumeClaimSpec", {
  accessModes: list(1, enumShape(["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"])),
  selector: of(4, labelSelector),
  resources: of(2, volumeResourceRequirementsShape).always().unlisted(),
  volumeName: string(3),
  storageClassName: string(5).keepZero(),
  volumeMode: oneOf(6, ["Block", "Filesystem"]).keepZero().default("Filesystem"),
  dataSource: of(7, typedLocalObjectReferenceShape),
  dataSourceRef: of(8, typedObjectReferenceShape),
  volumeAttributesClassName: string(9).keepZero(),
});
export interface PersistentVolumeClaimSpec extends Infer<typeof persistentVolumeClaimSpecShape> {}

export const persistentVolumeClaimTemplateShape = object("api.core.v1.PersistentVolumeClaimTemplate", {
  metadata: of(1, objectMeta).always().unlisted(),
  spec: of(2, persistentVolumeClaimSpecShape).always(),
});
export interface PersistentVolumeClaimTemplate extends Infer<typeof persistentVolumeClaimTemplateShape> {}
