/**
 * Brings claims and volumes together, and volumes back when their claims are gone.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/
 */
import { keyOf, type ObjectKey } from "#machinery/meta.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { storageClasses } from "#resources/storage/storage-class.ts";
import { nothing, type Caches, type Controller, type Plan } from "./controller.ts";
import { planClaim, type ClaimObservation } from "./volumes/claim.ts";
import { bindCompleted, classOf } from "./volumes/matching.ts";
import { planVolume, type VolumeObservation } from "./volumes/volume.ts";
import { watching } from "./watches.ts";

type Observation = ClaimObservation | VolumeObservation;

/** Keys with a namespace are claims, keys without are volumes. */
export const persistentVolumeBinder: Controller<Observation> = {
  name: "persistent-volume-binder",
  // One at a time: two claims must not take the same volume.
  workers: 1,
  watches: [
    watching(persistentVolumeClaims, {
      keysOf: ({ object }) => {
        const volumeName = object.spec.volumeName ?? "";
        return [keyOf(object), ...(volumeName === "" ? [] : [{ namespace: "", name: volumeName }])];
      },
    }),
    watching(persistentVolumes, { keysOf: ({ object }, caches) => keysOfVolume(object, caches) }),
    watching(storageClasses, {
      keysOf: ({ object }, caches) => waiting(caches, object.metadata.name ?? ""),
    }),
  ],
  observe: (key, caches) => (key.namespace === "" ? observeVolume(key, caches) : observeClaim(key, caches)),
  plan: (seen) => {
    const actions = seen.kind === "claim" ? planClaim(seen) : planVolume(seen);
    const plan: Plan = { actions };
    return actions.length === 0 ? nothing : plan;
  },
};

/** The volume itself, its claim, and while it is free every claim that could take it. */
function keysOfVolume(volume: PersistentVolume, caches: Caches): readonly ObjectKey[] {
  const { claimRef } = volume.spec;
  if (!claimRef) return [keyOf(volume), ...waiting(caches, classOf(volume))];
  return [keyOf(volume), { namespace: claimRef.namespace ?? "", name: claimRef.name ?? "" }];
}

function waiting(caches: Caches, className: string): readonly ObjectKey[] {
  return caches
    .list(persistentVolumeClaims, "")
    .filter((claim) => claim.metadata.annotations?.[bindCompleted] === undefined && classOf(claim) === className)
    .map(keyOf);
}

function observeVolume(key: ObjectKey, caches: Caches): VolumeObservation | undefined {
  const volume = caches.get(persistentVolumes, key);
  if (!volume) return undefined;
  const { namespace = "", name = "" } = volume.spec.claimRef ?? {};
  return { kind: "volume", volume, claim: caches.get(persistentVolumeClaims, { namespace, name }) };
}

function observeClaim(key: ObjectKey, caches: Caches): ClaimObservation | undefined {
  const claim = caches.get(persistentVolumeClaims, key);
  if (!claim) return undefined;
  const name = claim.spec.volumeName ?? "";
  return {
    kind: "claim",
    claim,
    volume: name === "" ? undefined : caches.get(persistentVolumes, { namespace: "", name }),
    volumes: name === "" ? caches.list(persistentVolumes, "") : [],
    storageClass: caches.get(storageClasses, { namespace: "", name: classOf(claim) }),
  };
}
