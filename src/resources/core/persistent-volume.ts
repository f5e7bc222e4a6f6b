/** PersistentVolume of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { object, of, oneOf, string, time, type Infer } from "#machinery/shape.ts";
import { persistentVolumeSpecShape } from "./persistent-volume-sources.ts";
import { persistentVolumeColumns } from "./volume-columns.ts";
import { checkPersistentVolume } from "./volume-claim-rules.ts";

export const persistentVolumeStatusShape = object("api.core.v1.PersistentVolumeStatus", {
  phase: oneOf(1, ["Pending", "Available", "Bound", "Released", "Failed"]),
  message: string(2),
  reason: string(3),
  lastPhaseTransitionTime: time(4),
});
export interface PersistentVolumeStatus extends Infer<typeof persistentVolumeStatusShape> {}

export const persistentVolumeShape = kind("api.core.v1.PersistentVolume", {
  spec: of(2, persistentVolumeSpecShape).always().unlisted(),
  status: of(3, persistentVolumeStatusShape).always().unlisted(),
});
export interface PersistentVolume extends Infer<typeof persistentVolumeShape> {}

export const persistentVolumes = resource<PersistentVolume>({
  group: "",
  version: "v1",
  kind: "PersistentVolume",
  plural: "persistentvolumes",
  shortNames: ["pv"],
  namespaced: false,
  shape: persistentVolumeShape,
  columns: persistentVolumeColumns,
  generationFields: [],
  prepare: ({ status }) => {
    status.phase ??= "Pending";
  },
  check: checkPersistentVolume,
});
