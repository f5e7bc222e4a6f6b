/**
 * Claims of a StatefulSet: made with the pod that needs them, and owned by the set or the pod as far as the retention
 * policy wants them to go with it. Pure.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention
 */
import { deepEqual } from "#machinery/equal.ts";
import type { KubeObject, OwnerReference } from "#machinery/meta.ts";
import type { StatefulSet } from "#resources/apps/stateful-set.ts";
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { PodSeen } from "../pod-view.ts";
import { create, normal, patch, warning } from "../actions.ts";
import type { Action } from "../controller.ts";
import { ownerReferenceTo } from "../ownership.ts";
import { claimsOf, isWanted, ordinalOf, podName } from "./identity.ts";

export type ClaimNamed = (name: string) => PersistentVolumeClaim | undefined;

/** Creates the claims of an ordinal that are not there. */
export function createClaims(set: StatefulSet, ordinal: number, claimNamed: ClaimNamed): Action[] {
  const pod = podName(set, ordinal);
  return claimsOf(set, ordinal)
    .filter((claim) => !claimNamed(claim.metadata.name ?? ""))
    .map((claim) => {
      const { name } = claim.metadata;
      const owned = withOwners(claim, wishedOwner(set, undefined));
      return create(persistentVolumeClaims, owned, {
        created: () => [
          normal(
            set,
            "SuccessfulCreate",
            `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`,
          ),
        ],
        refused: (error) => [
          warning(
            set,
            "FailedCreate",
            `create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${error.message}`,
          ),
        ],
      });
    });
}

/** True while a claim of this ordinal goes with an earlier pod of the same name, or is on its way out. */
export function hasStaleClaim(set: StatefulSet, ordinal: number, claimNamed: ClaimNamed): boolean {
  return claimsOf(set, ordinal).some((made) => {
    const claim = claimNamed(made.metadata.name ?? "");
    if (!claim) return false;
    const ofPod = (claim.metadata.ownerReferences ?? []).some(
      (owner) => owner.kind === "Pod" && owner.name === podName(set, ordinal),
    );
    return ofPod || claim.metadata.deletionTimestamp !== undefined;
  });
}

/** Gives the claims of a pod to whom the policy says. */
export function retainClaims(set: StatefulSet, pod: PodSeen, claimNamed: ClaimNamed): Action[] {
  return claimsOf(set, ordinalOf(pod)).flatMap((made) => {
    const claim = claimNamed(made.metadata.name ?? "");
    if (!claim || claim.metadata.deletionTimestamp !== undefined) return [];
    const ours = new Set([set.metadata.uid, pod.metadata.uid]);
    // Someone else manages the claim: leave it alone.
    if ((claim.metadata.ownerReferences ?? []).some((one) => one.controller === true && !ours.has(one.uid))) return [];
    const others = (claim.metadata.ownerReferences ?? []).filter((one) => !ours.has(one.uid));
    const ownerReferences = [...others, ...wishedOwner(set, pod)];
    if (deepEqual(ownerReferences, claim.metadata.ownerReferences ?? [])) return [];
    const metadata = { uid: claim.metadata.uid, ownerReferences: ownerReferences.map((one) => ({ ...one })) };
    return [patch({ resource: persistentVolumeClaims, object: claim }, { metadata })];
  });
}

function wishedOwner(set: StatefulSet, pod: PodSeen | undefined): readonly OwnerReference[] {
  const { whenDeleted = "Retain", whenScaled = "Retain" } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const condemned = pod !== undefined && !isWanted(set, ordinalOf(pod));
  if (condemned && whenScaled === "Delete") return [ownerReferenceTo(pod)];
  return whenDeleted === "Delete" ? [ownerReferenceTo(set)] : [];
}

function withOwners<T extends KubeObject>(object: T, ownerReferences: readonly OwnerReference[]): T {
  return ownerReferences.length === 0 ? object : { ...object, metadata: { ...object.metadata, ownerReferences } };
}
