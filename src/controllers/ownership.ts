/**
 * Which objects belong to an owner: those that name it and still match, orphans that match (adopted), and those that
 * no longer match (released).
 */
import { controllerOf, type KubeObject, type OwnerReference } from "#machinery/meta.ts";
import type { Selector } from "#machinery/label-selector.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { patch } from "./actions.ts";
import type { Action } from "./controller.ts";

export interface Claim<T extends KubeObject> {
  readonly owner: KubeObject;
  readonly selector: Selector;
  /** Objects owned by `owner` and orphans of its namespace. */
  readonly candidates: readonly T[];
  readonly resource: ResourceDefinition<T>;
}

export interface Claimed<T extends KubeObject> {
  /** Owned now, or once `actions` are done. */
  readonly owned: readonly T[];
  readonly actions: readonly Action[];
}

export function ownerReferenceTo(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name ?? "",
    uid: owner.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Sorts the candidates. An owner that is being deleted adopts nothing and releases nothing. */
export function claim<T extends KubeObject>({ owner, selector, candidates, resource }: Claim<T>): Claimed<T> {
  const { uid } = owner.metadata;
  const ending = owner.metadata.deletionTimestamp !== undefined;
  const owned: T[] = [];
  const actions: Action[] = [];
  for (const object of candidates) {
    const matches = selector.matches(object.metadata.labels ?? {});
    const reference = controllerOf(object);
    if (reference?.uid === uid) {
      if (matches || ending) owned.push(object);
      else actions.push(release(resource, object, uid ?? ""));
    } else if (!reference && matches && !ending && object.metadata.deletionTimestamp === undefined) {
      owned.push(object);
      actions.push(adopt(resource, object, owner));
    }
  }
  return { owned, actions };
}

function adopt<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, owner: KubeObject): Action {
  const { uid, ownerReferences = [] } = object.metadata;
  return metadataPatch(resource, object, { uid, ownerReferences: [...ownerReferences, ownerReferenceTo(owner)] });
}

function release<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, ownerUid: string): Action {
  const { uid, ownerReferences = [] } = object.metadata;
  return metadataPatch(resource, object, {
    uid,
    ownerReferences: ownerReferences.filter((one) => one.uid !== ownerUid),
  });
}

// The uid in the patch is a precondition: an object of the same name that came later is not touched.
function metadataPatch<T extends KubeObject>(
  resource: ResourceDefinition<T>,
  object: T,
  metadata: { readonly uid: string | undefined; readonly ownerReferences: readonly OwnerReference[] },
): Action {
  const ownerReferences = metadata.ownerReferences.map((one) => ({ ...one }));
  return patch({ resource, object }, { metadata: { uid: metadata.uid, ownerReferences } });
}
