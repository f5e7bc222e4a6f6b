/** PersistentVolumeClaim of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";
import { persistentVolumeClaimSpecShape } from "./persistent-volume-claim-spec.ts";
import { persistentVolumeClaimStatusShape } from "./persistent-volume-claim-status.ts";
import { persistentVolumeClaimColumns } from "./volume-columns.ts";

export const persistentVolumeClaimShape = kind("api.core.v1.PersistentVolumeClaim", {
  spec: of(2, persistentVolumeClaimSpecShape).always().unlisted(),
  status: of(3, persistentVolumeClaimStatusShape).always().unlisted(),
});
export interface PersistentVolumeClaim extends Infer<typeof persistentVolumeClaimShape> {}

export const persistentVolumeClaims = resource<PersistentVolumeClaim>({
  group: "",
  version: "v1",
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
  shortNames: ["pvc"],
  namespaced: true,
  shape: persistentVolumeClaimShape,
  columns: persistentVolumeClaimColumns,
});
