/**
 * Who owns whom, for the whole cluster: the little of each object that garbage collection needs, kept from watches.
 * The objects themselves are not kept.
 */
import { keyOf, type KubeObject, type ObjectKey, type OwnerReference } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";

export interface Item {
  readonly uid: string;
  readonly resource: ResourceDefinition;
  readonly key: ObjectKey;
  readonly owners: readonly OwnerReference[];
  /** Deleted in the foreground: it goes when the dependents that block it are gone. */
  readonly waitsForDependents: boolean;
  /** Deleted with its dependents to be left behind. */
  readonly orphansDependents: boolean;
  readonly deleting: boolean;
}

export const foregroundFinalizer = "foregroundDeletion";
export const orphanFinalizer = "orphan";

/** What is read of every object there is. */
export const itemFields = {
  metadata: {
    name: true,
    namespace: true,
    uid: true,
    resourceVersion: true,
    ownerReferences: true,
    finalizers: true,
    deletionTimestamp: true,
  },
} as const;

/** @param object With the fields above at least. */
export function itemOf(resource: ResourceDefinition, object: KubeObject): Item {
  const { uid = "", ownerReferences = [], finalizers = [], deletionTimestamp } = object.metadata;
  const deleting = deletionTimestamp !== undefined;
  return {
    uid,
    resource,
    key: keyOf(object),
    owners: ownerReferences,
    deleting,
    waitsForDependents: deleting && finalizers.includes(foregroundFinalizer),
    orphansDependents: deleting && finalizers.includes(orphanFinalizer),
  };
}

const none: ReadonlySet<string> = new Set();

export class Graph {
  private readonly items = new Map<string, Item>();
  // Owner uid to the uids of its dependents, whether the owner was seen or not.
  private readonly dependents = new Map<string, Set<string>>();
  private readonly byResource = new Map<string, Set<string>>();

  /** Everything that is kept, so that a test can see that it is let go. */
  get size(): number {
    return this.items.size + this.dependents.size + this.byResource.size;
  }

  get(uid: string): Item | undefined {
    return this.items.get(uid);
  }

  dependentsOf(uid: string): readonly Item[] {
    return [...(this.dependents.get(uid) ?? none)].flatMap((one) => this.items.get(one) ?? []);
  }

  itemsOf(resourceId: string): readonly Item[] {
    return [...(this.byResource.get(resourceId) ?? none)].flatMap((uid) => this.items.get(uid) ?? []);
  }

  /** Takes an object as it is now. Returns what was known of it before. */
  put(item: Item): Item | undefined {
    const before = this.items.get(item.uid);
    for (const owner of before?.owners ?? []) unlink(this.dependents, owner.uid, item.uid);
    for (const owner of item.owners) link(this.dependents, owner.uid, item.uid);
    link(this.byResource, item.resource.id, item.uid);
    this.items.set(item.uid, item);
    return before;
  }

  /** Forgets a deleted object; its dependents stay linked to its uid until they go. */
  remove(uid: string): void {
    const item = this.items.get(uid);
    if (!item) return;
    for (const owner of item.owners) unlink(this.dependents, owner.uid, uid);
    unlink(this.byResource, item.resource.id, uid);
    this.items.delete(uid);
  }
}

function link(sets: Map<string, Set<string>>, of: string, uid: string): void {
  const known = sets.get(of);
  if (known) known.add(uid);
  else sets.set(of, new Set([uid]));
}

function unlink(sets: Map<string, Set<string>>, of: string, uid: string): void {
  const known = sets.get(of);
  known?.delete(uid);
  if (known?.size === 0) sets.delete(of);
}
