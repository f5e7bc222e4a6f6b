/** Services, and pods as far as Services care: a change concerns the Services that select the pod, or did. */
import { selectorOfMap } from "#machinery/label-selector.ts";
import { keyOf, type ObjectKey } from "#machinery/meta.ts";
import { services } from "#resources/core/service.ts";
import type { Caches, Watch } from "../controller.ts";
import { podView, type PodSeen } from "../pod-view.ts";
import { bySelector, selecting, selectorIndex, type Selecting } from "../selecting.ts";
import { ownKind, watching } from "../watches.ts";
import type { Service } from "#resources/core/service.ts";

const selectingServices: Selecting<Service> = {
  what: services,
  selectorOf: ({ spec }) => spec.selector && selectorOfMap(spec.selector),
};

function servicesOf(pod: PodSeen, caches: Caches): readonly ObjectKey[] {
  return selecting(selectingServices, pod.metadata, caches).map(keyOf);
}

export const servicesOfPods: readonly Watch[] = [
  ownKind(services, { [bySelector]: selectorIndex(selectingServices.selectorOf) }),
  watching(podView, {
    keysOf: (change, caches) => {
      if (change.type !== "modified" || change.old.metadata.labels === change.object.metadata.labels)
        return servicesOf(change.object, caches);
      return [...servicesOf(change.object, caches), ...servicesOf(change.old, caches)];
    },
  }),
];
