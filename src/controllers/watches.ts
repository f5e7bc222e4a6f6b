/** The watches most controllers are made of. */
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import { controllerOf, keyOf } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import { pods } from "#resources/core/pod.ts";
import { services } from "#resources/core/service.ts";
import { selectorOfMap } from "#machinery/label-selector.ts";
import type { Namespace } from "#resources/core/namespace.ts";
import type { Caches, Watch } from "./controller.ts";

/** The objects the controller is for. */
export function ownKind<T extends KubeObject>(resource: ResourceDefinition<T>, indexes?: Watch["indexes"]): Watch {
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

export function ownerIndex(object: KubeObject): readonly string[] {
  return [controllerOf(object)?.uid ?? `orphan/${object.metadata.namespace ?? ""}`];
}

/** Objects that are only looked at: their changes concern nobody. */
export function lookedAt<T extends KubeObject>(resource: ResourceDefinition<T>, indexes?: Watch["indexes"]): Watch {
  return { resource: untyped(resource), keysOf: () => [], ...(indexes ? { indexes } : {}) };
}

/** One object of each namespace, kept by a controller whose keys are namespaces: its changes concern its namespace. */
export function namespaceOf<T extends KubeObject>(resource: ResourceDefinition<T>, name: string): Watch {
  return {
    resource: untyped(resource),
    fieldSelector: `metadata.name=${name}`,
    keysOf: ({ object }) =>
      object.metadata.name === name ? [{ namespace: "", name: object.metadata.namespace ?? "" }] : [],
  };
}

/** Neither deleted nor being emptied. */
export function isLiveNamespace(namespace: Namespace): boolean {
  return namespace.metadata.deletionTimestamp === undefined && namespace.status.phase !== "Terminating";
}

/** Pods, as far as Services care: a change concerns the Services that select the pod, or did. */
export const servicesOfPods: Watch = {
  resource: untyped(pods),
  keysOf: (change, caches) => {
    const selecting = (pod: KubeObject): readonly ObjectKey[] =>
      caches
        .list(services, pod.metadata.namespace ?? "")
        .filter(({ spec }) => spec.selector && selectorOfMap(spec.selector).matches(pod.metadata.labels ?? {}))
        .map(keyOf);
    if (change.type !== "modified") return selecting(change.object);
    return change.old.metadata.labels === change.object.metadata.labels
      ? selecting(change.object)
      : [...selecting(change.object), ...selecting(change.old)];
  },
};
