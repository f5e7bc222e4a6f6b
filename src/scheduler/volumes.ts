/**
 * The volumes behind a pod's claims, and which would be chosen or made for it on a node. Pure.
 *
 * @see https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode
 */
import { own } from "#base/own.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import { Quantity } from "#machinery/quantity.ts";
import { matchesNodeSelector } from "#resources/core/node-matching.ts";
import type { Node } from "#resources/core/node.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { PersistentVolume } from "#resources/core/persistent-volume.ts";
import type { StorageClass } from "#resources/storage/storage-class.ts";
import { claimNameOf, type PodFacts } from "./pod-facts.ts";
import type { Related } from "./related.ts";

export const selectedNode = "volume.kubernetes.io/selected-node";
const bindCompleted = "pv.kubernetes.io/bind-completed";
const noProvisioner = "kubernetes.io/no-provisioner";

export interface PodClaims {
  readonly kind: "claims";
  readonly bound: readonly PersistentVolumeClaim[];
  /** To be bound when the node is known, the smallest first. */
  readonly delayed: readonly { readonly claim: PersistentVolumeClaim; readonly storageClass: StorageClass }[];
}

/** What is done for a pod's claims when it goes to a node. */
export interface VolumePlan {
  readonly kind: "plan";
  readonly bindings: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly provisions: readonly PersistentVolumeClaim[];
}

export interface NoVolumes {
  readonly kind: "none";
  readonly why: string;
}

export function claimKey({ metadata }: PersistentVolumeClaim): string {
  return `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
}

export function isBound({ metadata, spec, status }: PersistentVolumeClaim): boolean {
  const completed = metadata.annotations?.[bindCompleted] !== undefined || status.phase === "Bound";
  return (spec.volumeName ?? "") !== "" && completed;
}

/** The claims of a pod; undefined when it has none, or why it must wait whatever the node. */
export function claimsOf({ pod, namespace }: PodFacts, related: Related): PodClaims | NoVolumes | undefined {
  const bound: PersistentVolumeClaim[] = [];
  const delayed: { claim: PersistentVolumeClaim; storageClass: StorageClass }[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined) continue;
    const claim = related.claim(`${namespace}/${name}`);
    const problem = problemOf(claim, {
      name,
      podUid: pod.metadata.uid ?? "",
      ephemeral: volume.ephemeral !== undefined,
    });
    if (!claim || problem !== undefined) return { kind: "none", why: problem ?? "" };
    if (isBound(claim)) {
      bound.push(claim);
      continue;
    }
    const className = claim.spec.storageClassName ?? "";
    const storageClass = className === "" ? undefined : related.storageClass(className);
    if (className !== "" && !storageClass)
      return { kind: "none", why: `storageclass.storage.k8s.io "${className}" not found` };
    if (storageClass?.volumeBindingMode !== "WaitForFirstConsumer" || (claim.spec.volumeName ?? "") !== "")
      return { kind: "none", why: "pod has unbound immediate PersistentVolumeClaims" };
    delayed.push({ claim, storageClass });
  }
  if (bound.length + delayed.length === 0) return undefined;
  const size = ({ spec }: PersistentVolumeClaim): Quantity =>
    Quantity.parse(spec.resources.requests?.["storage"] ?? "0");
  return { kind: "claims", bound, delayed: delayed.toSorted((a, b) => size(a.claim).compare(size(b.claim))) };
}

function problemOf(
  claim: PersistentVolumeClaim | undefined,
  { name, podUid, ephemeral }: { readonly name: string; readonly podUid: string; readonly ephemeral: boolean },
): string | undefined {
  if (!claim)
    return ephemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`;
  if (claim.status.phase === "Lost")
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ""}"`;
  if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
  if (
    ephemeral &&
    !claim.metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === podUid)
  )
    return `PVC ${claimKey(claim)} was not created for the pod (the pod is not owner)`;
  return undefined;
}

/** Which volumes would be bound or made on the node, or why none can. */
export function planVolumes(claims: PodClaims, node: Node, related: Related): VolumePlan | NoVolumes {
  for (const { spec } of claims.bound) {
    const volume = related.volume(spec.volumeName ?? "");
    if (!volume)
      return { kind: "none", why: "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)" };
    if (!reaches(volume, node)) return { kind: "none", why: "node(s) didn't match PersistentVolume's node affinity" };
  }
  const bindings: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
  const provisions: PersistentVolumeClaim[] = [];
  for (const { claim, storageClass } of claims.delayed) {
    const selected = claim.metadata.annotations?.[selectedNode];
    const taken = new Set(bindings.map(({ volume }) => volume));
    const volume = selected === undefined ? smallestFor(claim, node, { related, taken }) : undefined;
    if (volume) bindings.push({ claim, volume });
    else if ((selected ?? node.metadata.name) === node.metadata.name && canProvision(storageClass, node))
      provisions.push(claim);
    else return { kind: "none", why: "node(s) didn't find available persistent volumes to bind" };
  }
  return { kind: "plan", bindings, provisions };
}

function reaches({ spec }: PersistentVolume, node: Node): boolean {
  return !spec.nodeAffinity?.required || matchesNodeSelector(spec.nodeAffinity.required, node);
}

interface Choice {
  readonly related: Related;
  readonly taken: ReadonlySet<PersistentVolume>;
}

function smallestFor(
  claim: PersistentVolumeClaim,
  node: Node,
  { related, taken }: Choice,
): PersistentVolume | undefined {
  const asked = Quantity.parse(claim.spec.resources.requests?.["storage"] ?? "0");
  const selector = claim.spec.selector ? selectorOf(claim.spec.selector) : undefined;
  let smallest: { readonly volume: PersistentVolume; readonly size: Quantity } | undefined;
  for (const volume of related.volumesOf(claim.spec.storageClassName ?? "")) {
    const { metadata, spec } = volume;
    if (taken.has(volume) || !isFreeFor(volume, claim, related) || !reaches(volume, node)) continue;
    if (selector && !selector.matches(metadata.labels)) continue;
    if ((spec.volumeMode ?? "Filesystem") !== (claim.spec.volumeMode ?? "Filesystem")) continue;
    if (!(claim.spec.accessModes ?? []).every((mode) => spec.accessModes?.includes(mode))) continue;
    const size = Quantity.parse(spec.capacity?.["storage"] ?? "0");
    if (size.compare(asked) < 0) continue;
    // One that is meant for the claim wins over smaller ones.
    if (spec.claimRef) return volume;
    if (!smallest || size.compare(smallest.size) < 0) smallest = { volume, size };
  }
  return smallest?.volume;
}

function isFreeFor(volume: PersistentVolume, claim: PersistentVolumeClaim, related: Related): boolean {
  const { metadata, spec, status } = volume;
  if (metadata.deletionTimestamp !== undefined || related.isPromised(metadata.name ?? "", claimKey(claim)))
    return false;
  const { claimRef } = spec;
  if (!claimRef) return status.phase === "Available";
  const { namespace, name, uid = "" } = claim.metadata;
  return claimRef.namespace === namespace && claimRef.name === name && (claimRef.uid ?? uid) === uid;
}

function canProvision({ provisioner, allowedTopologies = [] }: StorageClass, { metadata }: Node): boolean {
  if (provisioner === "" || provisioner === noProvisioner) return false;
  return (
    allowedTopologies.length === 0 ||
    allowedTopologies.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => (values ?? []).includes(own(metadata.labels, key) ?? "")),
    )
  );
}
