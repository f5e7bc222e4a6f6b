/** The columns of persistent volumes and claims. */
import type { Column } from "#machinery/resource.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { accessModesText } from "../column-texts.ts";
import type { PersistentVolume } from "./persistent-volume.ts";
import type { PersistentVolumeClaim } from "./persistent-volume-claim.ts";

type Claimable = PersistentVolume | PersistentVolumeClaim;

function phaseText({ metadata, status }: Claimable): string {
  return metadata.deletionTimestamp === undefined ? (status.phase ?? "") : "Terminating";
}

function classText({ metadata, spec }: Claimable): string {
  return metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec.storageClassName ?? "";
}

export const persistentVolumeColumns: readonly Column<PersistentVolume>[] = [
  nameColumn,
  text("Capacity", (volume) => volume.spec.capacity?.["storage"] ?? "0"),
  text("Access Modes", (volume) => accessModesText(volume.spec.accessModes)),
  text("Reclaim Policy", (volume) => volume.spec.persistentVolumeReclaimPolicy ?? ""),
  text("Status", phaseText),
  text("Claim", ({ spec: { claimRef } }) =>
    claimRef === undefined ? "" : `${claimRef.namespace ?? ""}/${claimRef.name ?? ""}`,
  ),
  text("StorageClass", classText),
  text("VolumeAttributesClass", (volume) => volume.spec.volumeAttributesClassName ?? "<unset>"),
  text("Reason", (volume) => volume.status.reason ?? ""),
  ageColumn,
  text("VolumeMode", (volume) => volume.spec.volumeMode ?? "<unset>", 1),
];

export const persistentVolumeClaimColumns: readonly Column<PersistentVolumeClaim>[] = [
  nameColumn,
  text("Status", phaseText),
  text("Volume", (claim) => claim.spec.volumeName ?? ""),
  text("Capacity", ({ spec, status }) => (spec.volumeName ? (status.capacity?.["storage"] ?? "0") : "")),
  text("Access Modes", ({ spec, status }) => (spec.volumeName ? accessModesText(status.accessModes) : "")),
  text("StorageClass", classText),
  text("VolumeAttributesClass", (claim) => claim.spec.volumeAttributesClassName ?? "<unset>"),
  ageColumn,
  text("VolumeMode", (claim) => claim.spec.volumeMode ?? "<unset>", 1),
];
