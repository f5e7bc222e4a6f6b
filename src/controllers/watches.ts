/** The watches most controllers are made of. */
import { controllerOf, keyOf, type Named, type ObjectKey, type Owned } from "#machinery/meta.ts";
import type { Readable } from "#machinery/resource.ts";
import { view, type Seen } from "#machinery/view.ts";
import { namespaces } from "#resources/core/namespace.ts";
import type { Caches, Watch, Watching } from "./controller.ts";

export function watching<T extends Named>(what: Readable<T>, how: Watching<T>): Watch {
  // Holds because the runner gives a watch what its own informer holds, and nothing else.
  return { ...how, what } as unknown as Watch;
}

/** The objects the controller is for. */
export function ownKind<T extends Named>(what: Readable<T>, indexes?: Watching<T>["indexes"]): Watch {
  return watching(what, { keysOf: ({ object }) => [keyOf(object)], ...(indexes ? { indexes } : {}) });
}

/** Index of objects by the uid of their managing owner; "" for those without one, by namespace. */
export const byOwner = "owner";

/** Objects that belong to the controller's own kind. Orphans concern every owner of their namespace that could take them. */
export function ownedBy<T extends Named & Owned>(
  what: Readable<T>,
  kind: string,
  adopters: (orphan: T, caches: Caches) => readonly ObjectKey[] = () => [],
): Watch {
  const keysFor = (object: T, caches: Caches): readonly ObjectKey[] => {
    const namespace = object.metadata.namespace ?? "";
    const owner = controllerOf(object);
    if (owner) return owner.kind === kind ? [{ namespace, name: owner.name }] : [];
    return adopters(object, caches);
  };
  return watching(what, {
    indexes: { [byOwner]: ownerIndex },
    keysOf: (change, caches) => {
      const keys = keysFor(change.object, caches);
      // A change of owner or labels concerns the one before, too.
      return change.type === "modified" ? [...keys, ...keysFor(change.old, caches)] : keys;
    },
  });
}

export function ownerIndex(object: Named & Owned): readonly string[] {
  return [controllerOf(object)?.uid ?? `orphan/${object.metadata.namespace ?? ""}`];
}

/** Objects that are only looked at: their changes concern nobody. */
export function lookedAt<T extends Named>(what: Readable<T>, indexes?: Watching<T>["indexes"]): Watch {
  return watching(what, { keysOf: () => [], ...(indexes ? { indexes } : {}) });
}

/** One object of each namespace, kept by a controller whose keys are namespaces: its changes concern its namespace. */
export function namespaceOf<T extends Named>(what: Readable<T>, name: string): Watch {
  return watching(what, {
    fieldSelector: `metadata.name=${name}`,
    keysOf: ({ object }) =>
      object.metadata.name === name ? [{ namespace: "", name: object.metadata.namespace ?? "" }] : [],
  });
}

/** What says whether a namespace lives. */
export const namespacesAlive = view(namespaces, { metadata: { deletionTimestamp: true }, status: { phase: true } });

export interface NamespaceSeen extends Seen<typeof namespacesAlive> {}

/** Neither deleted nor being emptied. */
export function isLiveNamespace(namespace: NamespaceSeen): boolean {
  return namespace.metadata.deletionTimestamp === undefined && namespace.status.phase !== "Terminating";
}
