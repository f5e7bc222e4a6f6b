/** What is due for a claim: find it a volume, ask for one, or keep its status true. Pure. */
import { own } from "#base/own.ts";
import { deepEqual } from "#machinery/equal.ts";
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import type { StorageClass } from "#resources/storage/storage-class.ts";
import { normal, patch, update, warning } from "../actions.ts";
import type { Action } from "../controller.ts";
import {
  bestMatch,
  betaStorageProvisioner,
  bindCompleted,
  boundByController,
  classOf,
  isFor,
  isRequested,
  mismatch,
  storageProvisioner,
  waitsForConsumer,
} from "./matching.ts";

export interface ClaimObservation {
  readonly kind: "claim";
  readonly claim: PersistentVolumeClaim;
  /** The volume it names. */
  readonly volume: PersistentVolume | undefined;
  readonly volumes: readonly PersistentVolume[];
  readonly storageClass: StorageClass | undefined;
}

export function planClaim(seen: ClaimObservation): Action[] {
  const { claim, volume } = seen;
  const { annotations } = claim.metadata;
  const named = (claim.spec.volumeName ?? "") !== "";
  if (annotations?.[bindCompleted] !== undefined) return keepBound(seen, named);
  if (!named) return findVolume(seen);
  if (!volume) return pending(claim);
  if (!volume.spec.claimRef) {
    const why = mismatch(volume, claim);
    if (why === undefined) return bind(claim, volume);
    const message = `Cannot bind to requested volume "${volume.metadata.name}": ${why}`;
    return [warning(claim, "VolumeMismatch", message), ...pending(claim)];
  }
  return isFor(volume, claim) ? bind(claim, volume) : pending(claim);
}

function keepBound({ claim, volume }: ClaimObservation, named: boolean): Action[] {
  if (!named)
    return lost(claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
  if (!volume)
    return lost(claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
  if (!volume.spec.claimRef || isFor(volume, claim)) return bind(claim, volume);
  return lost(claim, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");
}

function findVolume({ claim, volumes, storageClass }: ClaimObservation): Action[] {
  const waits = waitsForConsumer(storageClass);
  const volume = bestMatch(volumes, claim, waits);
  if (volume) return bind(claim, volume);
  if (waits && !isRequested(claim)) {
    const message = "waiting for first consumer to be created before binding";
    return [normal(claim, "WaitForFirstConsumer", message), ...pending(claim)];
  }
  const name = classOf(claim);
  if (name === "") {
    const message = "no persistent volumes available for this claim and no storage class is set";
    return [normal(claim, "FailedBinding", message), ...pending(claim)];
  }
  if (!storageClass) {
    const message = `storageclass.storage.k8s.io "${name}" not found`;
    return [warning(claim, "ProvisioningFailed", message), ...pending(claim)];
  }
  return [...askFor(claim, storageClass.provisioner), ...pending(claim)];
}

/** A provisioner of its own makes the volume; the claim says which. */
function askFor(claim: PersistentVolumeClaim, provisioner: string): Action[] {
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  const event = normal(claim, "ExternalProvisioning", message);
  const wished = { [betaStorageProvisioner]: provisioner, [storageProvisioner]: provisioner };
  const told = Object.entries(wished).every(([key, value]) => own(claim.metadata.annotations, key) === value);
  if (told) return [event];
  return [patch({ resource: persistentVolumeClaims, object: claim }, { metadata: { annotations: wished } }), event];
}

/** Both name each other, then both say so. Every step may have been taken before. */
function bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Action[] {
  return [
    ...claimVolume(claim, volume),
    ...volumePhase(volume, "Bound"),
    ...nameVolume(claim, volume),
    ...claimStatus(claim, {
      phase: "Bound",
      accessModes: [...(volume.spec.accessModes ?? [])],
      capacity: { ...volume.spec.capacity },
    }),
  ];
}

function claimVolume(claim: PersistentVolumeClaim, volume: PersistentVolume): Action[] {
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  if (volume.spec.claimRef?.uid === uid) return [];
  const reserved = volume.spec.claimRef !== undefined;
  const annotations = reserved
    ? volume.metadata.annotations
    : { ...volume.metadata.annotations, [boundByController]: "yes" };
  const claimRef = { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace, name, uid, resourceVersion };
  const metadata = annotations ? { ...volume.metadata, annotations } : volume.metadata;
  return [update(persistentVolumes, { ...volume, metadata, spec: { ...volume.spec, claimRef } })];
}

function nameVolume(claim: PersistentVolumeClaim, volume: PersistentVolume): Action[] {
  const named = (claim.spec.volumeName ?? "") !== "";
  if (named && claim.metadata.annotations?.[bindCompleted] !== undefined) return [];
  const annotations = { [bindCompleted]: "yes", ...(named ? {} : { [boundByController]: "yes" }) };
  const { uid } = claim.metadata;
  const body = { metadata: { uid, annotations }, spec: { volumeName: volume.metadata.name } };
  return [patch({ resource: persistentVolumeClaims, object: claim }, body)];
}

export function volumePhase(
  volume: PersistentVolume,
  phase: NonNullable<PersistentVolume["status"]["phase"]>,
): Action[] {
  if (volume.status.phase === phase) return [];
  const { uid } = volume.metadata;
  return [patch({ resource: persistentVolumes, object: volume }, { metadata: { uid }, status: { phase } }, "status")];
}

interface ClaimStatus {
  readonly phase: string;
  readonly accessModes: readonly string[] | null;
  readonly capacity: Readonly<Record<string, string>> | null;
}

function claimStatus(claim: PersistentVolumeClaim, status: ClaimStatus): Action[] {
  const { phase, accessModes, capacity } = claim.status;
  const known = { phase: phase ?? "", accessModes: accessModes ?? null, capacity: capacity ?? null };
  if (deepEqual(known, status)) return [];
  const { uid } = claim.metadata;
  return [
    patch({ resource: persistentVolumeClaims, object: claim }, { metadata: { uid }, status: { ...status } }, "status"),
  ];
}

function pending(claim: PersistentVolumeClaim): Action[] {
  return claimStatus(claim, { phase: "Pending", accessModes: null, capacity: null });
}

function lost(claim: PersistentVolumeClaim, reason: string, message: string): Action[] {
  const status = claimStatus(claim, { phase: "Lost", accessModes: null, capacity: null });
  return status.length === 0 ? [] : [...status, warning(claim, reason, message)];
}
