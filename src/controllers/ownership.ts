/**
 * Which objects belong to an owner: those that name it and still match, orphans that match (adopted), and those that
 * no longer match (released).
 */
import { controllerOf, type KubeObject, type OwnerReference, type Referable } from "#machinery/meta.ts";
import type { Selector } from "#machinery/label-selector.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { ViewOf } from "#machinery/view.ts";
import { patch } from "./actions.ts";
import type { Action } from "./controller.ts";

/** What is read of an object to say whose it is. */
export interface Claimable extends ViewOf<
  KubeObject,
  {
    readonly metadata: {
      readonly labels: true;
      readonly ownerReferences: true;
      readonly finalizers: true;
      readonly deletionTimestamp: true;
    };
  }
> {}

export interface Claim<T extends Claimable, R extends KubeObject> {
  readonly owner: KubeObject;
  readonly selector: Selector;
  /** Objects owned by `owner` and orphans of its namespace. */
  readonly candidates: readonly T[];
  readonly resource: ResourceDefinition<R>;
  /** Comes with the ownership and goes with it. */
  readonly finalizer?: string;
}

export interface Claimed<T extends Claimable> {
  /** Owned now, or once `actions` are done. */
  readonly owned: readonly T[];
  readonly actions: readonly Action[];
}

export function ownerReferenceTo(owner: Referable): OwnerReference {
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
export function claim<T extends Claimable, R extends KubeObject>(claim: Claim<T, R>): Claimed<T> {
  const { owner, selector, candidates } = claim;
  const { uid } = owner.metadata;
  const ending = owner.metadata.deletionTimestamp !== undefined;
  const owned: T[] = [];
  const actions: Action[] = [];
  for (const object of candidates) {
    const matches = selector.matches(object.metadata.labels ?? {});
    const reference = controllerOf(object);
    if (reference?.uid === uid) {
      if (matches || ending) owned.push(object);
      else actions.push(release(claim, object));
    } else if (!reference && matches && !ending && object.metadata.deletionTimestamp === undefined) {
      owned.push(object);
      actions.push(adopt(claim, object));
    }
  }
  return { owned, actions };
}

function adopt<T extends Claimable, R extends KubeObject>(claim: Claim<T, R>, object: T): Action {
  const { ownerReferences = [], finalizers = [] } = object.metadata;
  const guarded = claim.finalizer === undefined || finalizers.includes(claim.finalizer);
  return metadataPatch(claim.resource, object, {
    ownerReferences: [...ownerReferences, ownerReferenceTo(claim.owner)],
    ...(guarded ? {} : { finalizers: [...finalizers, claim.finalizer ?? ""] }),
  });
}

function release<T extends Claimable, R extends KubeObject>(
  { owner, resource, finalizer }: Claim<T, R>,
  object: T,
): Action {
  const { ownerReferences = [], finalizers = [] } = object.metadata;
  const guarded = finalizer !== undefined && finalizers.includes(finalizer);
  return metadataPatch(resource, object, {
    ownerReferences: ownerReferences.filter((one) => one.uid !== owner.metadata.uid),
    ...(guarded ? { finalizers: finalizers.filter((one) => one !== finalizer) } : {}),
  });
}

interface Belonging {
  readonly ownerReferences: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
}

// The uid in the patch is a precondition: an object of the same name that came later is not touched.
function metadataPatch<R extends KubeObject>(
  resource: ResourceDefinition<R>,
  object: Claimable,
  change: Belonging,
): Action {
  const { uid, resourceVersion } = object.metadata;
  const ownerReferences = change.ownerReferences.map((one) => ({ ...one }));
  // A list of finalizers is replaced as a whole, so it must be the newest.
  const newest = resourceVersion === undefined ? {} : { resourceVersion };
  const finalizers = change.finalizers ? { ...newest, finalizers: [...change.finalizers] } : {};
  return patch({ resource, object }, { metadata: { uid, ownerReferences, ...finalizers } });
}
