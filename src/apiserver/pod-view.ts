/** What decides what a node may do: whose a pod is, and what it refers to. */
import { view, type KindView, type Seen } from "#machinery/view.ts";
import { pods } from "#resources/core/pod.ts";

const source = { name: true } as const;
const referring = {
  env: { valueFrom: { secretKeyRef: source, configMapKeyRef: source } },
  envFrom: { secretRef: source, configMapRef: source },
} as const;
const withSecret = { secretRef: source } as const;

const declared = view(pods, {
  metadata: { labels: true, annotations: { "kubernetes.io/config.mirror": true } },
  spec: {
    nodeName: true,
    serviceAccountName: true,
    imagePullSecrets: source,
    resourceClaims: true,
    containers: referring,
    initContainers: referring,
    ephemeralContainers: referring,
    volumes: {
      name: true,
      persistentVolumeClaim: true,
      ephemeral: true,
      secret: { secretName: true },
      configMap: source,
      projected: { sources: { secret: source, configMap: source } },
      azureFile: { secretName: true },
      cephfs: withSecret,
      cinder: withSecret,
      csi: { nodePublishSecretRef: source },
      flexVolume: withSecret,
      iscsi: withSecret,
      rbd: withSecret,
      scaleIO: withSecret,
      storageos: withSecret,
    },
  },
  status: { resourceClaimStatuses: true, extendedResourceClaimStatus: true },
});

export interface PodSeen extends Seen<typeof declared> {}

export const podView: KindView<PodSeen> = declared;
