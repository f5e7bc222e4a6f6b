/** What the scheduler reads of pods. It keeps facts of every pod of the cluster: what it does not read is not held. */
import { view, type KindView, type Seen } from "#machinery/view.ts";
import { pods } from "#resources/core/pod.ts";

const container = { name: true, image: true, resources: true, ports: true } as const;
const containerStatus = { name: true, allocatedResources: true, resources: true } as const;

const declared = view(pods, {
  metadata: {
    labels: true,
    ownerReferences: true,
    creationTimestamp: true,
    deletionTimestamp: true,
    generation: true,
  },
  spec: {
    nodeName: true,
    nodeSelector: true,
    schedulerName: true,
    schedulingGates: true,
    priority: true,
    preemptionPolicy: true,
    affinity: true,
    tolerations: true,
    topologySpreadConstraints: true,
    overhead: true,
    resourceClaims: true,
    resources: true,
    containers: container,
    initContainers: { ...container, restartPolicy: true },
    volumes: {
      name: true,
      ephemeral: true,
      persistentVolumeClaim: true,
      gcePersistentDisk: true,
      awsElasticBlockStore: true,
      rbd: true,
      iscsi: true,
      csi: true,
      image: true,
    },
  },
  status: {
    phase: true,
    startTime: true,
    nominatedNodeName: true,
    conditions: { type: true, status: true, reason: true, message: true },
    containerStatuses: containerStatus,
    initContainerStatuses: containerStatus,
  },
});

export interface PodSeen extends Seen<typeof declared> {}

export const podView: KindView<PodSeen> = declared;
