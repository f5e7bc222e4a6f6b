/**
 * The objects of the API that a pod refers to: what its node may read for it, and what a mirror pod must not have.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/node/
 */
import type { Pod } from "#resources/core/pod.ts";
import type { PodSeen } from "./pod-view.ts";

export const mirrorAnnotation = "kubernetes.io/config.mirror";

/** True for what a node shows of a pod that runs from its own files. */
export function isMirror({ metadata }: PodSeen): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined;
}

/** The parts of containers of every kind that refer to something. */
type Referring = PodSeen["spec"]["containers"][number];

function containersOf({ spec }: PodSeen): readonly Referring[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

/** Secrets in the pod's namespace. */
export function secretsOf(pod: PodSeen): readonly string[] {
  const named = [
    ...(pod.spec.imagePullSecrets ?? []).map(({ name }) => name),
    ...containersOf(pod).flatMap(({ env = [], envFrom = [] }) => [
      ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ...envFrom.map(({ secretRef }) => secretRef?.name),
    ]),
    ...(pod.spec.volumes ?? []).flatMap(secretsOfVolume),
  ];
  return present(named);
}

function secretsOfVolume(volume: NonNullable<PodSeen["spec"]["volumes"]>[number]): readonly (string | undefined)[] {
  return [
    volume.secret?.secretName,
    volume.azureFile?.secretName,
    volume.cephfs?.secretRef?.name,
    volume.cinder?.secretRef?.name,
    volume.csi?.nodePublishSecretRef?.name,
    volume.flexVolume?.secretRef?.name,
    volume.iscsi?.secretRef?.name,
    volume.rbd?.secretRef?.name,
    volume.scaleIO?.secretRef?.name,
    volume.storageos?.secretRef?.name,
    ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
  ];
}

/** Config maps in the pod's namespace. */
export function configMapsOf(pod: PodSeen): readonly string[] {
  return present([
    ...containersOf(pod).flatMap(({ env = [], envFrom = [] }) => [
      ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
      ...envFrom.map(({ configMapRef }) => configMapRef?.name),
    ]),
    ...(pod.spec.volumes ?? []).flatMap(({ configMap, projected }) => [
      configMap?.name,
      ...(projected?.sources ?? []).map((source) => source.configMap?.name),
    ]),
  ]);
}

/** Persistent volume claims in the pod's namespace. */
export function claimsOf({ metadata, spec }: PodSeen): readonly string[] {
  return present(
    (spec.volumes ?? []).map(({ name, persistentVolumeClaim, ephemeral }) =>
      ephemeral === undefined ? persistentVolumeClaim?.claimName : `${metadata.name}-${name}`,
    ),
  );
}

/** Resource claims in the pod's namespace, also those that were made for it. */
export function resourceClaimsOf({ spec, status }: PodSeen): readonly string[] {
  const made = new Map((status.resourceClaimStatuses ?? []).map((one) => [one.name, one.resourceClaimName]));
  return present([
    ...(spec.resourceClaims ?? []).map(({ name, resourceClaimName }) => resourceClaimName ?? made.get(name)),
    status.extendedResourceClaimStatus?.resourceClaimName,
  ]);
}

function present(names: readonly (string | undefined)[]): readonly string[] {
  return names.filter((name): name is string => name !== undefined && name !== "");
}

const projectedSources = [
  ["configMap", "configmaps (via projected volumes)"],
  ["secret", "secrets (via projected volumes)"],
  ["serviceAccountToken", "serviceaccounts (via projected volumes)"],
  ["clusterTrustBundle", "clustertrustbundles"],
  ["podCertificate", "podcertificates"],
] as const;

const referringVolumes = [
  ["configMap", "configmaps (via configmap volumes)"],
  ["secret", "secrets (via secret volumes)"],
  ["csi", "csidrivers (via CSI volumes)"],
  ["glusterfs", "endpoints (via glusterFS volumes)"],
  ["persistentVolumeClaim", "persistentvolumeclaims"],
  ["ephemeral", "persistentvolumeclaims (via ephemeral volumes)"],
  ["azureFile", "secrets (via azureFile volumes)"],
] as const;

/** What the pod refers to, in upstream's words; undefined when it refers to nothing. */
export function apiReferenceOf(pod: Pod): string | undefined {
  const { serviceAccountName = "", resourceClaims = [], volumes = [] } = pod.spec;
  if (serviceAccountName !== "") return "serviceaccounts";
  if (secretsOf(pod).length > 0) return "secrets";
  if (configMapsOf(pod).length > 0) return "configmaps";
  if (resourceClaims.length > 0) return "resourceclaims";
  for (const volume of volumes) {
    const found = referringVolumes.find(([type]) => volume[type] !== undefined);
    if (found) return found[1];
    for (const source of volume.projected?.sources ?? []) {
      const inside = projectedSources.find(([type]) => source[type] !== undefined);
      if (inside) return inside[1];
    }
  }
  return undefined;
}
