/**
 * Makes the claims of pods that bring their volumes with them.
 *
 * @see https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
 */
import { controllerOf } from "#machinery/meta.ts";
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import { create, warning } from "./actions.ts";
import { nothing, type Action, type Controller, type Plan } from "./controller.ts";
import { ownerReferenceTo } from "./ownership.ts";
import { ownKind, ownedBy } from "./watches.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export interface EphemeralObservation {
  readonly pod: PodSeen;
  readonly claimNamed: (name: string) => PersistentVolumeClaim | undefined;
}

export const ephemeralVolumeController: Controller<EphemeralObservation> = {
  name: "ephemeral-volume-controller",
  watches: [ownKind(podView), ownedBy(persistentVolumeClaims, "Pod")],
  observe: (key, caches) => {
    const pod = caches.get(podView, key);
    if (!pod?.spec.volumes?.some(({ ephemeral }) => ephemeral)) return undefined;
    return { pod, claimNamed: (name) => caches.get(persistentVolumeClaims, { namespace: key.namespace, name }) };
  },
  plan: planEphemeral,
};

/** Pure. */
export function planEphemeral({ pod, claimNamed }: EphemeralObservation): Plan {
  if (pod.metadata.deletionTimestamp !== undefined) return nothing;
  const actions = (pod.spec.volumes ?? []).flatMap((volume): Action[] => {
    const template = volume.ephemeral?.volumeClaimTemplate;
    if (!template) return [];
    const name = `${pod.metadata.name}-${volume.name}`;
    const known = claimNamed(name);
    if (known) return controllerOf(known)?.uid === pod.metadata.uid ? [] : [notOurs(pod, name)];
    const { labels, annotations } = template.metadata;
    const claim: PersistentVolumeClaim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        namespace: pod.metadata.namespace,
        name,
        ...(labels ? { labels } : {}),
        ...(annotations ? { annotations } : {}),
        ownerReferences: [ownerReferenceTo(pod)],
      },
      spec: template.spec,
      status: {},
    };
    const refused = (error: Error): readonly Action[] => [
      warning(pod, "FailedBinding", `ephemeral volume "${volume.name}": create PVC ${name}: ${error.message}`),
    ];
    return [create(persistentVolumeClaims, claim, { refused })];
  });
  return actions.length === 0 ? nothing : { actions };
}

function notOurs(pod: PodSeen, name: string): Action {
  const { namespace } = pod.metadata;
  const message = `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
  return warning(pod, "FailedBinding", message);
}
