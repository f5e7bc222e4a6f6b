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

  get(uid: string): Item | undefined {
    return this.items.get(uid);
  }

  dependentsOf(uid: string): readonly Item[] {
    return [...(this.dependents.get(uid) ?? none)].flatMap((one) => this.items.get(one) ?? []);
  }

  /** Takes an object as it is now. Returns what was known of it before. */
  put(item: Item): Item | undefined {
    const before = this.items.get(item.uid);
    for (const owner of before?.owners ?? []) this.unlink(owner.uid, item.uid);
    for (const owner of item.owners) this.link(owner.uid, item.uid);
    this.items.set(item.uid, item);
    return before;
  }

  /** Forgets a deleted object; its dependents stay linked to its uid until they go. */
  remove(uid: string): void {
    for (const owner of this.items.get(uid)?.owners ?? []) this.unlink(owner.uid, uid);
    this.items.delete(uid);
  }

  private link(owner: string, dependent: string): void {
    const known = this.dependents.get(owner);
    if (known) known.add(dependent);
    else this.dependents.set(owner, new Set([dependent]));
  }

  private unlink(owner: string, dependent: string): void {
    const known = this.dependents.get(owner);
    known?.delete(dependent);
    if (known?.size === 0) this.dependents.delete(owner);
  }
}
