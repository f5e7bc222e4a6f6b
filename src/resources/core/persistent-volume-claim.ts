/** PersistentVolumeClaim of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";
import { persistentVolumeClaimSpecShape, type PersistentVolumeClaimSpec } from "./persistent-volume-claim-spec.ts";
import { persistentVolumeClaimStatusShape } from "./persistent-volume-claim-status.ts";
import { persistentVolumeClaimColumns } from "./volume-columns.ts";
import { type Draft } from "#machinery/meta.ts";
import { checkPersistentVolumeClaim } from "./volume-claim-rules.ts";

export const persistentVolumeClaimShape = kind("api.core.v1.PersistentVolumeClaim", {
  spec: of(2, persistentVolumeClaimSpecShape).always().unlisted(),
  status: of(3, persistentVolumeClaimStatusShape).always().unlisted(),
});
export interface PersistentVolumeClaim extends Infer<typeof persistentVolumeClaimShape> {}

/** Two names of one field, of which the newer one can say more: each is filled in from the other. */
function mirrorDataSource(spec: Draft<PersistentVolumeClaimSpec>): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
  else if (!dataSource && dataSourceRef && !dataSourceRef.namespace) spec.dataSource = { ...dataSourceRef };
}

export const persistentVolumeClaims = resource<PersistentVolumeClaim>({
  group: "",
  version: "v1",
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
  shortNames: ["pvc"],
  namespaced: true,
  shape: persistentVolumeClaimShape,
  columns: persistentVolumeClaimColumns,
  generationFields: [],
  prepare: ({ spec, status }) => {
    status.phase ??= "Pending";
    mirrorDataSource(spec);
  },
  check: checkPersistentVolumeClaim,
});
