/** The watches most controllers are made of. */
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import { controllerOf, keyOf } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import type { Caches, Watch } from "./controller.ts";

/** The objects the controller is for. */
export function own<T extends KubeObject>(resource: ResourceDefinition<T>, indexes?: Watch["indexes"]): Watch {
  return { resource: untyped(resource), keysOf: ({ object }) => [keyOf(object)], ...(indexes ? { indexes } : {}) };
}

/** Index of objects by the uid of their managing owner; "" for those without one, by namespace. */
export const byOwner = "owner";

/** Objects that belong to the controller's own kind. Orphans concern every owner of their namespace that could take them. */
export function ownedBy<T extends KubeObject>(
  resource: ResourceDefinition<T>,
  kind: string,
  adopters: (orphan: T, caches: Caches) => readonly ObjectKey[] = () => [],
): Watch {
  const keysFor = (object: KubeObject, caches: Caches): readonly ObjectKey[] => {
    const namespace = object.metadata.namespace ?? "";
    const owner = controllerOf(object);
    if (owner) return owner.kind === kind ? [{ namespace, name: owner.name }] : [];
    // Holds because the watch is on this resource.
    return adopters(object as T, caches);
  };
  return {
    resource: untyped(resource),
    indexes: { [byOwner]: ownerIndex },
    keysOf: (change, caches) => {
      const keys = keysFor(change.object, caches);
      // A change of owner or labels concerns the one before, too.
      return change.type === "modified" ? [...keys, ...keysFor(change.old, caches)] : keys;
    },
  };
}

function ownerIndex(object: KubeObject): readonly string[] {
  return [controllerOf(object)?.uid ?? `orphan/${object.metadata.namespace ?? ""}`];
}

/** Objects that are only looked at: their changes concern nobody. */
export function lookedAt<T extends KubeObject>(resource: ResourceDefinition<T>, indexes?: Watch["indexes"]): Watch {
  return { resource: untyped(resource), keysOf: () => [], ...(indexes ? { indexes } : {}) };
}
