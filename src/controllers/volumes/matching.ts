/** Which volume suits a claim. Pure. */
import { Quantity } from "#machinery/quantity.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { PersistentVolume } from "#resources/core/persistent-volume.ts";
import type { StorageClass } from "#resources/storage/storage-class.ts";

export const bindCompleted = "pv.kubernetes.io/bind-completed";
export const boundByController = "pv.kubernetes.io/bound-by-controller";
export const provisionedBy = "pv.kubernetes.io/provisioned-by";
export const selectedNode = "volume.kubernetes.io/selected-node";
export const storageProvisioner = "volume.kubernetes.io/storage-provisioner";
export const betaStorageProvisioner = "volume.beta.kubernetes.io/storage-provisioner";
const betaClass = "volume.beta.kubernetes.io/storage-class";

export function classOf({ metadata, spec }: PersistentVolumeClaim | PersistentVolume): string {
  return metadata.annotations?.[betaClass] ?? spec.storageClassName ?? "";
}

/** The class waits for a pod, so that the volume is made where the pod runs. */
export function waitsForConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === "WaitForFirstConsumer";
}

export function isRequested(claim: PersistentVolumeClaim): boolean {
  return (claim.metadata.annotations?.[selectedNode] ?? "") !== "";
}

/** The volume names this very claim, or names it without a uid: then it was meant for a claim of this name. */
export function isFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec;
  const { namespace, name, uid } = claim.metadata;
  if (!claimRef || claimRef.name !== name || claimRef.namespace !== namespace) return false;
  return (claimRef.uid ?? "") === "" || claimRef.uid === uid;
}

/** Why a volume cannot serve a claim that names it; undefined when it can. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (sizeOf(volume.spec.capacity).compare(sizeOf(claim.spec.resources.requests)) < 0)
    return "requested PV is too small";
  if (classOf(volume) !== classOf(claim)) return "storageClassName does not match";
  if ((volume.spec.volumeMode ?? "Filesystem") !== (claim.spec.volumeMode ?? "Filesystem"))
    return "incompatible volumeMode";
  const modes = volume.spec.accessModes ?? [];
  return (claim.spec.accessModes ?? []).every((mode) => modes.includes(mode)) ? undefined : "incompatible accessMode";
}

/**
 * The smallest free volume that suits, before all one that was made for the claim.
 *
 * @param onlyReserved For a claim that waits for its pod: the scheduler reserves a volume where the pod can run.
 */
export function bestMatch(
  volumes: readonly PersistentVolume[],
  claim: PersistentVolumeClaim,
  onlyReserved: boolean,
): PersistentVolume | undefined {
  const reserved = volumes.find((volume) => isFor(volume, claim) && mismatch(volume, claim) === undefined);
  if (reserved || onlyReserved) return reserved;
  const selector = claim.spec.selector && selectorOf(claim.spec.selector);
  return volumes
    .filter(
      (volume) =>
        !volume.spec.claimRef &&
        volume.metadata.deletionTimestamp === undefined &&
        volume.status.phase === "Available" &&
        (selector?.matches(volume.metadata.labels ?? {}) ?? true) &&
        mismatch(volume, claim) === undefined,
    )
    .toSorted((a, b) => sizeOf(a.spec.capacity).compare(sizeOf(b.spec.capacity)))[0];
}

function sizeOf(amounts: Readonly<Record<string, string>> | undefined): Quantity {
  return Quantity.parse(amounts?.["storage"] ?? "0");
}
