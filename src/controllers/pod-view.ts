/** What controllers read of pods. There may be 150,000 of them: what no controller reads is not held. */
import { view, type KindView, type Seen } from "#machinery/view.ts";
import { pods } from "#resources/core/pod.ts";

const declared = view(pods, {
  metadata: {
    labels: true,
    annotations: {
      "controller.kubernetes.io/pod-deletion-cost": true,
      "batch.kubernetes.io/job-completion-index": true,
      "batch.kubernetes.io/job-index-failure-count": true,
      "batch.kubernetes.io/job-index-ignored-failure-count": true,
    },
    ownerReferences: true,
    finalizers: true,
    creationTimestamp: true,
    deletionTimestamp: true,
  },
  spec: {
    nodeName: true,
    hostname: true,
    subdomain: true,
    tolerations: true,
    affinity: { nodeAffinity: true },
    volumes: { name: true, ephemeral: true, persistentVolumeClaim: true },
    containers: { ports: true },
    initContainers: { ports: true, restartPolicy: true },
  },
  status: {
    phase: true,
    podIP: true,
    podIPs: true,
    conditions: { type: true, status: true, reason: true, message: true, lastTransitionTime: true },
    containerStatuses: { name: true, restartCount: true, state: true },
    initContainerStatuses: { name: true, restartCount: true, state: true },
  },
});

export interface PodSeen extends Seen<typeof declared> {}

export const podView: KindView<PodSeen> = declared;
