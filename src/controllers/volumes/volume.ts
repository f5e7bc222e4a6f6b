/** What is due for a volume: it is free, held by its claim, or released by one that is gone. Pure. */
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { patch, unless, warning } from "../actions.ts";
import type { Action } from "../controller.ts";
import { volumePhase } from "./claim.ts";
import { boundByController, provisionedBy } from "./matching.ts";

type ClaimReference = NonNullable<PersistentVolume["spec"]["claimRef"]>;

export interface VolumeObservation {
  readonly kind: "volume";
  readonly volume: PersistentVolume;
  /** The claim it names. */
  readonly claim: PersistentVolumeClaim | undefined;
}

export function planVolume({ volume, claim }: VolumeObservation): Action[] {
  const { claimRef } = volume.spec;
  if (!claimRef || (claimRef.uid ?? "") === "") return volumePhase(volume, "Available");
  if (!claim || claim.metadata.uid !== claimRef.uid) return released(volume, claimRef);
  const holds = claim.spec.volumeName ?? "";
  // The claim is still being bound: that is the claim's turn.
  if (holds === "") return [];
  if (holds === volume.metadata.name) return volumePhase(volume, "Bound");
  return letGo(volume);
}

/** What is released may be deleted with all that is in it: the API itself must say that the claim is gone. */
function released(volume: PersistentVolume, { namespace, name, uid }: ClaimReference): Action[] {
  const actions = release(volume);
  if (actions.length === 0) return [];
  const among = { namespace: namespace ?? "", fieldSelector: `metadata.name=${name ?? ""}` };
  return [unless(persistentVolumeClaims, among, (claim) => claim.metadata.uid === uid), ...actions];
}

/** The claim is gone. Who provisioned the volume deletes it, if it is to be deleted. */
function release(volume: PersistentVolume): Action[] {
  const { phase } = volume.status;
  if (phase === "Failed") return [];
  if (volume.spec.persistentVolumeReclaimPolicy === "Recycle") {
    const event = warning(volume, "VolumeFailedRecycle", "No recycler plugin found for the volume!");
    return [...volumePhase(volume, "Failed"), event];
  }
  const deletable = volume.spec.persistentVolumeReclaimPolicy === "Delete";
  if (deletable && volume.metadata.annotations?.[provisionedBy] === undefined) {
    const event = warning(
      volume,
      "VolumeFailedDelete",
      "error getting deleter volume plugin for volume: no volume plugin matched",
    );
    return [...volumePhase(volume, "Failed"), event];
  }
  return volumePhase(volume, "Released");
}

/** The claim took another volume. What this controller bound becomes free; what a user reserved stays reserved. */
function letGo(volume: PersistentVolume): Action[] {
  const { annotations } = volume.metadata;
  const dynamic = annotations?.[provisionedBy] !== undefined;
  if (dynamic && volume.spec.persistentVolumeReclaimPolicy === "Delete") return volumePhase(volume, "Released");
  const byUs = annotations?.[boundByController] !== undefined;
  const spec = byUs ? { claimRef: null } : { claimRef: { ...volume.spec.claimRef, uid: null, resourceVersion: null } };
  const metadata = { uid: volume.metadata.uid, ...(byUs ? { annotations: { [boundByController]: null } } : {}) };
  return [
    patch({ resource: persistentVolumes, object: volume }, { metadata, spec }),
    ...volumePhase(volume, "Available"),
  ];
}
