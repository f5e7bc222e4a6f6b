/**
 * Keeps claims that pods use, and volumes that claims hold, until nobody needs them any more.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
 */
import { keyOf, type KubeObject } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { pods } from "#resources/core/pod.ts";
import { unless } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { ownKind, watching } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface ProtectionObservation<T extends KubeObject> {
  readonly object: T;
  readonly used: boolean;
}

const byClaim = "claim";

export const claimProtection: Controller<ProtectionObservation<PersistentVolumeClaim>> = {
  name: "pvc-protection-controller",
  watches: [
    ownKind(persistentVolumeClaims),
    watching(podView, {
      indexes: { [byClaim]: (pod) => claimsOf(pod).map((name) => `${pod.metadata.namespace}/${name}`) },
      keysOf: ({ object }) => claimsOf(object).map((name) => ({ namespace: object.metadata.namespace ?? "", name })),
    }),
  ],
  observe: (key, caches) => {
    const object = caches.get(persistentVolumeClaims, key);
    if (!object) return undefined;
    const users = caches.byIndex(podView, { name: byClaim, value: `${key.namespace}/${key.name}` });
    return { object, used: users.some(hasNode) };
  },
  plan: planClaimProtection,
};

export const volumeProtection: Controller<ProtectionObservation<PersistentVolume>> = {
  name: "pv-protection-controller",
  watches: [ownKind(persistentVolumes)],
  observe: (key, caches) => {
    const object = caches.get(persistentVolumes, key);
    return object && { object, used: object.status.phase === "Bound" };
  },
  plan: (seen) => planProtection(persistentVolumes, "kubernetes.io/pv-protection", seen),
};

/** A pod without a node has mounted nothing. */
function hasNode({ spec }: PodSeen): boolean {
  return (spec.nodeName ?? "") !== "";
}

/** Names of the claims a pod uses, its own ephemeral ones included. */
export function claimsOf(pod: PodSeen): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    if (volume.ephemeral) return [`${pod.metadata.name}-${volume.name}`];
    return volume.persistentVolumeClaim?.claimName ?? [];
  });
}

/** Pure. A claim that is let go takes its data along: the API itself must say that no pod uses it. */
export function planClaimProtection(seen: ProtectionObservation<PersistentVolumeClaim>): Plan {
  const { actions } = planProtection(persistentVolumeClaims, "kubernetes.io/pvc-protection", seen);
  const { namespace = "", name = "", deletionTimestamp } = seen.object.metadata;
  if (deletionTimestamp === undefined || actions.length === 0) return { actions };
  const uses = (pod: PodSeen): boolean => hasNode(pod) && claimsOf(pod).includes(name);
  return { actions: [unless(pods, { namespace }, uses), ...actions] };
}

/** Pure. */
export function planProtection<T extends KubeObject>(
  resource: ResourceDefinition<T>,
  finalizer: string,
  { object, used }: ProtectionObservation<T>,
): Plan {
  const guarded = object.metadata.finalizers?.includes(finalizer) === true;
  const ending = object.metadata.deletionTimestamp !== undefined;
  const { uid, resourceVersion } = object.metadata;
  // With its version: of what changed since it was read, nothing is let go.
  const change = ending
    ? guarded && !used && { resourceVersion, "$deleteFromPrimitiveList/finalizers": [finalizer] }
    : !guarded && { finalizers: [finalizer] };
  if (change === false) return nothing;
  const patch = { type: "strategic", body: { metadata: { uid, ...change } } } as const;
  return { actions: [{ kind: "patch", resource: untyped(resource), key: keyOf(object), patch }] };
}
